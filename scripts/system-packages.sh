#!/bin/sh
# What is needed from the system, told by what is really used of it: Debian's package names.
#
#   system-packages.sh                  install what the tests need, and say what is still missing
#   system-packages.sh install NAME…    install packages
#   system-packages.sh missing mount    print what the mount is built with and runs on, if it is missing
#   system-packages.sh need mount|tests    name what is missing, and fail
#
# Packages are installed by apt-get where that can be done; elsewhere they are named.
set -eu

fail() {
    printf 'coexplorer: %s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

PYTHON=${PYTHON:-python3}

# What the mount needs; coexplorer/config/fuse.py names the same to who has no clone.
print_missing_for_mount() {
    have fusermount3 || echo fuse3
    have pkg-config && pkg-config --exists fuse3 || echo libfuse3-dev
    have pkg-config || echo pkg-config
    # The compiler alone has no headers, not even its own C library's.
    have cc && echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1 || echo gcc libc6-dev
    have "$PYTHON" && "$PYTHON" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' 2>/dev/null ||
        echo python3-dev
}

TEST_TOOLS='make:make git:git tmux:tmux vim:vim ip:iproute2 openssl:openssl nano:nano
ed:ed nvim:neovim emacs:emacs-nox micro:micro kak:kakoune joe:joe mcedit:mc
sponge:moreutils jq:jq rsync:rsync patch:patch gawk:gawk perl:perl dash:dash
gio:libglib2.0-bin node:nodejs pgrep:procps zsh:zsh fish:fish mandoc:mandoc'

# The mount's tests save with each editor and tool; proxies want a network of their own.
print_missing_for_tests() {
    print_missing_for_mount
    for pair in $TEST_TOOLS; do
        have "${pair%%:*}" || echo "${pair#*:}"
    done
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    have "$PYTHON" || echo python3
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

print_missing() {
    case $1 in
    mount | tests) "print_missing_for_$1" | tr '\n' ' ' | sed 's/ *$//' ;;
    *) fail "system-packages.sh: mount or tests, not $1?" ;;
    esac
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

case ${1-} in
install)
    shift
    install "$@"
    exit
    ;;
missing)
    print_missing "${2-}"
    exit
    ;;
need)
    missing=$(print_missing "${2-}")
    [ -z "$missing" ] || fail "these are missing: $missing. Install them: sudo apt-get install $missing"
    exit
    ;;
'') ;;
*) fail "system-packages.sh: install, missing or need?" ;;
esac
# shellcheck disable=SC2046 # a word a package
set -- $(print_missing tests)
[ $# -eq 0 ] || install "$@"
# shellcheck disable=SC2046 # likewise
set -- $(print_missing tests)
[ $# -eq 0 ] || fail "still missing after the installation: $*"
[ -c /dev/fuse ] || fail "there is no /dev/fuse, which the mount's tests need; in a container: --device /dev/fuse --cap-add SYS_ADMIN"
