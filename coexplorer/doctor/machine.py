"""What else this machine has: FUSE, mounts, and the packages that coexplorer stands on."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import coexplorer
from coexplorer.config import Paths
from coexplorer.config.fuse import DEVICE, can_list_mounts, find_mount_fault
from coexplorer.doctor.findings import CheckState, Finding, pass_check, skip_check
from coexplorer.errors import MachineLacks, explain_os
from coexplorer.fs.mount_records import look_at_mounts
from coexplorer.fs.mount_status import describe_unkept, list_unkept
from coexplorer.fs.mountpoints import answers
from coexplorer.fs.rescued import describe_rescued, list_rescued
from coexplorer.text import plural

_LIBRARY: Final = "pyfuse3"
_FUSE_CONF: Final = Path("/etc/fuse.conf")
_ALLOW_OTHER: Final = re.compile(r"^\s*user_allow_other\b", re.MULTILINE)
_SHOWN: Final = ("httpx", "textual", _LIBRARY)
_REQUIREMENT: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?(?P<range>[^;]*)")
_CLAUSE: Final = re.compile(r"(>=|<=|==|<|>)\s*([0-9][0-9.]*)")


def look_at_fuse() -> Iterator[Finding]:
    """See whether anything can be mounted. What was never installed is no fault."""
    # A library that was installed is there for somebody who mounts.
    state = (
        CheckState.FAULT if can_list_mounts() and _is_installed(_LIBRARY) else CheckState.WARNING
    )
    fault = find_mount_fault(load=True) or _try_device()
    if fault is not None:
        told = fault.message
        if state is CheckState.WARNING:
            told += "; everything else works without it"
        yield Finding("fuse", state, told, fault.hint)
        return
    others = "can" if os.geteuid() == 0 or _allows_others() else "can't"
    told = f"all that a mount needs is here; --allow-other {others} be used"
    hint = "" if others == "can" else f"that needs a line user_allow_other in {_FUSE_CONF}"
    yield Finding("fuse", CheckState.OK, told, hint)


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _try_device() -> MachineLacks | None:
    """Open the device: a container may forbid what its mode allows."""
    try:
        os.close(os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return MachineLacks(
            f"{DEVICE} can't be opened: {explain_os(error)[0]}",
            hint=f"ask whoever runs this machine to allow it; a container needs --device {DEVICE}",
        )
    return None


def _allows_others() -> bool:
    try:
        return bool(_ALLOW_OTHER.search(_FUSE_CONF.read_text(errors="replace")))
    except OSError:
        return False


def look_at_mounts_here(paths: Paths) -> Iterator[Finding]:
    """See whether each of the user's mounts answers."""
    if not can_list_mounts():
        yield skip_check("mounts", "there are none without Linux")
        return
    mounts = look_at_mounts(paths, uid=os.getuid())
    bad = [
        (mount.folder, "hangs" if mount.alive else "has lost its process")
        for mount in mounts
        if not mount.alive or not answers(Path(mount.folder))
    ]
    for folder, what in bad:
        told = f"the mount at {folder} {what}"
        yield Finding("mounts", CheckState.FAULT, told, f"coexplorer umount --force {folder}")
    hung = {folder for folder, _ in bad}
    for mount in mounts:
        if mount.folder not in hung and (unkept := list_unkept(Path(mount.folder))):
            told = f"{describe_unkept(unkept, mount.folder)}: a disk is full, or can't be written"
            hint = "free some disk space: the mount writes it down then"
            hung.add(mount.folder)
            yield Finding("mounts", CheckState.FAULT, told, hint)
    rescued = list_rescued(paths)
    for place in rescued:
        yield Finding("mounts", CheckState.WARNING, describe_rescued(place), "")
    if not hung and not rescued:
        many = f"{plural(len(mounts), 'mount')} {'answers' if len(mounts) == 1 else 'answer'}"
        told = many if mounts else "nothing is mounted"
        yield pass_check("mounts", told)


def look_at_versions() -> Iterator[Finding]:
    """See whether every package is there, in a version that was tested."""
    problems = list(_find_misfits())
    if problems:
        hint = "install coexplorer again, with all its dependencies"
        yield Finding("versions", CheckState.FAULT, "; ".join(problems), hint)
        return
    known = [f"{name} {version}" for name in _SHOWN if (version := _find_version(name))]
    yield pass_check(
        "versions",
        f"coexplorer {coexplorer.__version__}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {', '.join(known)}",
    )


def _find_misfits() -> Iterator[str]:
    for name, wanted, optional in _iter_requirements():
        version = _find_version(name)
        if version is None:
            if not optional:
                yield f"{name} is missing"
        elif not fits(version, wanted):
            yield f"{name} {version} was not tested (wanted: {wanted})"


def _iter_requirements() -> Iterator[tuple[str, str, bool]]:
    """Yield what coexplorer's own metadata ask for: name, range, and whether it may be missing."""
    try:
        lines = importlib.metadata.requires("coexplorer") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement, _, marker = line.partition(";")
        found = _REQUIREMENT.match(requirement.strip())
        is_elsewhere = "sys_platform" in marker and sys.platform not in marker
        if found and not is_elsewhere:
            yield found["name"], found["range"].strip(), "extra" in marker


def _find_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def fits(version: str, wanted: str) -> bool:
    """Tell whether a version is in a range such as ``>=8.2,<8.3`` (pure).

    What is not understood does not count.
    """
    have = _read_version(version)
    tests = {
        ">=": have.__ge__,
        "<=": have.__le__,
        "==": have.__eq__,
        "<": have.__lt__,
        ">": have.__gt__,
    }
    return all(tests[sign](_read_version(text)) for sign, text in _CLAUSE.findall(wanted))


def _read_version(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"^\d+|(?<=\.)\d+", text.partition("+")[0])]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
