"""The files of an asset as rows of a tree: which folders are open, what is shown of them. Pure.

A folder may have 100,000 files, so a row becomes a line only when it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from coexplorer.models import FileEntry
from coexplorer.text import clean, clean_lines, cut_word, fit, plural, width
from coexplorer.tui.columns import MARK, Line, Role, cut_middle, show_size, wrap

LOADING = "loading…"
_SIZE_CELLS = 7
_MOST_INDENT = 20
"""Levels that are shown as such; a folder may be 200 deep."""


class FileRow(msgspec.Struct, frozen=True):
    """A row of the tree.

    Attributes:
        depth: How many folders it is in.
        entry: The file or folder; None: a note about the folder it stands in.
        folder: Path of the folder it stands in, as the platform has it.
        note: What is said instead of an entry.
        is_fault: The note says that something went wrong.
    """

    depth: int
    entry: FileEntry | None
    folder: str
    note: str = ""
    is_fault: bool = False


class FileTree:
    """What is known of the files, and what is open.

    Attributes:
        rows: What is shown, from top to bottom.
        cells: How wide it is, for what is wrapped.
        wanted: Only names with this in them are shown, and the folders they are in.
        marked: Files and folders that are marked, by path.
    """

    def __init__(self) -> None:
        self.rows: list[FileRow] = []
        self.wanted = ""
        self.cells = 80
        self.marked: dict[str, FileEntry] = {}
        self._listed: dict[str, Sequence[FileEntry]] = {}
        self._told: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._open: set[str] = {""}
        self.build_rows()

    # Folders

    def put(self, folder: str, entries: Sequence[FileEntry]) -> None:
        """Take what is in a folder."""
        self._listed[folder] = entries
        self._told[folder] = _describe(entries)
        self._faults.pop(folder, None)
        self.build_rows()

    def put_fault(self, folder: str, fault: str) -> None:
        """Take why a folder can't be listed."""
        self._faults[folder] = fault
        self.build_rows()

    def needs_listing(self, folder: str) -> bool:
        """Tell whether nobody has listed a folder yet."""
        return folder not in self._listed

    def is_open(self, folder: str) -> bool:
        """Tell whether what is in a folder is shown."""
        return folder in self._open

    def open(self, folder: str) -> None:
        """Show what is in a folder; a fault of an earlier look is forgotten."""
        self._open.add(folder)
        self._faults.pop(folder, None)
        self.build_rows()

    def close(self, folder: str) -> None:
        """Hide what is in a folder."""
        self._open.discard(folder)
        self.build_rows()

    # Rows

    def build_rows(self) -> None:
        """Work out what is shown."""
        self.rows = list(self._iter_rows("", 0))
        if not self.rows:
            note = "no name has this in it" if self.wanted else "this asset has no files"
            self.rows = [FileRow(0, None, "", note)]

    def _iter_rows(self, folder: str, depth: int) -> Iterator[FileRow]:
        # Not by recursion: 200 folders in each other are 200 generators, each asked for each row.
        waiting = [(row, False) for row in reversed(self._list_one(folder, depth, is_all=False))]
        while waiting:
            row, is_all = waiting.pop()
            yield row
            entry = row.entry
            if entry is not None and entry.is_folder and entry.wire_path in self._open:
                # In a folder whose own name fits, everything is shown.
                is_all = is_all or self.fits(entry)
                below = self._list_one(entry.wire_path, row.depth + 1, is_all=is_all)
                waiting += [(each, is_all) for each in reversed(below)]

    def _list_one(self, folder: str, depth: int, *, is_all: bool) -> list[FileRow]:
        if (fault := self._faults.get(folder)) is not None:
            room = max(20, self.cells - 4 - 2 * min(depth, _MOST_INDENT))
            parts = [part for line in clean_lines(fault) for part in wrap(line, room)]
            return [FileRow(depth, None, folder, part, is_fault=True) for part in parts]
        entries = self._listed.get(folder)
        if entries is None:
            return [FileRow(depth, None, folder, LOADING)]
        if not entries and depth:
            return [FileRow(depth, None, folder, "empty")]
        return [
            FileRow(depth, entry, folder) for entry in entries if is_all or self._is_wanted(entry)
        ]

    def _is_wanted(self, entry: FileEntry) -> bool:
        if not self.wanted or self.fits(entry):
            return True
        return entry.is_folder and any(
            self._is_wanted(each) for each in self._listed.get(entry.wire_path, ())
        )

    def fits(self, entry: FileEntry) -> bool:
        """Tell whether a name is one that was asked for."""
        return self.wanted.casefold() in entry.name.casefold()

    def find_next(self, at: int, step: int) -> int | None:
        """Return the next row whose name was asked for, round the ends; None: there is none."""
        count = len(self.rows)
        for far in range(1, count + 1):
            place = (at + step * far) % count
            entry = self.rows[place].entry
            if entry is not None and self.fits(entry):
                return place
        return None

    def find_folder(self, at: int) -> int | None:
        """Return the row of the folder that a row stands in; None: it is in none."""
        depth = self.rows[at].depth
        return next((place for place in range(at, -1, -1) if self.rows[place].depth < depth), None)

    # Lines

    def fit(self, cells: int) -> None:
        """Fit to a width: what is said of a fault is wrapped."""
        if cells != self.cells:
            self.cells = cells
            if self._faults:
                self.build_rows()

    def build_line(self, at: int, cells: int) -> Line:
        """Return a row as a line of cells."""
        row = self.rows[at]
        indent = "  " * min(row.depth, _MOST_INDENT)
        entry = row.entry
        if entry is None:
            return ((f"  {indent}  {clean(row.note)}", Role.BAD if row.is_fault else Role.DIM),)
        sign, told, is_open = " ", show_size(entry.size_bytes), False
        if entry.is_folder:
            is_open = entry.wire_path in self._open
            sign, told = ("▾" if is_open else "▸"), self._told.get(entry.wire_path, "")
        told_cells = max(_SIZE_CELLS, width(told))
        start = f"{MARK if entry.path in self.marked else ' '} {indent}{sign} "
        room = max(1, cells - width(start) - told_cells - 1)
        name = clean(cut_word(entry.name)) + "/" * entry.is_folder
        role = Role.LABEL if entry.is_folder else Role.TEXT
        if entry.path in self.marked:
            role = Role.WARN
        shown = fit(cut_middle(name, room), room)
        return ((f"{start}{shown}", role), (f" {fit(told, told_cells, right=True)}", Role.DIM))


def _describe(entries: Sequence[FileEntry]) -> str:
    """Say how many folders and files are in a folder, and how large these are."""
    files = [each for each in entries if not each.is_folder]
    sizes = [each.size_bytes for each in files if each.size_bytes is not None]
    folders = len(entries) - len(files)
    parts = [plural(folders, "folder")] if folders else []
    parts += [f"{plural(len(files), 'file')}, {show_size(sum(sizes))}"] if files else []
    return ", ".join(parts) or "empty"
