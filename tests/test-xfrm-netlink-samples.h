/* SPDX-License-Identifier: Apache-2.0 */

/* Samples for the tests of xfrm-netlink: specs that differ in all respects,
 * and messages such as the kernel sends.
 *
 * All of them are the same in each run.  test-xfrm-netlink.c stands above and
 * looks at what becomes of them when they are encoded, decoded, cut and
 * changed. */

#ifndef TEST_XFRM_NETLINK_SAMPLES_H
#define TEST_XFRM_NETLINK_SAMPLES_H 1

#include "xfrm-spec.h"

struct nl_msg;

struct xfrm_addr sample_addr(const char *);
struct xfrm_sel sample_selector(const char *src, const char *dst);
void sample_sa(unsigned int i, struct xfrm_sa_spec *);
void sample_policy(unsigned int i, struct xfrm_policy_spec *);

void make_acquire(struct nl_msg *);
void make_expire(struct nl_msg *, bool hard);
void make_mapping(struct nl_msg *);
void make_policy_expire(struct nl_msg *, bool hard);
void make_policy_del_by_index(struct nl_msg *);
void make_flush(struct nl_msg *, bool sas);
void make_link(struct nl_msg *);
void make_route(struct nl_msg *);
void make_error(struct nl_msg *, int error, bool capped, const char *text);

/* Fills 'msg' with the 'i'-th kind of sample, one of those above or a request,
 * or returns false. */
bool make_sample(unsigned int i, struct nl_msg *msg);

#endif /* tests/test-xfrm-netlink-samples.h */
