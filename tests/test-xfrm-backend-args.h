/* SPDX-License-Identifier: Apache-2.0 */

/* Arguments NAME=VALUE of a command, and the specs that they describe.
 *
 * What is not given has a default, as far as there is one; what makes no sense
 * ends the program with a message.  Below test-xfrm-backend.c. */

#ifndef TEST_XFRM_BACKEND_ARGS_H
#define TEST_XFRM_BACKEND_ARGS_H 1

#include "xfrm-spec.h"

struct ovs_cmdl_context;
struct smap;

/* Initializes 'args' with the arguments from number 'first' on. */
void args_to_smap(const struct ovs_cmdl_context *, int first,
                  struct smap *args);

uint64_t args_number(const struct smap *, const char *name, uint64_t def);
struct xfrm_addr args_address(const struct smap *, const char *name);

void sa_from_args(const struct smap *, struct xfrm_sa_spec *);
void policy_from_args(const struct smap *, struct xfrm_policy_spec *);

/* A key that needs no typing: the same bytes for the same algorithm. */
void args_default_key(const struct xfrm_algo *, struct xfrm_secret *);

#endif /* tests/test-xfrm-backend-args.h */
