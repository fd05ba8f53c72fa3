"""Texts that were typed in an editor, and that nothing was made of yet: kept, offered, swept.

A text lies below ``edits`` in the state folder; whose it is, what it was made from, and a lock for
as long as somebody edits it, below ``edits-shown``. A text that was never changed goes with its
editor. Any other is kept until it is sent, or until nobody has touched it for `KEPT_DAYS`.

Ids of assets alone don't tell which platform is meant: a copy of it, as for tests, has the same. So
a text is only taken up on the platform, and by the user, that it was written for.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from coexplorer.config.locking import open_lock, try_lock
from coexplorer.config.paths import ensure_private_dir
from coexplorer.config.settings import ENVIRONMENT
from coexplorer.models import AssetId

KEPT_DAYS: Final = 90
"""For so long a text is kept that nobody touches."""

_MOST = 500
"""More files than that are not looked at."""
_DAY_S = 86_400
_ANCHORS = re.compile(r"^=== ([0-9A-Za-z-]+)", re.MULTILINE)
_NAMES = re.compile(r"^=== [0-9A-Za-z-]+\nname: (.*)", re.MULTILINE)
_ORIGIN = "#! for "
"""Begins the line above what a text was made from that says whose it is."""


class Author(msgspec.Struct, frozen=True):
    """Whom a text was written for.

    Attributes:
        platform: See `Settings.platform`.
        user: The owner of that user's own assets; empty: not known, as without any.
        profile: The profile that it was written with; another one may have the same user.
        person: The number of who used the profile, see `coexplorer.config.people`; None: it was
            written by an earlier version, which did not tell them apart.
    """

    platform: str
    user: str = ""
    profile: str = ""
    person: int | None = None

    @property
    def call(self) -> str:
        """The program, as it is called for this platform and user."""
        if self.profile == ENVIRONMENT:  # no profile of the file: the user's variables
            return f"CODEOCEAN_DOMAIN={shlex.quote(self.platform)} coexplorer"
        return f"coexplorer --profile {shlex.quote(self.profile)}"

    def is_same(self, other: Author | None) -> bool:
        """Tell whether both are one platform and one user, which must be known for sure."""
        if other is None or self.platform != other.platform:
            return False
        if self.user and other.user:
            return self.user == other.user
        # Nobody has told what the user is called: with the same profile, the person is known.
        return self.profile == other.profile and (self.person or 0) == (other.person or 0)

    def is_former(self, other: Author) -> bool:
        """Tell whether the other one used the same profile, for the same platform, before."""
        same = (self.platform, self.profile) == (other.platform, other.profile)
        return same and not self.is_same(other)


class LeftText(msgspec.Struct, frozen=True):
    """A text that was left.

    Attributes:
        path: Where it is.
        at: Epoch seconds when it was written last.
        assets: What it is about.
        before: What it was made from; None: nobody knows, so only a person can make use of it.
        origin: Whom it was written for; None: nobody knows.
        names: What its assets were called.
    """

    path: Path
    at: float
    assets: tuple[AssetId, ...]
    before: str | None
    origin: Author | None = None
    names: tuple[str, ...] = ()


class TextLock:
    """What a text is made from, and a sign that it is being edited.

    Args:
        path: The text.
        before: What it is made from.
        origin: For whom it is written; None: nobody knows.

    Raises:
        OSError: It can't be written.
    """

    def __init__(self, path: Path, before: str, origin: Author | None = None) -> None:
        shown = _shown(path)
        ensure_private_dir(shown.parent)
        self._path = shown
        self._file = os.fdopen(open_lock(shown), "r+b")
        try_lock(self._file.fileno())
        self._file.truncate()
        whose = "" if origin is None else f"{_ORIGIN}{msgspec.json.encode(origin).decode()}\n"
        self._file.write(f"{whose}{before}".encode())
        self._file.flush()

    def release(self) -> None:
        """Let others take the text up."""
        self._file.close()

    def remove(self) -> None:
        """Forget it, with its text."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def list_left(state_dir: Path) -> list[LeftText]:
    """Return the texts that were changed and that nobody edits now, newest first."""
    found = [each for each in _iter_left(state_dir) if each is not None]
    return sorted(found, key=lambda each: -each.at)


def sweep_texts(state_dir: Path, now: float) -> list[Path]:
    """Remove texts that nobody has touched for `KEPT_DAYS`, and name them.

    Args:
        state_dir: The state folder.
        now: Epoch seconds.
    """
    removed = []
    for left in list_left(state_dir):
        if now - left.at > KEPT_DAYS * _DAY_S:
            with contextlib.suppress(OSError):
                left.path.unlink()
                _shown(left.path).unlink(missing_ok=True)
                removed.append(left.path)
    return removed


def drop_same(state_dir: Path, path: Path) -> None:
    """Remove texts that say the same as the one at `path`, for the same user: earlier tries.

    Raises:
        OSError: A text can't be read, or removed.
    """
    data = path.read_bytes()
    found = list_left(state_dir)
    origin = next((left.origin for left in found if left.path == path), None)
    for left in found:
        same = left.origin == origin and left.path != path
        if same and left.path.read_bytes() == data:
            left.path.unlink()
            _shown(left.path).unlink(missing_ok=True)


def _shown(path: Path) -> Path:
    return path.parent.with_name("edits-shown") / path.name


def _iter_left(state_dir: Path) -> Iterator[LeftText | None]:
    with contextlib.suppress(OSError):
        for path in sorted((state_dir / "edits").glob("edit-*.coexplorer"))[:_MOST]:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                yield _read_left(path)


def _read_left(path: Path) -> LeftText | None:
    """Return a text that was left; None where it is being edited, or was never changed."""
    text, before, origin = path.read_bytes().decode("utf-8"), None, None
    shown = _shown(path)
    if shown.exists():
        with os.fdopen(os.open(shown, os.O_RDWR | os.O_CLOEXEC), "r+b") as file:
            if not try_lock(file.fileno()):
                return None
            origin, before = _split_origin(file.read().decode("utf-8"))
            if text == before:
                path.unlink()
                shown.unlink()
                return None
    assets = tuple(dict.fromkeys(AssetId(each) for each in _ANCHORS.findall(before or text)))
    assets = tuple(each for each in assets if each != "end")
    names = tuple(_NAMES.findall(before or text))
    return LeftText(path, path.stat().st_mtime, assets, before, origin, names)


def _split_origin(kept: str) -> tuple[Author | None, str]:
    """Return whose a text is, and what it was made from; earlier versions did not say whose."""
    first, _, rest = kept.partition("\n")
    if not first.startswith(_ORIGIN):
        return None, kept
    try:
        return msgspec.json.decode(first.removeprefix(_ORIGIN), type=Author), rest
    except msgspec.MsgspecError:
        return None, rest
