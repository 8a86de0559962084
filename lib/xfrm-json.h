/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_JSON_H
#define XFRM_JSON_H 1

/* SA files and JSON output, on json-c.
 *
 * An SA file is hostile until parsed: the size, the depth, every name and
 * every value are checked, and nothing of a file with one error is used.
 * Above xfrm-spec, xfrm-file and xfrm-options, below the engine. */

#include "xfrm-file.h"
#include "xfrm-options.h"

/* The largest SA file that is read, in bytes. */
#define XFRM_SA_FILE_MAX ((size_t) 16 * 1024 * 1024)

int xfrm_json_parse_sas(const char *text, size_t len,
                        const struct xfrm_port_options *,
                        struct xfrm_sa_spec **sasp, size_t *n_sasp,
                        char **errorp);
int xfrm_json_read_sa_file(const char *path, const struct xfrm_port_options *,
                           struct xfrm_sa_spec **sasp, size_t *n_sasp,
                           struct xfrm_file_stamp *, char **errorp);

#endif /* xfrm-json.h */
