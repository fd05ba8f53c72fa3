"""What the app remembers between runs, in small private files beside the journal.

``….tui.json`` holds searches, last tags, theme and order. Each app that is editing has one draft of
a kind, ``….draft-PID.json`` (fields in place), ``….form-PID.json`` (a new asset) and
``….text-PID.json`` (what $EDITOR has), so a lost connection or a crash loses no text. If a file
can't be read or written, the app forgets what is in it, and nothing else goes wrong.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from coexplorer.config.paths import ensure_private_dir
from coexplorer.fields import Fields
from coexplorer.models import AssetId

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


class EditDraft(msgspec.Struct, frozen=True):
    """An edit that was being typed.

    Attributes:
        base: The fields as they were shown.
        mine: The fields as they had been typed.
        pid: Process that was typing.
        field: The one that had the cursor.
        kept: The entry of the journal that has an earlier text of it.
    """

    asset_id: AssetId
    name: str
    base: Fields
    mine: Fields
    pid: int
    field: str = "name"
    kept: int | None = None


class FormDraft(msgspec.Struct, frozen=True):
    """A form for a new asset that was being filled in; secrets are not kept.

    Attributes:
        texts: Name of a field → what was typed.
        switched: Name of a switch → whether it was on.
        pid: Process that was asking.
        field: The field that had the cursor.
    """

    texts: dict[str, str]
    switched: dict[str, bool]
    pid: int
    field: str = "name"


class TextDraft(msgspec.Struct, frozen=True):
    """A text of assets that the user's editor had.

    Attributes:
        before: As it was built from the assets.
        text: As it was when the editor was opened, or closed.
        path: The editor's file while it was open.
        pid: Process that had opened it.
    """

    before: str
    text: str
    path: str
    pid: int


class _OfProcess(Protocol):
    @property
    def pid(self) -> int: ...


_D = TypeVar("_D", bound=_OfProcess)


class Drafts(Generic[_D]):
    """The drafts of one kind: this app's, and the ones that others left.

    Args:
        stem: What the files' names begin with.
        name: What they go on with.
        kind: What is in them.
    """

    def __init__(self, stem: Path, name: str, kind: type[_D]) -> None:
        self._stem = stem
        self._name = name
        self._kind = kind
        self.file = stem.with_name(f"{stem.name}.{name}-{os.getpid()}.json")

    def save(self, draft: _D) -> None:
        """Keep this app's."""
        _save(self.file, draft)

    def drop(self) -> None:
        """Forget this app's."""
        self.file.unlink(missing_ok=True)

    def take(self) -> list[tuple[Path, _D]]:
        """Return the drafts of apps that are no longer alive, each with its file."""
        found = []
        with contextlib.suppress(OSError):
            for path in sorted(self._stem.parent.glob(f"{self._stem.name}.{self._name}-*.json")):
                draft = _load(path, self._kind)
                if draft is not None and (draft.pid == os.getpid() or not _is_alive(draft.pid)):
                    found.append((path, draft))
        return found


class Memory:
    """Reads and writes those files.

    Args:
        journal_path: They lie beside it, since they belong to the same profile and domain.
    """

    def __init__(self, journal_path: Path) -> None:
        stem = journal_path.with_suffix("")
        self._file = journal_path.with_suffix(".tui.json")
        self.edits = Drafts(stem, "draft", EditDraft)
        self.forms = Drafts(stem, "form", FormDraft)
        self.texts = Drafts(stem, "text", TextDraft)
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

    def save_draft(
        self,
        asset_id: AssetId,
        name: str,
        base: Fields,
        mine: Fields,
        field: str,
        *,
        kept: int | None = None,
    ) -> None:
        """Keep what is being typed, and in which field; see `EditDraft`."""
        self._draft_of = asset_id
        self.edits.save(EditDraft(asset_id, name, base, mine, os.getpid(), field, kept))

    def drop_draft(self, asset_id: AssetId | None = None) -> None:
        """Forget what this app was typing, of this asset if one is given."""
        if asset_id is None or asset_id == self._draft_of:
            self.edits.drop()

    def save_form(self, texts: dict[str, str], switched: dict[str, bool], field: str) -> None:
        """Keep what is being filled in; the caller leaves secrets out."""
        self.forms.save(FormDraft(texts, switched, os.getpid(), field))

    def save_text(self, before: str, text: str, path: str = "") -> None:
        """Keep what is being written in $EDITOR."""
        self.texts.save(TextDraft(before, text, path, os.getpid()))


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


_T = TypeVar("_T")


def _load(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _save(path: Path, content: object) -> None:
    with contextlib.suppress(OSError):
        ensure_private_dir(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(content))
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)  # the disk is full: nothing is left behind


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
