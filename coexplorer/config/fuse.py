"""What the mount needs of this machine, and the one command that brings what is missing.

No module of FUSE's is imported to find out: the app and the commands ask at any time.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from coexplorer.config.paths import name_in_shell
from coexplorer.errors import MachineLacks

DEVICE = Path("/dev/fuse")
MOUNTS = Path("/proc/self/mountinfo")
_LIBRARY = "pyfuse3"

PACKAGES = {
    "apt-get": "apt-get install -y fuse3 libfuse3-dev pkg-config gcc python3-dev",
    "dnf": "dnf install -y fuse3 fuse3-devel pkgconf-pkg-config gcc python3-devel",
    "zypper": "zypper install -y fuse3 fuse3-devel pkg-config gcc python3-devel",
    "pacman": "pacman -S --needed fuse3 pkgconf gcc",
    "apk": "apk add fuse3 fuse3-dev pkgconf gcc musl-dev python3-dev",
}
"""How each package manager brings all that the mount needs: to build `pyfuse3`, and to run it.

scripts/system-packages.sh has Debian's names, too; a test holds them together.
"""


def find_mount_fault(*, load: bool = False) -> MachineLacks | None:
    """Say why nothing can be mounted here, and what to do; None when it can.

    What is to be installed is one command, with everything in it: nobody should be sent twice.

    Args:
        load: Load the library too, which only finds then what it is linked with.
    """
    if not can_list_mounts():
        return MachineLacks("the mount needs Linux, with /proc; everything else works here")
    if not DEVICE.exists():
        return MachineLacks(
            f"this machine has no {DEVICE}",
            hint="load the module (modprobe fuse); a container needs --device /dev/fuse",
        )
    fault = _find_library_fault(load=load)
    if fault or shutil.which("fusermount3") is None:
        return MachineLacks(
            f"the mount needs FUSE: {fault or 'fusermount3 is missing'}",
            hint=f"install it: {_build_command(with_library=bool(fault))}",
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return MachineLacks(
            f"you are not allowed to open {DEVICE}",
            hint=f"ask whoever runs this machine to run: {_as_root(f'chmod 666 {DEVICE}')}",
        )
    return None


def can_list_mounts() -> bool:
    """Tell whether this machine can say what is mounted: only Linux can, with /proc."""
    return sys.platform == "linux" and MOUNTS.exists()


def _find_library_fault(*, load: bool) -> str:
    if importlib.util.find_spec(_LIBRARY) is None:
        return f"{_LIBRARY} is missing"
    if load:
        try:
            importlib.import_module(_LIBRARY)
        except ImportError as error:
            return f"{_LIBRARY} can't be loaded ({error})"
    return ""


@cache
def _build_command(*, with_library: bool) -> str:
    """Return the one command that installs what is missing."""
    library = f"{find_installer()} {shlex.quote(_find_requirement())}"
    manager = next((name for name in PACKAGES if shutil.which(name)), "")
    if not manager:
        system = "FUSE 3 with its headers, pkg-config, gcc and Python's headers from your system"
        return f"{system}, then {library}" if with_library else "FUSE 3 from your system"
    if not with_library:
        return _as_root(PACKAGES[manager].partition(" fuse3")[0] + " fuse3")
    return f"{_as_root(PACKAGES[manager])} && {library}"


def _as_root(command: str) -> str:
    return command if os.geteuid() == 0 else f"sudo {command}"


def find_installer() -> str:
    """Return what adds a package to the environment that this program runs in."""
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        return f"pipx inject {prefix.name}"
    python = name_in_shell(Path(sys.executable))
    if importlib.util.find_spec("pip") is None:  # as uv makes environments
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"


def _find_requirement() -> str:
    """Return which releases of the library this program takes, as its own metadata say."""
    for line in importlib.metadata.requires("coexplorer") or ():
        requirement, _, marker = line.partition(";")
        if re.search(r"extra\s*==\s*['\"]fuse['\"]", marker):
            return requirement.replace(" ", "")
    return _LIBRARY
