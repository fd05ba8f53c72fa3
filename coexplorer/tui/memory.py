"""What the app remembers between runs, in small private files beside the journal.

Two files: ``….tui.json`` (searches, last tags, theme, order), and one draft for each app that is
editing, ``….draft-PID.json``, so that a lost connection or a crash loses nobody's words. A file
that can't be read or written costs the memory of it, and never more.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec

from coexplorer.models import AssetId, Fields

KEPT_SEARCHES = 100
KEPT_TAGS = 20


class Remembered(msgspec.Struct):
    """What is kept of the last runs.

    Attributes:
        searches: Texts of the search box, the last one first.
        tags: Tags that were added or removed by key, the last one first.
        theme: Name of the theme; empty for our own choice.
        sort: Field of the order.
        descending: Its direction.
        details: How large the details are; empty for our own choice.
    """

    searches: list[str] = []
    tags: list[str] = []
    theme: str = ""
    sort: str = "created"
    descending: bool = True
    details: str = ""


class Draft(msgspec.Struct, frozen=True):
    """An edit that was being typed.

    Attributes:
        base: The fields as they were shown.
        mine: The fields as they had been typed.
        pid: Process that was typing.
    """

    asset_id: AssetId
    name: str
    base: Fields
    mine: Fields
    pid: int


class Memory:
    """Reads and writes those files.

    Args:
        journal_path: They lie beside it, since they belong to the same profile and domain.
    """

    def __init__(self, journal_path: Path) -> None:
        self._stem = journal_path.with_suffix("")
        self._file = journal_path.with_suffix(".tui.json")
        self.draft_file = journal_path.with_suffix(f".draft-{os.getpid()}.json")
        self._draft_of: AssetId | None = None
        self.remembered = _load(self._file, Remembered) or Remembered()

    def save(self) -> None:
        """Write what is remembered."""
        _save(self._file, self.remembered)

    def remember_search(self, text: str) -> None:
        """Put a search on top of the history."""
        _put_first(self.remembered.searches, text.strip(), KEPT_SEARCHES)
        self.save()

    def remember_tag(self, tag: str) -> None:
        """Put a tag on top of those used last."""
        _put_first(self.remembered.tags, tag, KEPT_TAGS)
        self.save()

    def save_draft(self, asset_id: AssetId, name: str, base: Fields, mine: Fields) -> None:
        """Keep what is being typed."""
        self._draft_of = asset_id
        _save(self.draft_file, Draft(asset_id, name, base, mine, os.getpid()))

    def drop_draft(self, asset_id: AssetId | None = None) -> None:
        """Forget what this app was typing, of this asset if one is given."""
        if asset_id is None or asset_id == self._draft_of:
            self.draft_file.unlink(missing_ok=True)

    def take_drafts(self) -> list[tuple[Path, Draft]]:
        """Return the drafts of apps that are no longer alive, each with its file."""
        found = []
        with contextlib.suppress(OSError):
            for path in sorted(self._stem.parent.glob(f"{self._stem.name}.draft-*.json")):
                draft = _load(path, Draft)
                if draft is not None and (draft.pid == os.getpid() or not _is_alive(draft.pid)):
                    found.append((path, draft))
        return found


def drop_file(path: Path) -> None:
    """Forget a draft of another run."""
    path.unlink(missing_ok=True)


def _put_first(texts: list[str], text: str, most: int) -> None:
    if not text:
        return
    if text in texts:
        texts.remove(text)
    texts.insert(0, text)
    del texts[most:]


_T = TypeVar("_T", bound=msgspec.Struct)


def _load(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _save(path: Path, content: msgspec.Struct) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")  # 0600
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(content))
        Path(name).replace(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
