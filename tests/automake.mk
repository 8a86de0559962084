# SPDX-License-Identifier: Apache-2.0

# Unit-test program: one file per library file, listed here and in
# TEST_XFRM_MODULES of tests/test-xfrm.h, and what such a file has beside it.
check_PROGRAMS += tests/test-xfrm
tests_test_xfrm_SOURCES = \
	tests/test-xfrm.c \
	tests/test-xfrm.h \
	tests/test-xfrm-secret.c \
	tests/test-xfrm-algo.c \
	tests/test-xfrm-spec.c \
	tests/test-xfrm-options.c \
	tests/test-xfrm-json.c \
	tests/test-xfrm-plan.c \
	tests/test-xfrm-diff.c \
	tests/test-xfrm-netlink.c \
	tests/test-xfrm-netlink-samples.c \
	tests/test-xfrm-netlink-samples.h \
	tests/test-xfrm-backend.c \
	tests/test-xfrm-backend-args.c \
	tests/test-xfrm-backend-args.h \
	tests/test-xfrm-batch.c \
	tests/test-xfrm-heap.c \
	tests/test-xfrm-nonce.c \
	tests/test-xfrm-crash.c \
	tests/test-xfrm-engine.c \
	tests/test-xfrm-fault.c \
	tests/test-xfrm-fault-port.c \
	tests/test-xfrm-fault.h \
	tests/test-xfrm-rows.c \
	tests/test-xfrm-sanitizer.c
tests_test_xfrm_LDADD = \
	lib/libovsxfrm.la \
	$(OVS_LIBS) \
	$(XFRM_LIBS)

# Traffic with an account of each packet, for the system tests.
check_PROGRAMS += tests/test-traffic
tests_test_traffic_SOURCES = tests/test-traffic.c
tests_test_traffic_LDADD = $(OVS_LIBS)

# Fuzz targets: one file each, with a driver of our own, fuzz-main.c.  A
# fuzzing engine such as libFuzzer calls the same functions: link it instead of
# the driver.
FUZZ_TARGETS = json options netlink nonce text
FUZZERS = $(FUZZ_TARGETS:%=tests/fuzz/fuzz-%)
FUZZ_COMMON = tests/fuzz/fuzz.h tests/fuzz/fuzz-util.c tests/fuzz/fuzz-main.c
FUZZ_LDADD = lib/libovsxfrm.la $(OVS_LIBS) $(XFRM_LIBS)
check_PROGRAMS += \
	tests/fuzz/fuzz-json \
	tests/fuzz/fuzz-options \
	tests/fuzz/fuzz-netlink \
	tests/fuzz/fuzz-nonce \
	tests/fuzz/fuzz-text
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz-json.c $(FUZZ_COMMON)
tests_fuzz_fuzz_json_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_options_SOURCES = tests/fuzz/fuzz-options.c $(FUZZ_COMMON)
tests_fuzz_fuzz_options_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_netlink_SOURCES = tests/fuzz/fuzz-netlink.c $(FUZZ_COMMON)
tests_fuzz_fuzz_netlink_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_nonce_SOURCES = tests/fuzz/fuzz-nonce.c $(FUZZ_COMMON)
tests_fuzz_fuzz_nonce_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz-text.c $(FUZZ_COMMON)
tests_fuzz_fuzz_text_LDADD = $(FUZZ_LDADD)

# Each for FUZZ_SECONDS, under the sanitizers if the build has them.
FUZZ_SECONDS = 60
FUZZ_SEED = 1
check-fuzz: $(FUZZERS)
	@for target in $(FUZZ_TARGETS); do \
		tests/fuzz/fuzz-$$target --seconds=$(FUZZ_SECONDS) \
			--seed=$(FUZZ_SEED) \
			--corpus=$(srcdir)/tests/fuzz/corpus/$$target \
			|| exit 1; \
	done
.PHONY: check-fuzz
CLEANFILES += fuzz-*.crash

# Test suites.  They contain Open vSwitch's macros, so they are generated in
# the build directory and never shipped.
TESTSUITE_AT = \
	tests/testsuite.at \
	tests/unit.at \
	tests/unit-nonce.at \
	tests/unit-algo.at \
	tests/ovs-xfrmctl.at \
	tests/ovs-xfrmctl-database.at \
	tests/ovs-xfrmctl-rekey.at \
	tests/secrecy.at \
	tests/dummy.at \
	tests/flows.at
