# SPDX-License-Identifier: Apache-2.0

bin_PROGRAMS += utilities/ovs-xfrmctl
man_MANS += utilities/ovs-xfrmctl.8

utilities_ovs_xfrmctl_SOURCES = \
	utilities/ovs-xfrmctl.c \
	utilities/ovs-xfrmctl.h \
	utilities/ovs-xfrmctl-arg.c \
	utilities/ovs-xfrmctl-db.c \
	utilities/ovs-xfrmctl-export.c \
	utilities/ovs-xfrmctl-init.c \
	utilities/ovs-xfrmctl-key.c \
	utilities/ovs-xfrmctl-options.c \
	utilities/ovs-xfrmctl-policy.c \
	utilities/ovs-xfrmctl-rekey.c \
	utilities/ovs-xfrmctl-rekey.h \
	utilities/ovs-xfrmctl-rekey-db.c \
	utilities/ovs-xfrmctl-rpc.c \
	utilities/ovs-xfrmctl-sa.c \
	utilities/ovs-xfrmctl-schema.c \
	utilities/ovs-xfrmctl-show.c
nodist_utilities_ovs_xfrmctl_SOURCES = utilities/ovs-xfrmctl-schema.inc
utilities_ovs_xfrmctl_LDADD = \
	ovsdb-schema/libxfrmidl.la \
	lib/libovsxfrm.la \
	$(OVS_BUILDDIR)/ovsdb/libovsdb.la \
	$(OVS_LIBS) \
	$(XFRM_LIBS)

# The schema as a C string: "init" needs no file to create a database from.
BUILT_SOURCES += utilities/ovs-xfrmctl-schema.inc
CLEANFILES += utilities/ovs-xfrmctl-schema.inc
utilities/ovs-xfrmctl-schema.inc: ovsdb-schema/ovs-xfrm.ovsschema
	@$(MKDIR_P) utilities
	$(AM_V_GEN)$(SED) -e 's/["\\]/\\&/g' -e 's/.*/"&\\n"/' \
		$(srcdir)/ovsdb-schema/ovs-xfrm.ovsschema > $@.tmp
	$(AM_V_at)mv $@.tmp $@

EXTRA_DIST += utilities/ovs-xfrmctl.8.in
CLEANFILES += utilities/ovs-xfrmctl.8
utilities/ovs-xfrmctl.8: utilities/ovs-xfrmctl.8.in Makefile
	@$(MKDIR_P) utilities
	$(AM_V_GEN)$(SED) \
		-e 's,[@]VERSION[@],$(PACKAGE_VERSION),g' \
		-e 's,[@]OVS_VERSION[@],$(OVS_VERSION),g' \
		-e 's,[@]RUNDIR[@],$(localstatedir)/run/openvswitch,g' \
		-e 's,[@]DBDIR[@],$(sysconfdir)/openvswitch,g' \
		-e 's,[@]SYSCONFDIR[@],$(sysconfdir),g' \
		$(srcdir)/utilities/ovs-xfrmctl.8.in > $@.tmp
	$(AM_V_at)mv $@.tmp $@

bashcompdir = $(sysconfdir)/bash_completion.d
dist_bashcomp_DATA = utilities/ovs-xfrmctl-bashcomp.bash
