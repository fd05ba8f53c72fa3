"""How much is in each folder of an asset, with all that is below it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from coexplorer.models import FileEntry


class FolderSize(msgspec.Struct):
    """What is in a folder, and in those below it.

    Attributes:
        path: The folder; empty: all that was looked at.
        files: How many.
        size_bytes: Of all files whose size is known.
        unknown: How many files don't say their size.
    """

    path: str
    files: int = 0
    size_bytes: int = 0
    unknown: int = 0


class FolderSizes:
    """Adds up files by folder.

    Args:
        top: The folder that is looked at; empty: the root.
        depth: So many levels below it are told apart; None: all.
    """

    def __init__(self, top: str = "", depth: int | None = 1) -> None:
        self._top = top.strip("/")
        self._depth = depth
        self._folders = {self._top: FolderSize(self._top)}

    @property
    def total(self) -> FolderSize:
        """All that was added."""
        return self._folders[self._top]

    def add(self, entry: FileEntry) -> None:
        """Add a file, or a folder, which may stay empty."""
        start = len(self._top) + 1 if self._top else 0
        parts = entry.path[start:].split("/")
        inside = parts if entry.is_folder else parts[:-1]
        deepest = len(inside) if self._depth is None else min(len(inside), self._depth)
        for count in range(deepest + 1):
            folder = self._find(parts[:count])
            if not entry.is_folder:
                folder.files += 1
                folder.size_bytes += entry.size_bytes or 0
                folder.unknown += entry.size_bytes is None

    def _find(self, parts: list[str]) -> FolderSize:
        path = "/".join([self._top, *parts] if self._top else parts)
        found = self._folders.get(path)
        if found is None:
            found = self._folders[path] = FolderSize(path)
        return found

    def list_all(self) -> Iterator[FolderSize]:
        """Yield the folders, the largest first; all of it together comes before any of them."""
        yield self.total
        rest = [each for each in self._folders.values() if each is not self.total]
        yield from sorted(rest, key=lambda each: (-each.size_bytes, each.path))