SYSTEM_TESTSUITE_AT = \
	tests/system-testsuite.at \
	tests/xfrm-leak-macros.at \
	tests/xfrm-macros.at \
	tests/xfrm-db-macros.at \
	tests/xfrm-sites-macros.at \
	tests/system-xfrm.at \
	tests/system-xfrm-life.at \
	tests/system-user.at \
	tests/system-backend.at \
	tests/system-clock.at \
	tests/system-datapath.at \
	tests/system-db.at \
	tests/system-interop.at \
	tests/system-leak.at \
	tests/system-libreswan.at \
	tests/system-mobike.at \
	tests/system-rekey.at \
	tests/system-restart.at \
	tests/system-secrecy.at \
	tests/system-bench.at \
	tests/system-fault.at \
	tests/system-kmod-paths.at \
	tests/system-kmod-hold.at \
	tests/system-kmod-pmtu.at \
	tests/system-kmod-health.at \
	tests/system-kmod-link.at \
	tests/system-kmod.at \
	tests/system-offload.at
OVS_TESTSUITE_AT = \
	$(OVS_SRCDIR)/tests/ovs-macros.at \
	$(OVS_SRCDIR)/tests/ovsdb-macros.at \
	$(OVS_SRCDIR)/tests/ofproto-macros.at \
	$(OVS_SRCDIR)/tests/system-common-macros.at \
	$(OVS_SRCDIR)/tests/system-kmod-macros.at
