# SPDX-License-Identifier: Apache-2.0
#
# What configure checks for.  Missing things are collected and named in one
# go, with the Debian package of each, so that one apt-get is enough.

# XFRM_MISSING(PACKAGE, WHAT)
AC_DEFUN([XFRM_MISSING],
  [xfrm_missing="$xfrm_missing $1"
   AC_MSG_WARN([$2 not found (Debian package: $1)])])

AC_DEFUN([XFRM_CHECK_TOOLS],
  [AC_ARG_VAR([PYTHON3], [Python 3 interpreter])
   AC_PATH_PROGS([PYTHON3], [python3])
   if test -z "$PYTHON3"; then
     XFRM_MISSING([python3], [python3])
   fi
   AC_PATH_PROG([FLOCK], [flock])
   if test -z "$FLOCK"; then
     XFRM_MISSING([util-linux], [flock])
   fi
   AC_PATH_PROG([AUTOM4TE], [autom4te])
   if test -z "$AUTOM4TE"; then
     XFRM_MISSING([autoconf], [autom4te, which generates the test suites,])
   fi
   m4_ifdef([PKG_PROG_PKG_CONFIG], [],
     [m4_fatal([pkg.m4 not found: install pkg-config, then run boot.sh])])
   PKG_PROG_PKG_CONFIG
   if test -z "$PKG_CONFIG"; then
     XFRM_MISSING([pkg-config], [pkg-config])
   fi])

AC_DEFUN([XFRM_CHECK_LIBS],
  [if test -n "$PKG_CONFIG"; then
     PKG_CHECK_MODULES([LIBNL], [libnl-3.0 >= 3.5], [],
       [XFRM_MISSING([libnl-3-dev], [libnl-3])])
     PKG_CHECK_MODULES([LIBNL_ROUTE], [libnl-route-3.0 >= 3.5], [],
       [XFRM_MISSING([libnl-route-3-dev], [libnl-route-3])])
     PKG_CHECK_MODULES([JSONC], [json-c >= 0.14], [],
       [XFRM_MISSING([libjson-c-dev], [json-c])])
   fi
   AC_CHECK_HEADER([linux/xfrm.h], [],
     [XFRM_MISSING([linux-libc-dev], [linux/xfrm.h])])])

