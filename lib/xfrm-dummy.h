/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_DUMMY_H
#define XFRM_DUMMY_H 1

/* The dummy datapath's strings for tests to pull.
 *
 * xfrm-dummy-table.c keeps one table of SAs, policies, devices and routes
 * for the whole process; these functions play the part of everybody else who
 * changes a kernel (an administrator, another daemon, traffic, the clock) and
 * make chosen calls fail.  Each is safe in any thread.  xfrm-dummy-unixctl.c
 * offers the same as "xfrm-dummy/..." commands; test programs call the
 * functions.
 *
 * Beside xfrm-backend.h; used by tests only. */

#include "xfrm-backend.h"

struct ds;

/* Registers the "xfrm-dummy/..." commands, once.  The first open of a handle
 * does it too, but must then happen in the thread that runs the unixctl
 * server. */
void xfrm_dummy_unixctl_init(void);

/* Back to an empty datapath with its first capabilities: device "lo" and
 * nothing else.  Handles stay open. */
void xfrm_dummy_reset(void);

/* The next 'count' calls of operation 'op' (the names of the members of
 * struct xfrm_backend_class; "sa_add", "sa_del", "policy_set" and
 * "policy_del" for apply() and for each operation of a batch) fail with
 * 'error'.  "apply_batch" loses the answers to the second half of a batch, of
 * which every other operation is done.  'count' 0 ends it, UINT_MAX is
 * forever.  Returns false if there is no such operation. */
bool xfrm_dummy_fail(const char *op, int error, unsigned int count);

/* The 'n'th call, counted from 1 and from now on, of any handle, opening one
 * included, fails with 'error', whatever it is, or only calls of operation 'op'
 * count.  If it is an operation on an SA or a policy, so does each repetition of
 * it; with 'lasts', so does each later call of whatever operation it is.  0 ends
 * it.  An operation on an SA or a policy that fails with EINPROGRESS is done
 * nevertheless: its answer got lost.
 * xfrm_dummy_fail_nth_op() tells, once it came, the name of the operation, or
 * NULL; for SAs and policies '*id' is its line in the log, to be freed. */
void xfrm_dummy_fail_nth(const char *op, unsigned int n, int error,
                         bool lasts);
const char *xfrm_dummy_fail_nth_op(char **id);

/* The name of operation 'i', counted from 0: of all that can fail, that is, of
 * each member of struct xfrm_backend_class that can.  NULL at the end. */
const char *xfrm_dummy_op_name(size_t i);

/* Unless NULL: called right before ('error' -1) and after (its outcome) each
 * operation of apply() and apply_batch(), with nobody else in the datapath.
 * Set it while no handle is open. */
extern void (*xfrm_dummy_hook)(const struct xfrm_op *, int error);

/* Each call on a handle that hears events (the engine's) takes 'ms' longer. */
void xfrm_dummy_set_delay(unsigned int ms);

/* What is there, sorted, without keys; and the writes that reached the
 * datapath through a handle, in order, one a line ("sa-add ...", "sa-del",
 * "policy-set", "policy-del", "link-create", "link-if-id", "link-up",
 * "link-mtu", "link-delete", "routes-add", "routes-del"; a failed one has
 * " failed: REASON" at its end). */
void xfrm_dummy_show(struct ds *);
void xfrm_dummy_log(struct ds *, bool clear);
unsigned int xfrm_dummy_n_writes(void);     /* Lines in the log. */

/* How often each operation (named as for xfrm_dummy_fail()) was called on
 * handles that hear events, which are the engine's: a line "NAME COUNT" for
 * each one that was.  An operation of a batch counts like one on its own. */
void xfrm_dummy_calls(struct ds *, bool clear);

/* Foreign changes, with the events that the kernel would send.  Those that
 * return int give 0 or a positive errno.  A foreign SA has no key, or 'key',
 * of an algorithm of ours. */
int xfrm_dummy_sa_add(uint32_t if_id, const struct xfrm_addr *src,
                      const struct xfrm_addr *dst, uint32_t spi);
int xfrm_dummy_sa_add_key(uint32_t if_id, const struct xfrm_addr *src,
                          const struct xfrm_addr *dst, uint32_t spi,
                          const struct xfrm_algo *,
                          const struct xfrm_secret *key);
int xfrm_dummy_sa_del(const struct xfrm_addr *dst, uint32_t spi);
void xfrm_dummy_policy_set(const struct xfrm_policy_spec *);
int xfrm_dummy_policy_del(uint32_t if_id, enum xfrm_dir);
void xfrm_dummy_flush(void);                /* All SAs and policies. */
int xfrm_dummy_expire(uint32_t spi, bool hard);
void xfrm_dummy_overrun(void);
int xfrm_dummy_acquire(uint32_t if_id, const struct xfrm_addr *src,
                       const struct xfrm_addr *dst);
int xfrm_dummy_mapping(const struct xfrm_addr *dst, uint32_t spi,
                       const struct xfrm_addr *src, uint16_t sport);

/* 'n' packets leave and 'n' arrive through xfrm device 'name'.  Lifetimes in
 * packets and bytes end as they would in the kernel. */
int xfrm_dummy_traffic(const char *name, uint64_t n);

/* Devices.  'kind' "xfrm" makes one that is not marked as ours. */
int xfrm_dummy_link_add(const char *name, const char *kind, uint32_t if_id);
int xfrm_dummy_link_del(const char *name);
int xfrm_dummy_link_set_up(const char *name, bool up);  /* Down: no routes. */
int xfrm_dummy_link_set_offload(const char *name, enum xfrm_offload);

/* 'which' is "transport", "routes", "inbound" or "pmtu".  Handles see the change with
 * their next call; all hear an OVERRUN event. */
bool xfrm_dummy_set_cap(const char *which, bool on);
bool xfrm_dummy_set_algo(const char *name, bool on);
void xfrm_dummy_set_module(bool on);        /* Off: no device can be made. */
void xfrm_dummy_set_route_mtu(int mtu);
bool xfrm_dummy_set_counter(const char *name, uint64_t value);

#endif /* xfrm-dummy.h */
