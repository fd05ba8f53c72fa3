#!/bin/sh
# Walk README.md word by word on a bare Debian 12, as an ordinary user: first without FUSE, then with the one
# command that the program names, then with FUSE. Nothing of this machine is in there but its way to the network.
#
# Needs root, for devices and mounts, and Debian's debootstrap. Everything is made below a temporary folder, in a
# namespace of mounts of its own, and is gone afterwards. The bare system itself is kept in $BARE
# (~/.cache/coexplorer-bare.tar), since it takes long to make; remove it for a new one.
set -eu
cd "$(dirname "$0")/.."
BARE=${BARE:-${XDG_CACHE_HOME:-$HOME/.cache}/coexplorer-bare.tar}

if [ "${1-}" != inside ]; then
    [ "$(id -u)" -eq 0 ] || { echo "walk-bare.sh: only root can make a bare system" >&2; exit 1; }
    command -v debootstrap >/dev/null || sh scripts/system-packages.sh install debootstrap
    root=$(mktemp -d)
    # Mounts and processes are the namespace's and end with it, however this ends.
    trap 'rm -rf "$root"' EXIT
    trap 'kill "$!"; wait "$!"; exit 143' INT TERM
    unshare --mount --propagation private --pid --fork --kill-child -- \
        sh scripts/walk-bare.sh inside "$root" &
    wait $!
    exit
fi
root=$2

started=$(date +%s)

step() {
    printf '\n== %s (%s s)\n' "$*" "$(($(date +%s) - started))"
}

step "A bare Debian 12"
if [ -e "$BARE" ]; then
    tar -xf "$BARE" -C "$root"
else
    # The mirror that this machine uses.
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -nE 's,^(URIs:|deb( \[[^]]*\])?) *(https?://[^ ]*/debian)/?( .*)?$,\3,p' | head -n 1)
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" ${mirror:+"$mirror"} \
        >"$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
    rm -f "$root.log"
    mkdir -p "$(dirname "$BARE")"
    tar -cf "$BARE.new" -C "$root" . && mv "$BARE.new" "$BARE"
fi
chmod 755 "$root" # mktemp closes it, also to the user within
mount -t proc proc "$root/proc" # of its own processes
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 fuse:10:229; do
    name=${device%%:*} numbers=${device#*:}
    mknod -m 666 "$root/dev/$name" c "${numbers%:*}" "${numbers#*:}"
done
cp /etc/resolv.conf /etc/hosts "$root/etc/"
# Debian's installer makes this one; fusermount3 reads it.
ln -sf ../proc/self/mounts "$root/etc/mtab"
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"

# What leads to the network, and nothing else of this environment.
network=$(env | sed -nE 's/^((PIP_(INDEX|EXTRA|CERT|PROXY|TRUSTED|DEFAULT_TIMEOUT)|SSL_CERT|REQUESTS_CA|CURL_CA|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy)[A-Za-z_]*)=.*/\1/p')
set -- PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 TERM=xterm-256color
for name in $network; do
    set -- "$@" "$name=$(printenv "$name")"
done

as_root() {
    chroot "$root" /usr/bin/env -i HOME=/root "$@"
}

# An ordinary user with a shell in the clone.
as_maya() {
    environment=$1
    shift
    # shellcheck disable=SC2086 # a word a variable: none holds blanks
    chroot "$root" /usr/bin/env -i $environment HOME=/home/maya USER=maya \
        setpriv --reuid maya --regid maya --init-groups \
        sh -c 'cd ~/coexplorer && "$@"' sh "$@" 2>&1
}

step "A user who may use sudo, and a Python to walk with"
as_root "$@" apt-get update -qq
as_root "$@" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    python3 sudo >/dev/null
chroot "$root" useradd --create-home --shell /bin/bash maya
printf 'maya ALL=(ALL) NOPASSWD:ALL\nDefaults env_keep += "%s"\n' "$(echo $network)" >"$root/etc/sudoers.d/maya"
mkdir "$root/home/maya/coexplorer"
git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from - | tar -x -C "$root/home/maya/coexplorer"
chroot "$root" chown -R maya: /home/maya

environment="$*"
walk() {
    as_maya "$environment" python3 scripts/walk_docs.py --set-up README.md >"$1" || {
        cat "$1"
        exit 1
    }
    cat "$1"
}

step "README.md without FUSE"
walk "$root/tmp/first"
grep -q 'All but the mount is there' "$root/tmp/first"
grep -q 'nothing can be mounted here' "$root/tmp/first"

step "What needs nothing of FUSE"
as_maya "$environment" make format
as_maya "$environment" make quick PYTEST_ARGS='--collect-only -q' >"$root/tmp/quick" ||
    { tail -n 30 "$root/tmp/quick"; exit 1; }

step "What needs more says so, before it begins"
for target in check bench; do
    if as_maya "$environment" make "$target" >"$root/tmp/said"; then
        echo "make $target needs nothing?" >&2
        exit 1
    fi
    grep -q 'Install them: sudo apt-get install .*libfuse3-dev' "$root/tmp/said" || {
        cat "$root/tmp/said"
        exit 1
    }
done

step "What the mount asks for, word by word"
if as_maya "$environment" .venv/bin/coexplorer --profile demo mount assets >"$root/tmp/said"; then
    echo "it mounts without FUSE?" >&2
    exit 1
fi
cat "$root/tmp/said"
command=$(sed -n 's/^ *install it: //p' "$root/tmp/said")
[ -n "$command" ]
as_maya "$environment" sh -c "$command" >"$root/tmp/installed" || { tail "$root/tmp/installed"; exit 1; }

step "README.md with FUSE"
# What a reader keeps of the first time is in the way of the second.
as_maya "$environment" rm -r rehearsal export.jsonl here
walk "$root/tmp/second"
# The demo has noticed what is there now; the next one has nothing to do.
grep -q 'Installing coexplorer with the mount' "$root/tmp/second"
as_maya "$environment" make demo DEMO_ARGS=--help >"$root/tmp/third"
if grep -q 'nothing can be mounted here' "$root/tmp/second" || grep -q Installing "$root/tmp/third"; then
    exit 1
fi
step "README.md is true on a bare Debian"