# Finds where Open vSwitch's source comes from: sets OVS_SOURCE to an absolute
# path of a tarball or a tree.
AC_DEFUN([XFRM_CHECK_OVS_SOURCE],
  [AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=PATH],
        [Open vSwitch source: a tarball or a tree
         [/usr/src/openvswitch/openvswitch.tar.gz]])])
   AC_ARG_WITH([ovs-cache],
     [AS_HELP_STRING([--with-ovs-cache=DIR],
        [keep the build of Open vSwitch in DIR, to be shared by several build
         directories [$OVS_XFRM_CACHE, or the build directory]])])
   AC_ARG_WITH([ovs-dirs],
     [AS_HELP_STRING([--with-ovs-dirs=PREFIX:SYSCONFDIR:LOCALSTATEDIR],
        [directories compiled into Open vSwitch [ours]])])
   AC_ARG_VAR([OVS_XFRM_CACHE], [default of --with-ovs-cache])

   AC_MSG_CHECKING([for the source of Open vSwitch])
   case $with_ovs_source in
     no) AC_MSG_ERROR([--without-ovs-source makes no sense: ovs-xfrm is built on Open vSwitch]) ;;
     yes | '') OVS_SOURCE=/usr/src/openvswitch/openvswitch.tar.gz ;;
     /*) OVS_SOURCE=$with_ovs_source ;;
     *) OVS_SOURCE=`pwd`/$with_ovs_source ;;
   esac
   if test -d "$OVS_SOURCE" && test ! -e "$OVS_SOURCE/configure.ac"; then
     # The directory where Debian's package puts its tarball.
     OVS_SOURCE=$OVS_SOURCE/openvswitch.tar.gz
   fi
   if test -r "$OVS_SOURCE"; then
     AC_MSG_RESULT([$OVS_SOURCE])
   else
     AC_MSG_RESULT([no])
     if test -n "$with_ovs_source" && test "$with_ovs_source" != yes; then
       AC_MSG_ERROR([--with-ovs-source=$with_ovs_source: neither a tarball nor a source tree of Open vSwitch])
     fi
     XFRM_MISSING([openvswitch-source], [$OVS_SOURCE])
   fi
   AC_SUBST([OVS_SOURCE])])

AC_DEFUN([XFRM_REPORT_MISSING],
  [if test -n "$xfrm_missing"; then
     AC_MSG_ERROR([some things are missing; on Debian:  apt-get install$xfrm_missing])
   fi])

# XFRM_OVS_FEATURE(MACRO, HEADER, EXTENDED-REGEX, WHAT)
#
# Sets MACRO to 1 if a header of Open vSwitch, as it is unpacked, matches.  The
# text is looked at instead of compiled since OVS's generated headers do not
# exist before make has run.
AC_DEFUN([XFRM_OVS_FEATURE],
  [AC_MSG_CHECKING([whether $4])
   if grep -E '$3' "$OVS_SRCDIR/$2" >/dev/null 2>&1; then
     $1=1
     AC_MSG_RESULT([yes])
   else
     $1=0
     AC_MSG_RESULT([no])
   fi
   AC_SUBST([$1])])

# Unpacks and configures Open vSwitch, so that its version and its config.h are
# known here.  Make builds it later (see Makefile.am).
AC_DEFUN([XFRM_CHECK_OVS],
  [xfrm_private=
   case $with_ovs_cache in
     no) OVS_CACHE= ;;
     yes | '') OVS_CACHE=$OVS_XFRM_CACHE ;;
     *) OVS_CACHE=$with_ovs_cache ;;
   esac
   if test -z "$OVS_CACHE"; then
     OVS_CACHE=`pwd`/_ovs
     xfrm_private=--private
   fi
   case $OVS_CACHE in
     /*) ;;
     *) OVS_CACHE=`pwd`/$OVS_CACHE ;;
   esac
   AC_SUBST([OVS_CACHE])

   # The directories as configure would expand them, because they become part
   # of Open vSwitch's binaries.
   if test -n "$with_ovs_dirs"; then
     OVS_DIRS=$with_ovs_dirs
   else
     xfrm_prefix=$prefix
     test "$xfrm_prefix" != NONE || xfrm_prefix=$ac_default_prefix
     xfrm_save_prefix=$prefix; prefix=$xfrm_prefix
     xfrm_save_exec=$exec_prefix
     test "$exec_prefix" != NONE || exec_prefix=$prefix
     eval "OVS_DIRS=\"$prefix:$sysconfdir:$localstatedir\""
     eval "OVS_DIRS=\"$OVS_DIRS\""
     prefix=$xfrm_save_prefix
     exec_prefix=$xfrm_save_exec
   fi
   case $OVS_DIRS in
     /*:/*:/*) ;;
     *) AC_MSG_ERROR([--with-ovs-dirs=$OVS_DIRS: expected three absolute directories PREFIX:SYSCONFDIR:LOCALSTATEDIR]) ;;
   esac
   AC_SUBST([OVS_DIRS])

   $MKDIR_P _ovs
   AC_MSG_NOTICE([preparing Open vSwitch (log: _ovs/configure.log on failure)])
   if CC="$CC" PYTHON3="$PYTHON3" $SHELL "$srcdir/build-aux/build-ovs" \
        prepare --source="$OVS_SOURCE" --cache="$OVS_CACHE" $xfrm_private \
        --dirs="$OVS_DIRS" --output=_ovs; then :; else
     AC_MSG_ERROR([Open vSwitch could not be configured; see the messages above])
   fi
   . ./_ovs/env
   AC_SUBST([OVS_SRCDIR])
   AC_SUBST([OVS_BUILDDIR])
   AC_SUBST([OVS_VERSION])
   test -r "$OVS_BUILDDIR/config.h" \
     || AC_MSG_ERROR([$OVS_BUILDDIR/config.h is missing])

   AC_MSG_CHECKING([whether Open vSwitch $OVS_VERSION is supported])
   case $OVS_VERSION in
     3.1.* | 3.5.* | 4.0.*) AC_MSG_RESULT([yes]) ;;
     *) AC_MSG_RESULT([untested])
        AC_MSG_WARN([ovs-xfrm is made for Open vSwitch 3.1, 3.5 and 4.0; $OVS_VERSION may or may not build]) ;;
   esac
   OVS_VERSION_NUM=`echo "$OVS_VERSION" | $SED 's/@<:@^0-9.@:>@.*//' | {
       IFS=. read major minor rest
       expr "$major" '*' 100 + "$minor"; }`
   AC_SUBST([OVS_VERSION_NUM])

   # AF_XDP and DPDK change struct layouts and pull in libraries of their own.
   AC_MSG_CHECKING([for DPDK in Open vSwitch])
   if grep '^#define DPDK_NETDEV 1' "$OVS_BUILDDIR/config.h" >/dev/null; then
     AC_MSG_RESULT([yes])
     AC_MSG_ERROR([ovs-xfrm is not made for an Open vSwitch with DPDK])
   fi
   AC_MSG_RESULT([no])

   XFRM_OVS_FEATURE([OVS_HAVE_HW_RAWIO], [lib/daemon.h],
     [daemonize_start\(bool@<:@^,@:>@*, *bool],
     [Open vSwitch knows --hw-rawio-access])
   XFRM_OVS_FEATURE([OVS_HAVE_LOCK_ON_FAULT], [lib/util.h],
     [set_all_memory_locked],
     [Open vSwitch locks memory on fault])])

AC_DEFUN([XFRM_ENABLE_WERROR],
  [AC_ARG_ENABLE([Werror],
     [AS_HELP_STRING([--enable-Werror], [make warnings errors])])
   XFRM_WARN_CFLAGS='-Wall -Wextra -Wstrict-prototypes'
   if test "$enable_Werror" = yes; then
     XFRM_WARN_CFLAGS="$XFRM_WARN_CFLAGS -Werror"
   fi
   AC_SUBST([XFRM_WARN_CFLAGS])])

AC_DEFUN([XFRM_ENABLE_SANITIZERS],
  [AC_ARG_ENABLE([sanitizers],
     [AS_HELP_STRING([--enable-sanitizers],
        [build our code with AddressSanitizer and UBSanitizer])])
   XFRM_SAN_CFLAGS= XFRM_SAN_LDFLAGS=
   if test "$enable_sanitizers" = yes; then
     XFRM_SAN_CFLAGS='-fsanitize=address,undefined -fno-omit-frame-pointer'
     dnl GCC's shared libubsan beside its libasan ignores log_path, and writes
     dnl what it reports to stderr, which a daemon doesn't have.
     XFRM_SAN_LDFLAGS='-Wc,-static-libubsan'
     AC_MSG_CHECKING([whether $CC links with -fsanitize=address,undefined])
     xfrm_save_CFLAGS=$CFLAGS
     CFLAGS="$CFLAGS $XFRM_SAN_CFLAGS -static-libubsan"
     AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
       [AC_MSG_RESULT([no])
        AC_MSG_ERROR([the compiler's sanitizer libraries are missing; on Debian they are in libgcc-12-dev])])
     CFLAGS=$xfrm_save_CFLAGS
   fi
   AC_SUBST([XFRM_SAN_CFLAGS])
   AC_SUBST([XFRM_SAN_LDFLAGS])])
