# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += $(wildcard \
	$(srcdir)/Documentation/*.rst \
	$(srcdir)/Documentation/*.md \
	$(srcdir)/Documentation/*.svg \
	$(srcdir)/Documentation/*.json \
	$(srcdir)/Documentation/*/*.rst \
	$(srcdir)/Documentation/*/*.svg \
	$(srcdir)/Documentation/*/*.json)

man_MANS += Documentation/ovs-xfrm.7
EXTRA_DIST += Documentation/ovs-xfrm.7.in
CLEANFILES += Documentation/ovs-xfrm.7
Documentation/ovs-xfrm.7: Documentation/ovs-xfrm.7.in Makefile
	@$(MKDIR_P) Documentation
	$(AM_V_GEN)$(SED) \
		-e 's,[@]VERSION[@],$(PACKAGE_VERSION),g' \
		-e 's,[@]OVS_VERSION[@],$(OVS_VERSION),g' \
		-e 's,[@]RUNDIR[@],$(localstatedir)/run/openvswitch,g' \
		-e 's,[@]SYSCONFDIR[@],$(sysconfdir),g' \
		$(srcdir)/Documentation/ovs-xfrm.7.in > $@.tmp
	$(AM_V_at)mv $@.tmp $@

# Puts the table of options into the documents that show it;
# tests/unit-docs.at checks that it is there.
EXTRA_DIST += Documentation/update-options
update-options: tests/test-xfrm
	$(SHELL) $(srcdir)/Documentation/update-options tests/test-xfrm
.PHONY: update-options