# For fragments that a suite m4_includes without being listed.
OTHER_AT = $(wildcard $(srcdir)/tests/*.at)
EXTRA_DIST += $(TESTSUITE_AT) $(SYSTEM_TESTSUITE_AT) $(OTHER_AT)
EXTRA_DIST += $(wildcard \
	$(srcdir)/tests/vm \
	$(srcdir)/tests/summarize \
	$(srcdir)/tests/check-ovs \
	$(srcdir)/tests/check-ovs.subset \
	$(srcdir)/tests/check-ovs-kernel.subset \
	$(srcdir)/tests/kmod-dropin \
	$(srcdir)/tests/data \
	$(srcdir)/tests/fuzz \
	$(srcdir)/tests/*.py \
	$(srcdir)/tests/*.sh \
	$(srcdir)/tests/*.json)

TESTSUITES = tests/testsuite tests/system-testsuite
check_DATA += $(TESTSUITES) tests/atconfig tests/atlocal
CLEANFILES += $(TESTSUITES) tests/package.m4
DISTCLEANFILES += tests/atconfig tests/atlocal

AUTOTEST = $(AUTOM4TE) --language=autotest
AUTOTEST_FLAGS = -I tests -I $(srcdir) -I $(OVS_SRCDIR)

tests/testsuite: $(TESTSUITE_AT) $(OTHER_AT) $(OVS_TESTSUITE_AT) \
		tests/package.m4
	$(AM_V_GEN)$(AUTOTEST) $(AUTOTEST_FLAGS) -o $@.tmp \
		$(srcdir)/tests/testsuite.at
	$(AM_V_at)mv $@.tmp $@
tests/system-testsuite: $(SYSTEM_TESTSUITE_AT) $(OTHER_AT) \
		$(OVS_TESTSUITE_AT) tests/package.m4
	$(AM_V_GEN)$(AUTOTEST) $(AUTOTEST_FLAGS) -o $@.tmp \
		$(srcdir)/tests/system-testsuite.at
	$(AM_V_at)mv $@.tmp $@

tests/package.m4: Makefile
	@$(MKDIR_P) tests
	$(AM_V_GEN){ \
		echo 'm4_define([AT_PACKAGE_NAME],      [$(PACKAGE_NAME)])'; \
		echo 'm4_define([AT_PACKAGE_TARNAME],   [$(PACKAGE_TARNAME)])'; \
		echo 'm4_define([AT_PACKAGE_VERSION],   [$(PACKAGE_VERSION)])'; \
		echo 'm4_define([AT_PACKAGE_STRING],    [$(PACKAGE_STRING)])'; \
		echo 'm4_define([AT_PACKAGE_BUGREPORT], [$(PACKAGE_BUGREPORT)])'; \
	} > $@.tmp
	$(AM_V_at)mv $@.tmp $@
tests/atconfig: config.status
	$(AM_V_GEN)./config.status $@

# Our programs first, then Open vSwitch's tools.  Its own ovs-vswitchd is
# behind ours in the same path.
AUTOTEST_PATH = $(abs_builddir)/utilities:$(abs_builddir)/vswitchd:$(abs_builddir)/tests:$(abs_builddir)/tests/fuzz:$(OVS_BUILDDIR)/utilities:$(OVS_BUILDDIR)/vswitchd:$(OVS_BUILDDIR)/ovsdb:$(OVS_BUILDDIR)/tests

# A sanitizer's report anywhere fails the run, even if the test that provoked
# it passed.
RUN_TESTSUITE = \
	run_testsuite () { \
		suite=$$1; shift; \
		$(SHELL) $$suite -C tests AUTOTEST_PATH='$(AUTOTEST_PATH)' \
			$(TESTSUITEFLAGS) "$$@" || return 1; \
		reports=`find $$suite.dir '(' -name 'asan.*' -o -name 'ubsan.*' ')' -size +0 2>/dev/null`; \
		test -z "$$reports" || { \
			cat $$reports; echo "sanitizer reports: $$reports"; \
			return 1; \
		}; \
	}

check-local:
	@$(RUN_TESTSUITE); run_testsuite tests/testsuite

# The same under valgrind, which takes some twenty times as long; what it finds
# is beside the logs of the test.  A process that ends by kill -9 says nothing.
VALGRIND = valgrind -q --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite --num-callers=30
VALGRIND_EXECS = tests/test-xfrm utilities/ovs-xfrmctl vswitchd/ovs-vswitchd
check-valgrind: all $(check_PROGRAMS) $(check_DATA)
	@command -v valgrind >/dev/null || \
		{ echo 'valgrind is missing: apt-get install valgrind'; exit 1; }
	@rm -rf tests/valgrind && mkdir tests/valgrind && \
	for program in $(VALGRIND_EXECS); do \
		wrapper=tests/valgrind/`basename $$program` && \
		echo '#!/bin/sh' > $$wrapper && \
		echo 'exec $(VALGRIND) --log-file=valgrind.%p' \
			"'$(abs_builddir)/$$program'" '"$$@"' >> $$wrapper && \
		chmod +x $$wrapper || exit 1; \
	done
	@rm -rf tests/testsuite.dir; \
	OVS_CTL_TIMEOUT=300 $(SHELL) tests/testsuite -C tests -d \
		AUTOTEST_PATH='$(abs_builddir)/tests/valgrind:$(AUTOTEST_PATH)' \
		$(TESTSUITEFLAGS); status=$$?; \
	found=`find tests/testsuite.dir -name 'valgrind.*' -size +0`; \
	test -z "$$found" || { cat $$found; echo "valgrind: $$found"; exit 1; }; \
	exit $$status
.PHONY: check-valgrind

# The kernel's tests.  "check-system" boots a test host for them and brings the
# log back; "check-system-here" runs them on this very kernel (root, xfrm
# interfaces, ESP and Open vSwitch's module).
SYSTEM_FLAGS = AUTOTEST_PATH='$(AUTOTEST_PATH)' $(TESTSUITEFLAGS)
check-system: all $(check_PROGRAMS) $(check_DATA)
	-@PATH=$$PATH:/usr/sbin:/sbin; \
	for name in strongswan libreswan \
			`command -v nft >/dev/null || echo nftables`; do \
		$(srcdir)/tests/vm/packages --cache '$(OVS_CACHE)' $$name \
			>/dev/null || echo "no $$name: its tests are skipped"; \
	done
	$(srcdir)/tests/vm/hosts --settle --timeout 4200 --share '$(abs_builddir)' \
		$(VMFLAGS) -- '$(abs_builddir)' system-testsuite $(SYSTEM_FLAGS)
check-system-here:
	@$(RUN_TESTSUITE); run_testsuite tests/system-testsuite -j1
.PHONY: check-system check-system-here

# Open vSwitch's own suite with our daemon.  "check-ovs" runs every test that
# starts ovs-vswitchd, "check-ovs-subset" those that continuous integration has
# time for.  CHECK_OVSFLAGS='--compare', '-j2', '--every', or numbers of tests.
CHECK_OVS = \
	$(PYTHON3) '$(abs_srcdir)/tests/check-ovs' \
		--ovs-source='$(OVS_SRCDIR)' --ovs-build='$(OVS_BUILDDIR)' \
		--daemon='$(abs_builddir)/vswitchd' \
		--work='$(abs_builddir)/check-ovs'
check-ovs: all
	$(CHECK_OVS) $(CHECK_OVSFLAGS)
check-ovs-subset: all
	$(CHECK_OVS) --subset='$(abs_srcdir)/tests/check-ovs.subset' \
		$(CHECK_OVSFLAGS)
.PHONY: check-ovs check-ovs-subset

# The same with the tests that Open vSwitch has for the kernel's datapath, in a
# test host; what failed stays in check-ovs-kernel.
CHECK_OVS_KERNEL = \
	rm -rf /tmp/check-ovs; \
	$(PYTHON3) "$(abs_srcdir)/tests/check-ovs" --kernel \
		--ovs-source="$(OVS_SRCDIR)" --ovs-build="$(OVS_BUILDDIR)" \
		--daemon="$(abs_builddir)/vswitchd" --work=/tmp/check-ovs \
		--subset="$(abs_srcdir)/tests/check-ovs-kernel.subset" \
		$(CHECK_OVSFLAGS); \
	status=$$?; \
	cp -r /tmp/check-ovs/*/failed "$(abs_builddir)/check-ovs-kernel" \
		2>/dev/null; \
	exit $$status
check-ovs-kernel: all
	rm -rf check-ovs-kernel && $(MKDIR_P) check-ovs-kernel
	$(srcdir)/tests/vm/run --settle --timeout 4200 \
		--share '$(abs_builddir)/check-ovs-kernel' $(VMFLAGS) -- \
		sh -c '$(CHECK_OVS_KERNEL)'
.PHONY: check-ovs-kernel
CLEAN_LOCAL += clean-check-ovs
clean-check-ovs:
	rm -rf check-ovs check-ovs-kernel
.PHONY: clean-check-ovs

# What our port costs, beside what people would use instead: tests/vm/bench.
# BENCHFLAGS='--full', '--only data', '--jobs 1'.
bench: all $(check_PROGRAMS) $(check_DATA) kmod-host
	-@for name in wireguard openvswitch-ipsec; do \
		$(srcdir)/tests/vm/packages --cache '$(OVS_CACHE)' $$name \
			>/dev/null || echo "no $$name: it is not measured"; \
	done
	@kernel=`$(KMOD_PREPARE)` && \
	PATH='$(AUTOTEST_PATH)':$$PATH OVS_SRCDIR='$(OVS_SRCDIR)' \
		XFRM_SRCDIR='$(abs_srcdir)' AUTOTEST_PATH='$(AUTOTEST_PATH)' \
		exec '$(abs_srcdir)/tests/vm/bench' --build '$(abs_builddir)' \
		--cache '$(OVS_CACHE)' --kernel "$$kernel" \
		--kmod-kernel '$(KMOD_HOST)' $(BENCHFLAGS)
.PHONY: bench
CLEANFILES += bench.json bench.svg bench.txt

# What many SAs, policies and ports cost: tests/vm/bench-control.
# BENCHFLAGS='--full', '--only install', '--sas 1000'.
bench-control: all
	PATH='$(AUTOTEST_PATH)':$$PATH OVS_SRCDIR='$(OVS_SRCDIR)' \
		XFRM_SRCDIR='$(abs_srcdir)' \
		'$(abs_srcdir)/tests/vm/bench-control' '$(abs_builddir)' \
		$(BENCHFLAGS)
.PHONY: bench-control
CLEANFILES += bench-control.json
CLEAN_LOCAL += clean-bench
clean-bench:
	rm -rf bench-control bench-logs
.PHONY: clean-bench

CLEAN_LOCAL += clean-testsuites
clean-testsuites:
	rm -rf tests/testsuite.dir tests/testsuite.log \
		tests/system-testsuite.dir tests/system-testsuite*.log tests/valgrind
.PHONY: clean-testsuites
