"""What a mount says of itself in ``.coexplorer/status``, asked from outside. No pyfuse3 in here."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from coexplorer.errors import NotSignedIn, Unreachable

ONLY_IN_MEMORY = "only in memory"
NOT_KEPT = "not kept"
"""Lines of a mount's ``.coexplorer/status``: how many, and each of them."""

_LOOK_S = 0.1
_MOST_IDLE = 100
"""How often a mount that reads nothing is looked at, until something is wrong."""
_STATUS_S = 12.0
"""Longer than a mount gives itself to answer."""
_UNKEPT_SHOWN = 5


def wait_until_read(folder: Path, tell: Callable[[str], None]) -> None:
    """Wait until a mount has read the list of its assets once: until then it shows some, or none.

    Args:
        folder: Where it is.
        tell: Called again and again with how many there are so far, e.g. ``at least 2,000``.

    Raises:
        ApiError: The platform does not let it; the mount goes on trying.
    """
    idle = 0
    while True:
        status = dict(line.partition(": ")[::2] for line in _ask_status(folder))
        if status.get("synced", "") != "never":
            return
        is_out = status["signed in"] != "yes"
        idle = idle + 1 if status["reading news"] == "no" else 0
        if idle and (is_out or status["network"] != "online" or idle > _MOST_IDLE):
            hint = f"the assets appear as soon as it can: {folder}/.coexplorer/status"
            told = f"{folder} is mounted, but has no assets yet: "
            if is_out:
                raise NotSignedIn(f"{told}you are not signed in", hint=f"coexplorer login; {hint}")
            raise Unreachable(f"{told}the platform can't be read", hint=hint)
        tell(status["assets"])
        time.sleep(_LOOK_S)


def list_unkept(folder: Path) -> list[str]:
    """Ask a mount what is only in its memory, because a disk is full; it tries once more first.

    Returns:
        Each text and file, as people are told it; none also if it does not say.
    """
    found = (line.partition(": ") for line in _ask_status(folder))
    return [path for key, _, path in found if key == NOT_KEPT]


def _ask_status(folder: Path) -> list[str]:
    """Return the lines of a mount's status; none if it does not say."""
    said: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError):
            said.append((folder / ".coexplorer" / "status").read_text(errors="replace"))

    # A thread that is left alone if the mount never answers.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_STATUS_S)
    return [line.rstrip() for line in said[0].splitlines()] if said else []


def describe_unkept(unkept: Sequence[str], folder: Path | str) -> str:
    """Say what is only in a mount's memory."""
    once = list(dict.fromkeys(unkept))
    shown = ", ".join(once[:_UNKEPT_SHOWN])
    more = f" and {len(once) - _UNKEPT_SHOWN:,} more" if once[_UNKEPT_SHOWN:] else ""
    verb = "is" if len(once) == 1 else "are"
    return f"{shown}{more} {verb} only in the memory of the mount at {folder}"
