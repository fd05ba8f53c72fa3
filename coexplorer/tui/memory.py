"""What the app remembers between runs, in small private files beside the journal.

``….tui.json`` holds searches, last tags, theme and order. Each app that is editing has one draft of
a kind, ``….draft-PID.json`` (fields in place), ``….form-PID.json`` (a new asset) and
``….text-PID.json`` (what $EDITOR has), so a lost connection or a crash loses no text.

A draft that can't be written there, as on a full disk, goes to the folder for temporary files, and
the user hears of it at once; where that fails, too, it is printed when the app ends. What else
can't be read or written is forgotten, and nothing else goes wrong.
"""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from coexplorer.config.paths import ensure_private_dir
from coexplorer.fields import FieldKind, Fields, changed_fields, field_named, tell_fields
from coexplorer.folders import APP
from coexplorer.metadata import show_field
from coexplorer.models import AssetId
from coexplorer.tui.tagtext import format_tags

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

    Attributes:
        file: Where this app's is, in good times.
        elsewhere: Where it is if it can't be there.
        unkept: This app's, if it can't be kept at all.
        error: Why it is not in its place.
    """

    def __init__(self, stem: Path, name: str, kind: type[_D]) -> None:
        self._kind = kind
        self._folders = (stem.parent, Path(tempfile.gettempdir()))
        self._names = (f"{stem.name}.{name}-", f"{APP}-{os.getuid()}-{stem.name}.{name}-")
        self._files = [
            folder / f"{begin}{os.getpid()}.json"
            for folder, begin in zip(self._folders, self._names, strict=True)
        ]
        self.file = self._files[0]
        self.unkept: _D | None = None
        self.elsewhere: Path | None = None
        self.error: OSError | None = None

    def save(self, draft: _D) -> None:
        """Keep this app's: in its place, or else among the temporary files."""
        self.error = None
        for path in self._files:
            error = _save(path, draft, private=path is self.file)
            if error is None:
                self.unkept, self.elsewhere = None, None if path is self.file else path
                if path is self.file:
                    drop_file(self._files[1])
                return
            self.error = self.error or error
        self.unkept, self.elsewhere = draft, None

    def drop(self) -> None:
        """Forget this app's."""
        self.unkept = self.elsewhere = self.error = None
        for path in self._files:
            drop_file(path)

    def take(self) -> list[tuple[Path, _D]]:
        """Return the drafts of apps that are no longer alive, each with its file, newest first."""
        found: list[tuple[int, Path, _D]] = []
        for folder, begin in zip(self._folders, self._names, strict=True):
            with contextlib.suppress(OSError):
                for path in sorted(folder.glob(f"{glob.escape(begin)}*.json")):
                    draft = _load(path, self._kind)
                    if draft is not None and (draft.pid == os.getpid() or not _is_alive(draft.pid)):
                        found.append((path.lstat().st_mtime_ns, path, draft))
        found.sort(key=lambda each: each[0], reverse=True)
        return [(path, draft) for _, path, draft in found]

    def is_ours(self, path: Path) -> bool:
        """Tell whether a file is where this app keeps its draft."""
        return path in self._files


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
        self._trouble = ""
        self.tell: Callable[[str], None] = lambda _: None
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
        self._tell_trouble()

    def drop_draft(self, asset_id: AssetId | None = None) -> None:
        """Forget what this app was typing, of this asset if one is given."""
        if asset_id is None or asset_id == self._draft_of:
            self.edits.drop()

    def save_form(self, texts: dict[str, str], switched: dict[str, bool], field: str) -> None:
        """Keep what is being filled in; the caller leaves secrets out."""
        self.forms.save(FormDraft(texts, switched, os.getpid(), field))
        self._tell_trouble()

    def save_text(self, before: str, text: str, path: str = "") -> None:
        """Keep what is being written in $EDITOR."""
        self.texts.save(TextDraft(before, text, path, os.getpid()))
        self._tell_trouble()

    @property
    def trouble(self) -> str:
        """Why a draft is not in its place, in a few words; empty: nothing is wrong."""
        for kind in (self.edits, self.forms, self.texts):
            if kind.error is not None:
                return (kind.error.strerror or str(kind.error)).lower()
        return ""

    @property
    def standing(self) -> str:
        """Where what is typed is kept, in a few words; empty: in its place."""
        kinds = (self.edits, self.forms, self.texts)
        if any(kind.unkept is not None for kind in kinds):
            return f"draft not kept: {self.trouble}"
        places = [kind.elsewhere.parent for kind in kinds if kind.elsewhere is not None]
        return f"draft kept in {places[0]} for now: {self.trouble}" if places else ""

    def _tell_trouble(self) -> None:
        """Say it once when a draft can't be kept in its place, and once when it can again."""
        kinds = (self.edits, self.forms, self.texts)
        if any(kind.unkept is not None for kind in kinds):
            told = (
                f"what you type can't be kept at the moment ({self.trouble}):"
                " make room, or save it before you leave"
            )
        elif places := [kind.elsewhere.parent for kind in kinds if kind.elsewhere is not None]:
            told = f"what you type is kept in {places[0]} for now ({self.trouble}): make room"
        else:
            told = ""
        if told != self._trouble:
            self._trouble = told
            self.tell(told or "what you type is kept in its place again")

    def tell_unkept(self) -> Iterator[str]:
        """Yield lines about what is not kept in its place as the app ends, the texts included."""
        for kind in (self.edits, self.forms, self.texts):
            if kind.unkept is not None:
                kind.save(kind.unkept)  # type: ignore[arg-type]  # of the same kind
            if kind.elsewhere is not None:
                yield f"what you were typing is in {kind.elsewhere}: the next start offers it"
            if kind.unkept is not None:
                yield f"what you were typing could not be kept ({self.trouble}); this is it:"
                yield from describe_draft(kind.unkept)


