/* SPDX-License-Identifier: Apache-2.0 */

/* What the fuzz targets share; see fuzz-main.c.
 *
 * A target is one file with the two functions that are declared here.  It
 * stands above the decoder that it feeds; below it is either fuzz-main.c or a
 * fuzzing engine with the same interface, such as libFuzzer. */

#ifndef FUZZ_H
#define FUZZ_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/dynamic-string.h"

/* Feeds 'size' bytes to the decoder and aborts if it does anything wrong that
 * a sanitizer doesn't see.  Returns 0, or -1 if it refused the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Appends the 'i'-th input, one that is accepted, to 'seed', or returns false
 * past the last. */
bool fuzz_seed(size_t i, struct ds *seed);

/* Frees 'error', what a decoder said about its input, which must be one line
 * of printable text.  NULL: it had nothing to say. */
void fuzz_check_sentence(char *error);

#endif /* tests/fuzz/fuzz.h */
