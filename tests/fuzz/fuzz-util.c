/* SPDX-License-Identifier: Apache-2.0 */

/* What the fuzz targets share whatever drives them; see fuzz.h. */

#include <config.h>

#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "util.h"

void
fuzz_check_sentence(char *error)
{
    if (error) {
        ovs_assert(*error);
        for (const char *p = error; *p; p++) {
            ovs_assert(*p >= 0x20 && *p < 0x7f);
        }
        free(error);
    }
}
