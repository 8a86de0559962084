# SPDX-License-Identifier: Apache-2.0
#
# The kernel module.  Nothing here belongs to "make all": a machine without
# kernel headers builds, checks and ships the rest.

EXTRA_DIST += \
	kmod/Kbuild \
	kmod/build \
	kmod/check-install \
	kmod/fetch-source \
	kmod/lint \
	kmod/lint-exceptions \
	kmod/bundle.c \
	kmod/bundle.h \
	kmod/changes.c \
	kmod/compat.h \
	kmod/dkms.conf.in \
	kmod/encap.c \
	kmod/errors.c \
	kmod/handlers.c \
	kmod/hold.c \
	kmod/link.c \
	kmod/main.c \
	kmod/pmtu.c \
	kmod/port.h \
	kmod/receive.c \
	kmod/receive.h \
	kmod/stats.c \
	kmod/table.c \
	kmod/transmit.c

# KMOD_SUITE: suite of Debian whose kernel the module is built for and tested
# on, e.g. bookworm-backports; default: the test host's own.
# KMOD_RELEASE: kernel release to build for; default: that suite's, else what
# kmod/build finds.
# KMOD_KDIR: a kernel's build directory; fetches nothing.
KMOD_DIR = $(abs_builddir)/kmod/out$(KMOD_SUITE:%=-%)
KMOD = $(KMOD_DIR)/xfrm_interface.ko
KMOD_PREPARE = $(srcdir)/tests/vm/prepare \
	$(if $(KMOD_SUITE),--suite '$(KMOD_SUITE)')
KMOD_BUILD = $(srcdir)/kmod/build --output '$(KMOD_DIR)' \
	--version '$(PACKAGE_VERSION)' \
	$(if $(KMOD_SUITE),--suite '$(KMOD_SUITE)') \
	$(if $(KMOD_RELEASE),--release '$(KMOD_RELEASE)',\
	$(if $(KMOD_SUITE),--release "`$(KMOD_PREPARE) --paths | sed -n 2p`")) \
	$(if $(KMOD_KDIR),--kdir '$(KMOD_KDIR)')

kmod:
	+$(KMOD_BUILD) W=1 modules

# sparse and checkpatch.pl.
kmod-lint:
	+$(srcdir)/kmod/lint --output '$(abs_builddir)/kmod/lint' \
		$(if $(KMOD_SUITE),--suite '$(KMOD_SUITE)') \
		$(if $(KMOD_RELEASE),--release '$(KMOD_RELEASE)')

# What runs the module in a test host needs it for the test host's kernel,
# whatever other kernel it was built for before.
kmod-for-host:
	+release=`$(KMOD_PREPARE) --paths | sed -n 2p` && test -n "$$release" && \
	$(MAKE) kmod KMOD_RELEASE="$$release" KMOD_KDIR=
.PHONY: kmod-for-host

# Below updates/ of the kernel that it was built for, which modprobe prefers.
kmod-install: kmod
	release=`modinfo -F vermagic '$(KMOD)' | cut -d' ' -f1` && \
	$(MKDIR_P) "$(DESTDIR)/lib/modules/$$release/updates" && \
	$(INSTALL_DATA) '$(KMOD)' \
		"$(DESTDIR)/lib/modules/$$release/updates/" && \
	{ test -n '$(DESTDIR)' || depmod "$$release"; }

kmod-uninstall:
	release=`modinfo -F vermagic '$(KMOD)' | cut -d' ' -f1` && \
	rm -f "$(DESTDIR)/lib/modules/$$release/updates/xfrm_interface.ko" && \
	{ test -n '$(DESTDIR)' || depmod "$$release"; }

