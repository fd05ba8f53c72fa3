#!/bin/sh
# Make the virtual environment and install the program into it.
#
#   venv.sh run  DIR    what running it needs; the mount too, where it can be built
#   venv.sh test DIR    what its tests need: all of it
#   venv.sh be-quick DIR    what the fast lane's tests need: nothing from the system
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
        sh scripts/system-packages.sh python3-venv
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$python can't make virtual environments; install its venv module"
    fi
    echo "Making $venv with $("$python" --version) …"
    "$python" -m venv --clear "$venv"
    # Dependency groups need a pip of 2025; Debian 12 has one of 2023.
    "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
}

# A pyenv shim, a removed Python or a moved folder leaves an environment that does not start.
if ! new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    make_venv
fi

case $purpose in
run)
    wanted=.
    if command -v pkg-config >/dev/null && pkg-config --exists fuse3 && command -v cc >/dev/null; then
        wanted='.[fuse]'
    fi
    echo "Installing coexplorer …"
    "$venv/bin/python" -m pip install --quiet --editable "$wanted" || {
        [ "$wanted" != . ] || exit 1
        echo "The mount's library can't be built here; all but the mount will work." >&2
        "$venv/bin/python" -m pip install --quiet --editable .
    }
    ;;
test)
    echo "Installing coexplorer and what its tests need …"
    "$venv/bin/python" -m pip install --quiet --editable '.[fuse,keyring]' --group check
    ;;
be-quick)
    echo "Installing coexplorer and what the fast tests need …"
    "$venv/bin/python" -m pip install --quiet --editable '.[keyring]' --group check
    ;;
*) fail "venv.sh: run, test or be-quick?" ;;
esac
# An editable install leaves our own modules to be compiled at the first start: do it now.
"$venv/bin/python" -m compileall -q coexplorer
touch "$venv/.made-to-$purpose"
