#!/bin/sh
# Make the virtual environment and install the program into it, where that was not done yet.
#
#   venv.sh run   DIR    what running it needs; the mount too, where it can be built
#   venv.sh test  DIR    what its tests need: all of it
#   venv.sh quick DIR    what lint and the fast lane's tests need: nothing from the system
#
# Needs Python 3.11 or newer, and finds it by itself; PYTHON=/path/to/python3 chooses another.
set -eu
purpose=$1
venv=$2

fail() {
    printf 'coexplorer: %s\n' "$*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
        if new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and was not found; install it, or say where: make PYTHON=/path/to/python3"
}

make_venv() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # Debian keeps this part of Python in a package of its own.
        sh scripts/system-packages.sh install python3-venv
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$python can't make virtual environments; install its venv module"
    fi
    echo "Making $venv with $("$python" --version) …"
    "$python" -m venv --clear "$venv"
    # Dependency groups need a pip of 2025; Debian 12 has one of 2023.
    "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
}

# What the system lacks for the mount; empty: it can be built.
missing_for_mount() {
    PYTHON="$venv/bin/python" sh scripts/system-packages.sh missing mount
}

# Tell whether what a stamp says still holds: neither what is wanted nor this script has changed.
is_fresh() {
    [ -e "$1" ] && [ "$1" -nt pyproject.toml ] && [ "$1" -nt scripts/venv.sh ]
}

pip_install() {
    "$venv/bin/python" -m pip install --quiet "$@"
}

finish() {
    # An editable install leaves our own modules to be compiled at the first start: do it now.
    "$venv/bin/python" -m compileall -q coexplorer
    printf '%s\n' "$2" >"$1"
}

# The stamp holds what the mount lacked: once that has changed, it is tried again.
install_to_run() {
    stamp=$venv/.made-to-run
    missing=$(missing_for_mount)
    if is_fresh "$stamp" && [ "$(cat "$stamp")" = "$missing" ]; then
        return
    fi
    if [ -z "$missing" ]; then
        echo "Installing coexplorer with the mount …"
        if pip_install --editable '.[fuse]'; then
            finish "$stamp" "$missing"
            return
        fi
        echo "The mount's library can't be built here; after make clean it is tried again." >&2
    else
        echo "Installing coexplorer without the mount …"
    fi
    pip_install --editable .
    finish "$stamp" "$missing"
    "$venv/bin/python" -c 'from coexplorer.config.fuse import find_mount_fault
fault = find_mount_fault()
if fault:
    print(f"All but the mount is there. {fault.message}\n  {fault.hint}".rstrip())'
}

# A pyenv shim, a removed Python or a moved folder leaves an environment that does not start.
if ! new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    make_venv
fi

case $purpose in
run) is_fresh "$venv/.made-to-test" || install_to_run ;;
test)
    if ! is_fresh "$venv/.made-to-test"; then
        PYTHON="$venv/bin/python" sh scripts/system-packages.sh need mount
        echo "Installing coexplorer and what its tests need …"
        pip_install --editable '.[fuse,keyring]' --group check
        finish "$venv/.made-to-test" ""
    fi
    ;;
quick)
    if ! is_fresh "$venv/.made-to-test" && ! is_fresh "$venv/.made-to-be-quick"; then
        echo "Installing coexplorer and what lint and the fast tests need …"
        pip_install --editable '.[keyring]' --group check
        finish "$venv/.made-to-be-quick" ""
    fi
    ;;
*) fail "venv.sh: run, test or quick?" ;;
esac