def drop_file(path: Path) -> None:
    """Forget a draft; one that can't be removed, as on a disk that is read-only, stays."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def holds(newer: EditDraft, older: EditDraft) -> bool:
    """Tell whether all that was typed in one draft is in another one of the same asset."""
    if newer.asset_id != older.asset_id:
        return False
    for name in changed_fields(older.base, older.mine):
        field = field_named(name)
        if field.kind is FieldKind.SET:
            held = set(field.set_of(older.mine)) <= set(field.set_of(newer.mine))
        else:
            text = field.text_of(older.mine)
            now = field.text_of(newer.mine)
            held = text in now if text else not now
        if not held:
            return False
    return True


def describe_draft(draft: EditDraft | FormDraft | TextDraft) -> Iterator[str]:
    """Yield what was typed, line by line, as people read it."""
    match draft:
        case EditDraft():
            for name in changed_fields(draft.base, draft.mine):
                field = field_named(name)
                of_set = field.kind is FieldKind.SET
                text = format_tags(field.set_of(draft.mine)) if of_set else ""
                text = text or show_field(field, draft.mine)
                yield f"--- {tell_fields([name])} of {draft.name}"
                yield from text.split("\n")
        case FormDraft():
            for name, text in draft.texts.items():
                if text:
                    yield f"--- {name} of the new asset"
                    yield from text.split("\n")
        case TextDraft():
            yield from draft.text.split("\n")


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
        # The folder of temporary files is everybody's: only a plain file of ours is read there.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            return msgspec.json.decode(file.read(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _save(path: Path, content: object, *, private: bool = True) -> OSError | None:
    """Write a file as a whole; return why that failed, if it did."""
    try:
        if private:
            ensure_private_dir(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(content))
            Path(name).replace(path)
        except OSError:
            drop_file(Path(name))  # the disk is full: nothing is left behind
            raise
    except OSError as error:
        return error
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
