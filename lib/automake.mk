# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += lib/libovsxfrm.la

# From the bottom of the house to its top: see "Layers" in design.rst.
lib_libovsxfrm_la_SOURCES = \
	lib/xfrm-secret.c \
	lib/xfrm-secret.h \
	lib/xfrm-text.c \
	lib/xfrm-text.h \
	lib/xfrm-file.c \
	lib/xfrm-file.h \
	lib/xfrm-algo.c \
	lib/xfrm-algo.h \
	lib/xfrm-selector.c \
	lib/xfrm-selector.h \
	lib/xfrm-spec.c \
	lib/xfrm-spec.h \
	lib/xfrm-spec-policy.c \
	lib/xfrm-spec-text.c \
	lib/xfrm-options.c \
	lib/xfrm-options.h \
	lib/xfrm-options-table.c \
	lib/xfrm-options-table.h \
	lib/xfrm-plan.c \
	lib/xfrm-plan.h \
	lib/xfrm-jsonc.h \
	lib/xfrm-json-scan.c \
	lib/xfrm-json-scan.h \
	lib/xfrm-json.c \
	lib/xfrm-json.h \
	lib/xfrm-diff.c \
	lib/xfrm-diff.h \
	lib/xfrm-netlink.c \
	lib/xfrm-netlink.h \
	lib/xfrm-netlink-parse.c \
	lib/xfrm-netlink-event.c \
	lib/xfrm-netlink-link.c \
	lib/xfrm-netlink-uapi.h \
	lib/xfrm-backend.h \
	lib/xfrm-backend-kernel.c \
	lib/xfrm-backend-kernel.h \
	lib/xfrm-backend-kernel-sock.c \
	lib/xfrm-backend-kernel-link.c \
	lib/xfrm-backend-kernel-proc.c \
	lib/xfrm-backend-dummy.c \
	lib/xfrm-backend-dummy.h \
	lib/xfrm-backend-dummy-link.c \
	lib/xfrm-dummy.c \
	lib/xfrm-dummy.h \
	lib/xfrm-dummy-event.c \
	lib/xfrm-dummy-table.c \
	lib/xfrm-dummy-table.h \
	lib/xfrm-dummy-unixctl.c \
	lib/xfrm-nonce.c \
	lib/xfrm-nonce.h \
	lib/xfrm-nonce-private.h \
	lib/xfrm-nonce-read.c \
	lib/xfrm-encap.c \
	lib/xfrm-encap.h \
	lib/xfrm-acquire.c \
	lib/xfrm-acquire.h \
	lib/xfrm-heap.c \
	lib/xfrm-heap.h \
	lib/xfrm-json-text.c \
	lib/xfrm-json-text.h \
	lib/xfrm-packet.c \
	lib/xfrm-memo.c \
	lib/xfrm-memo.h \
	lib/xfrm-tally.c \
	lib/xfrm-tally.h \
	lib/xfrm-listing.c \
	lib/xfrm-listing.h \
	lib/xfrm-row.c \
	lib/xfrm-row.h \
	lib/xfrm-snapshot.c \
	lib/xfrm-snapshot.h \
	lib/xfrm-port.c \
	lib/xfrm-port.h \
	lib/xfrm-port-link.c \
	lib/xfrm-port-rows.c \
	lib/xfrm-port-changes.c \
	lib/xfrm-observe.c \
	lib/xfrm-outcome.c \
	lib/xfrm-prune.c \
	lib/xfrm-apply.c \
	lib/xfrm-choose.c \
	lib/xfrm-reconcile.c \
	lib/xfrm-reconcile-rows.c \
	lib/xfrm-run.h \
	lib/xfrm-engine.c \
	lib/xfrm-engine-private.h \
	lib/xfrm-engine-rows.c \
	lib/xfrm-engine-events.c \
	lib/xfrm-engine-pass.c \
	lib/xfrm-engine-thread.c \
	lib/xfrm-engine-thread.h \
	lib/xfrm-engine.h \
	lib/xfrm-ovs-json.h \
	lib/xfrm-status.c \
	lib/xfrm-status.h \
	lib/netdev-xfrm.c \
	lib/netdev-xfrm-device.c \
	lib/netdev-xfrm.h \
	lib/netdev-xfrm-private.h \
	lib/netdev-xfrm-io.c
nodist_lib_libovsxfrm_la_SOURCES = \
	lib/xfrm-version.h

# The seam into Open vSwitch's kernel datapath.  It is linked as an object of
# the program, so that the linker has no reason to take the archive's.
EXTRA_DIST += lib/dpif-netlink-xfrm.c
lib/dpif-netlink-xfrm.$(OBJEXT): lib/dpif-netlink-xfrm.c lib/netdev-xfrm.h \
		$(OVS_SRCDIR)/lib/dpif-netlink.c _ovs/stamp-build
	@$(MKDIR_P) lib
	$(AM_V_CC)$(OVS_COMPILE) -c -o $@ $(srcdir)/lib/dpif-netlink-xfrm.c
CLEANFILES += lib/dpif-netlink-xfrm.$(OBJEXT)
