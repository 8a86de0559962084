#! /bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Generates "configure" and the automake templates.  Needed once in a fresh
# clone; a release tarball has them already.

set -e
cd "$(dirname "$0")"

missing=
need () {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need autoreconf autoconf
need automake automake
need libtoolize libtool
if command -v aclocal >/dev/null 2>&1; then
    # The pkg-config macros are read by aclocal, so they are needed already
    # here and not only when configure runs.
    found=no
    for dir in "$(aclocal --print-ac-dir)" /usr/share/aclocal \
               /usr/local/share/aclocal $(echo "$ACLOCAL_PATH" | tr : ' '); do
        if test -e "$dir/pkg.m4"; then found=yes; fi
    done
    test $found = yes || missing="$missing pkg-config"
fi
if test -n "$missing"; then
    echo "boot.sh: missing tools; on Debian:  apt-get install$missing" >&2
    exit 1
fi

exec autoreconf --install --force
