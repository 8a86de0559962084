# SPDX-License-Identifier: Apache-2.0
"""hold-udp.py ADDRESS PORT [esp]

Holds a UDP port until it is killed; "ready" says that it does.  With "esp" the
kernel receives ESP in UDP through it, as through an IKE daemon's.  The system
tests start it, at the peer and in place of other programs."""

import signal
import socket
import sys

UDP_ENCAP = 100
UDP_ENCAP_ESPINUDP = 2

address, port, *what = sys.argv[1:]
family = socket.AF_INET6 if ':' in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
if what == ['esp']:
    s.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
s.bind((address, int(port)))
print('ready', flush=True)
signal.pause()
