# SPDX-License-Identifier: Apache-2.0

# The OVS_XFRM database: its schema, and the code that the IDL compiler of Open
# vSwitch makes from it.
pkgdata_DATA += ovsdb-schema/ovs-xfrm.ovsschema
EXTRA_DIST += \
	ovsdb-schema/ovs-xfrm.ovsschema \
	ovsdb-schema/xfrm-idl.ann

noinst_LTLIBRARIES += ovsdb-schema/libxfrmidl.la
nodist_ovsdb_schema_libxfrmidl_la_SOURCES = \
	ovsdb-schema/xfrm-idl.c \
	ovsdb-schema/xfrm-idl.h
# Generated code: no warnings of ours.
ovsdb_schema_libxfrmidl_la_CFLAGS = $(XFRM_SAN_CFLAGS) -w

OVSDB_IDLC = PYTHONPATH=$(OVS_SRCDIR)/python$(if $(PYTHONPATH),:$(PYTHONPATH)) \
	PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) $(OVS_BUILDDIR)/ovsdb/ovsdb-idlc
XFRM_IDL_BUILT = \
	ovsdb-schema/xfrm-idl.c \
	ovsdb-schema/xfrm-idl.h \
	ovsdb-schema/xfrm-idl.ovsidl
BUILT_SOURCES += $(XFRM_IDL_BUILT)
CLEANFILES += $(XFRM_IDL_BUILT)
ovsdb-schema/xfrm-idl.ovsidl: ovsdb-schema/ovs-xfrm.ovsschema \
		ovsdb-schema/xfrm-idl.ann | _ovs/stamp-build
	@$(MKDIR_P) ovsdb-schema
	$(AM_V_GEN)$(OVSDB_IDLC) annotate \
		$(srcdir)/ovsdb-schema/ovs-xfrm.ovsschema \
		$(srcdir)/ovsdb-schema/xfrm-idl.ann > $@.tmp
	$(AM_V_at)mv $@.tmp $@
ovsdb-schema/xfrm-idl.c: ovsdb-schema/xfrm-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-source $< > $@.tmp
	$(AM_V_at)mv $@.tmp $@
ovsdb-schema/xfrm-idl.h: ovsdb-schema/xfrm-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-header $< > $@.tmp
	$(AM_V_at)mv $@.tmp $@

# As in Open vSwitch: whoever changes the schema changes its version and then
# its checksum, so that no change goes unversioned.
ALL_LOCAL += ovsdb-schema/ovs-xfrm.ovsschema.stamp
ovsdb-schema/ovs-xfrm.ovsschema.stamp: ovsdb-schema/ovs-xfrm.ovsschema
	@$(MKDIR_P) ovsdb-schema
	$(AM_V_GEN)sh $(OVS_SRCDIR)/build-aux/cksum-schema-check \
		$(srcdir)/ovsdb-schema/ovs-xfrm.ovsschema $@
CLEANFILES += ovsdb-schema/ovs-xfrm.ovsschema.stamp

# The manual of the schema.  ovsdb-doc fails on a column of the schema that the
# manual does not have; "make check" looks at the other direction too.
OVSDB_DOC = PYTHONPATH=$(OVS_SRCDIR)/python$(if $(PYTHONPATH),:$(PYTHONPATH)) \
	PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) $(OVS_SRCDIR)/ovsdb/ovsdb-doc
man_MANS += ovsdb-schema/ovs-xfrm.5
EXTRA_DIST += ovsdb-schema/ovs-xfrm.xml
CLEANFILES += ovsdb-schema/ovs-xfrm.5
ovsdb-schema/ovs-xfrm.5: ovsdb-schema/ovs-xfrm.xml \
		ovsdb-schema/ovs-xfrm.ovsschema | _ovs/stamp-build
	@$(MKDIR_P) ovsdb-schema
	$(AM_V_GEN)$(OVSDB_DOC) --version=$(PACKAGE_VERSION) \
		$(srcdir)/ovsdb-schema/ovs-xfrm.ovsschema \
		$(srcdir)/ovsdb-schema/ovs-xfrm.xml > $@.tmp
	$(AM_V_at)mv $@.tmp $@