# What "dkms add" wants: the sources with dkms.conf, below DESTDIR/usr/src.
kmod-dkms-install:
	d='$(DESTDIR)/usr/src/ovs-xfrm-$(PACKAGE_VERSION)' && \
	$(MKDIR_P) "$$d" && \
	$(INSTALL_DATA) $(srcdir)/kmod/*.c $(srcdir)/kmod/*.h \
		$(srcdir)/kmod/Kbuild "$$d" && \
	sed 's/[@]VERSION[@]/$(PACKAGE_VERSION)/' \
		$(srcdir)/kmod/dkms.conf.in > "$$d/dkms.conf"

# All of that in a temporary directory.
check-kmod-install: kmod
	+$(srcdir)/kmod/check-install --version '$(PACKAGE_VERSION)' \
		--release "`modinfo -F vermagic '$(KMOD)' | cut -d' ' -f1`" \
		-- $(MAKE) -C '$(abs_builddir)' --no-print-directory \
		KMOD_SUITE='$(KMOD_SUITE)'
.PHONY: check-kmod-install

# A test host's kernel with the module, and the system tests on it.
KMOD_HOST = $(abs_builddir)/kmod/host$(KMOD_SUITE:%=-%)
kmod-host: kmod-for-host
	kernel=`$(KMOD_PREPARE)` && \
	$(srcdir)/tests/vm/with-module "$$kernel" '$(KMOD)' '$(KMOD_HOST)'
check-kmod: kmod-host
	$(MAKE) check-system VMFLAGS="--kernel '$(KMOD_HOST)' $(VMFLAGS)"

# Offload to netdevsim, which the kernel's package lacks: built from its source.
KMOD_OFFLOAD_HOST = $(KMOD_HOST)-offload
check-kmod-offload: kmod-for-host
	kernel=`$(KMOD_PREPARE)` && \
	netdevsim=`$(srcdir)/tests/vm/netdevsim \
		$(if $(KMOD_SUITE),--suite '$(KMOD_SUITE)')` && \
	$(srcdir)/tests/vm/with-module "$$kernel" '$(KMOD)' \
		'$(KMOD_OFFLOAD_HOST)' "$$netdevsim"
	$(MAKE) check-system TESTSUITEFLAGS='-k offload $(TESTSUITEFLAGS)' \
		VMFLAGS="--kernel '$(KMOD_OFFLOAD_HOST)' $(VMFLAGS)"
.PHONY: check-kmod-offload

# The kernel's self-tests, with its own module and with ours.  SELFTESTS: only
# these, e.g. xfrm_policy.sh.
check-kmod-selftests: kmod-host
	kernel=`$(KMOD_PREPARE)` && \
	source=`$(srcdir)/kmod/fetch-source \
		$(if $(KMOD_SUITE),--suite '$(KMOD_SUITE)') \
		"$$(modinfo -F vermagic '$(KMOD)')"` && \
	$(srcdir)/tests/vm/kmod-selftests "$$source" "$$kernel" \
		'$(KMOD_HOST)' '$(abs_builddir)/kmod/selftests$(KMOD_SUITE:%=-%)' \
		$(SELFTESTS)
.PHONY: check-kmod-selftests

# The system tests on a kernel that checks itself, which takes a while to build:
# with all checks but one, or with that one alone, the search for lost memory.
# Asking ACPI how interrupts are routed would cost such a kernel 30 s for each
# device, and end without an answer.
KMOD_DEBUG = $(abs_builddir)/kmod/debug
KMOD_LEAKS = $(abs_builddir)/kmod/leaks
# $(call KMOD_CHECKED,directory,options of debug-kernel,kernel's parameters)
KMOD_CHECKED = \
	kernel=`$(srcdir)/tests/vm/debug-kernel $(2)` && \
	$(srcdir)/kmod/build --output '$(1)/out' \
		--version '$(PACKAGE_VERSION)' --kdir "$$kernel/build" modules && \
	$(srcdir)/tests/vm/with-module "$$kernel" \
		'$(1)/out/xfrm_interface.ko' '$(1)/host' && \
	$(MAKE) check-system VMFLAGS="--kernel '$(1)/host' --memory 4096 \
		--timeout 14400 --append pci=noacpi $(3) $(VMFLAGS)"
check-kmod-debug:
	$(call KMOD_CHECKED,$(KMOD_DEBUG),,--append kmemleak=off)
check-kmod-leaks:
	$(call KMOD_CHECKED,$(KMOD_LEAKS),--leaks,)
.PHONY: check-kmod-debug check-kmod-leaks

# Instructions per packet, the kernel's module and ours.
bench-kmod: all kmod-host
	kernel=`$(KMOD_PREPARE)` && \
	PATH='$(AUTOTEST_PATH)':$$PATH OVS_SRCDIR='$(OVS_SRCDIR)' \
		$(srcdir)/tests/vm/bench-kmod "$$kernel" \
		'$(KMOD_HOST)' $(BENCHFLAGS)

# The same for making, finding and deleting one interface among many.
bench-scale: all kmod-host
	kernel=`$(KMOD_PREPARE)` && \
	PATH='$(AUTOTEST_PATH)':$$PATH OVS_SRCDIR='$(OVS_SRCDIR)' \
		$(srcdir)/tests/vm/bench-scale "$$kernel" \
		'$(KMOD_HOST)' $(BENCHFLAGS)
.PHONY: bench-kmod bench-scale kmod-lint
.PHONY: kmod kmod-install kmod-uninstall kmod-dkms-install kmod-host check-kmod

CLEAN_LOCAL += clean-kmod
clean-kmod:
	rm -rf kmod/out* kmod/host* kmod/lint* kmod/selftests* kmod/debug \
		kmod/leaks
.PHONY: clean-kmod
