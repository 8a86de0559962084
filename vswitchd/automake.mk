# SPDX-License-Identifier: Apache-2.0

sbin_PROGRAMS += vswitchd/ovs-vswitchd
man_MANS += vswitchd/ovs-vswitchd.8

vswitchd_ovs_vswitchd_SOURCES = \
	vswitchd/ovs-vswitchd.c \
	vswitchd/xfrm-charge.c \
	vswitchd/xfrm-charge.h \
	vswitchd/xfrm-db.c \
	vswitchd/xfrm-db.h \
	vswitchd/xfrm-db-feed.c \
	vswitchd/xfrm-db-feed.h \
	vswitchd/xfrm-db-host.c \
	vswitchd/xfrm-db-host.h \
	vswitchd/xfrm-db-hush.c \
	vswitchd/xfrm-db-hush.h \
	vswitchd/xfrm-db-load.c \
	vswitchd/xfrm-db-load.h \
	vswitchd/xfrm-db-notes.c \
	vswitchd/xfrm-db-notes.h \
	vswitchd/xfrm-db-parse.c \
	vswitchd/xfrm-db-parse.h \
	vswitchd/xfrm-db-private.h \
	vswitchd/xfrm-db-probe.c \
	vswitchd/xfrm-db-probe.h \
	vswitchd/xfrm-db-record.c \
	vswitchd/xfrm-db-record.h \
	vswitchd/xfrm-db-status.c \
	vswitchd/xfrm-db-thread.c \
	vswitchd/xfrm-db-thread.h \
	vswitchd/xfrm-db-wanted.c \
	vswitchd/xfrm-db-wanted.h \
	vswitchd/xfrm-report.c \
	vswitchd/xfrm-report.h \
	vswitchd/xfrm-unixctl.c \
	vswitchd/xfrm-unixctl.h \
	vswitchd/xfrm-xlate.c \
	vswitchd/xfrm-xlate.h

# Parts of the stock daemon that are in no library of Open vSwitch.  What the
# bridge writes into Interface:error goes through xfrm-report.c, which knows
# what the engine found out meanwhile; what it asks about its lock, and that
# it is ready, goes through xfrm-charge.c.  The translation of flows is in
# libofproto; this one comes first, so the linker takes no other.
OVS_VSWITCHD_OBJECTS = \
	vswitchd/ovs-bridge.$(OBJEXT) \
	vswitchd/ovs-system-stats.$(OBJEXT) \
	vswitchd/ovs-xlate.$(OBJEXT)
vswitchd/ovs-bridge.$(OBJEXT): $(OVS_SRCDIR)/vswitchd/bridge.c \
		$(srcdir)/vswitchd/automake.mk _ovs/stamp-build
	@$(MKDIR_P) vswitchd
	$(AM_V_CC)$(OVS_COMPILE) \
		-Dovsrec_interface_set_error=xfrm_report_set_error \
		-Dovsdb_idl_has_lock=xfrm_charge_has_lock \
		-Dovsdb_idl_is_lock_contended=xfrm_charge_is_contended \
		-Ddaemonize_complete=xfrm_charge_daemonize_complete \
		-c -o $@ $(OVS_SRCDIR)/vswitchd/bridge.c
vswitchd/ovs-system-stats.$(OBJEXT): $(OVS_SRCDIR)/vswitchd/system-stats.c \
		_ovs/stamp-build
	@$(MKDIR_P) vswitchd
	$(AM_V_CC)$(OVS_COMPILE) -c -o $@ $(OVS_SRCDIR)/vswitchd/system-stats.c
vswitchd/ovs-xlate.$(OBJEXT): $(OVS_SRCDIR)/ofproto/ofproto-dpif-xlate.c \
		$(srcdir)/vswitchd/automake.mk _ovs/stamp-build
	@$(MKDIR_P) vswitchd
	$(AM_V_CC)$(OVS_COMPILE) \
		-Dcommit_odp_actions=xfrm_commit_odp_actions \
		-c -o $@ $(OVS_SRCDIR)/ofproto/ofproto-dpif-xlate.c
CLEANFILES += $(OVS_VSWITCHD_OBJECTS)

vswitchd_ovs_vswitchd_LDADD = \
	lib/dpif-netlink-xfrm.$(OBJEXT) \
	$(OVS_VSWITCHD_OBJECTS) \
	lib/libovsxfrm.la \
	ovsdb-schema/libxfrmidl.la \
	$(OVS_LIBS) \
	$(XFRM_LIBS)

EXTRA_DIST += vswitchd/ovs-vswitchd.8.in
CLEANFILES += vswitchd/ovs-vswitchd.8
vswitchd/ovs-vswitchd.8: vswitchd/ovs-vswitchd.8.in Makefile
	@$(MKDIR_P) vswitchd
	$(AM_V_GEN)$(SED) \
		-e 's,[@]VERSION[@],$(PACKAGE_VERSION),g' \
		-e 's,[@]OVS_VERSION[@],$(OVS_VERSION),g' \
		-e 's,[@]RUNDIR[@],$(localstatedir)/run/openvswitch,g' \
		-e 's,[@]SYSCONFDIR[@],$(sysconfdir),g' \
		$(srcdir)/vswitchd/ovs-vswitchd.8.in > $@.tmp
	$(AM_V_at)mv $@.tmp $@
