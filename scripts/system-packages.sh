#!/bin/sh
# Install what the tests need from the system, with apt-get where that can be done, and say clearly
# what is missing where it can't. With names as arguments: only those packages.
set -eu

fail() {
    printf 'coexplorer: %s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

MOUNT_TOOLS='ed:ed nvim:neovim emacs:emacs-nox micro:micro kak:kakoune joe:joe mcedit:mc
sponge:moreutils jq:jq rsync:rsync patch:patch gawk:gawk perl:perl dash:dash
gio:libglib2.0-bin node:nodejs pgrep:procps'

# Print the Debian packages that are missing, told by what is really used of them.
missing_packages() {
    have make || echo make
    have cc || echo gcc libc6-dev
    have pkg-config || echo pkg-config
    have git || echo git
    have tmux || echo tmux
    have vim || echo vim
    # A network of its own for the tests of proxies and certificates.
    have ip || echo iproute2
    have openssl || echo openssl
    have nano || echo nano
    # The mount's tests save with each of these: a program, and its package.
    for pair in $MOUNT_TOOLS; do
        have "${pair%%:*}" || echo "${pair#*:}"
    done
    have fusermount3 || echo fuse3
    have pkg-config && pkg-config --exists fuse3 || echo libfuse3-dev
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    python=${PYTHON:-python3}
    have "$python" || echo python3
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    "$python" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' 2>/dev/null ||
        echo python3-dev
}

install() {
    have apt-get || fail "these are missing, and there is no apt-get to install them with: $*"
    if [ "$(id -u)" -eq 0 ]; then
        as_root=env
    elif have sudo && sudo -n true 2>/dev/null; then
        as_root='sudo -n env'
    else
        fail "these are missing: $*. Install them: sudo apt-get install $*"
    fi
    echo "Installing $* …"
    # A fresh container has no package lists at all.
    # shellcheck disable=SC2086 # as_root is two or three words on purpose
    $as_root apt-get update -qq </dev/null >/dev/null ||
        echo "coexplorer: apt-get update failed; trying with the lists that are here" >&2
    # shellcheck disable=SC2086 # likewise
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        </dev/null >/dev/null || fail "apt-get could not install: $*"
}

if [ $# -gt 0 ]; then
    install "$@"
    exit
fi
# shellcheck disable=SC2046 # a word a package
set -- $(missing_packages)
[ $# -eq 0 ] || install "$@"
# shellcheck disable=SC2046 # likewise
set -- $(missing_packages)
[ $# -eq 0 ] || fail "still missing after the installation: $*"
[ -c /dev/fuse ] || fail "there is no /dev/fuse, which the mount's tests need; in a container: --device /dev/fuse --cap-add SYS_ADMIN"
