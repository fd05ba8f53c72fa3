"""Drafts: what is being typed in an app, in small private files beside the journal.

Each app that is editing has one draft of a kind, ``….draft-PID.json`` (fields in place),
``….form-PID.json`` (a new asset) and ``….text-PID.json`` (what $EDITOR has), so a lost connection
or a crash loses no text. A draft that can't be written there, as on a full disk, goes to the folder
for temporary files.
"""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from coexplorer.config.paths import ensure_private_dir
from coexplorer.fields import FieldKind, Fields, changed_fields, field_named
from coexplorer.folders import APP
from coexplorer.models import AssetId


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
            error = save_file(path, draft, private=path is self.file)
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
                    draft = load_file(path, self._kind)
                    if draft is not None and (draft.pid == os.getpid() or not _is_alive(draft.pid)):
                        found.append((path.lstat().st_mtime_ns, path, draft))
        found.sort(key=lambda each: each[0], reverse=True)
        return [(path, draft) for _, path, draft in found]

    def is_ours(self, path: Path) -> bool:
        """Tell whether a file is where this app keeps its draft."""
        return path in self._files


class AllDrafts:
    """The drafts of one profile, by kind.

    Args:
        journal_path: They lie beside it, since they belong to the same profile and domain.
    """

    def __init__(self, journal_path: Path) -> None:
        stem = journal_path.with_suffix("")
        self.edits = Drafts(stem, "draft", EditDraft)
        self.forms = Drafts(stem, "form", FormDraft)
        self.texts = Drafts(stem, "text", TextDraft)


def list_drafts(journal_path: Path) -> list[Path]:
    """Return where the drafts are that apps left which are no longer alive."""
    kept = AllDrafts(journal_path)
    kinds = (kept.edits.take(), kept.forms.take(), kept.texts.take())
    return [path for found in kinds for path, _ in found]


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


_T = TypeVar("_T")


def load_file(path: Path, kind: type[_T]) -> _T | None:
    """Read one of our files; None if it can't be read, or is somebody else's."""
    try:
        # The folder of temporary files is everybody's: only a plain file of ours is read there.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            return msgspec.json.decode(file.read(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def save_file(path: Path, content: object, *, private: bool = True) -> OSError | None:
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
