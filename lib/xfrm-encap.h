/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_ENCAP_H
#define XFRM_ENCAP_H 1

/* Sockets through which the kernel receives ESP in UDP (RFC 3948).
 *
 * The kernel looks for ESP only in UDP packets for a socket that asked for it
 * (UDP_ENCAP of linux/udp.h); without one it answers that the port is closed.
 * An IKE daemon brings such a socket; a port whose keys are managed here
 * has to have its own.  Ports with the same address and UDP port share one.
 *
 * Used by the engine's thread only; below xfrm-port. */

#include "xfrm-selector.h"

struct xfrm_encap_socket;

/* Stores a reference to the socket for 'local' and UDP port 'port' (host
 * order) in '*sockp'.  Returns 0 or a positive errno with a sentence in
 * '*errorp' that the caller frees.  With EADDRINUSE it may still be that all is
 * well: an IKE daemon's socket receives for everybody, but nothing says whether
 * it is one that has the port. */
int xfrm_encap_ref(const struct xfrm_addr *local, uint16_t port,
                   struct xfrm_encap_socket **sockp, char **errorp);
void xfrm_encap_unref(struct xfrm_encap_socket *);
bool xfrm_encap_is_for(const struct xfrm_encap_socket *,
                       const struct xfrm_addr *local, uint16_t port);

#endif /* xfrm-encap.h */
