"""The files of an asset, drawn as a tree. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from coexplorer.cli.format import count_text, size_text
from coexplorer.library.folder_sizes import FolderSize
from coexplorer.models import FileEntry
from coexplorer.text import clean


def draw_tree(
    entries: Iterable[FileEntry], sizes: Iterable[FolderSize], top: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of a table: size, how many files, and the name behind its branch.

    Args:
        entries: Folders and files, in their order.
        sizes: What is in each folder and below it.
        top: The folder that is drawn; empty: the root.
    """
    children: dict[str, list[FileEntry]] = {}
    for entry in entries:
        children.setdefault(entry.path.rpartition("/")[0], []).append(entry)
    by_path = {each.path: each for each in sizes}
    top = top.strip("/")
    yield _measure(by_path.get(top), f"{top}/" if top else ".")
    # A stack of what is still to be drawn, each with what stands in front of it.
    waiting = [(each, "") for each in reversed(children.get(top, ()))]
    last = {id(each[-1]) for each in children.values()}
    while waiting:
        entry, before = waiting.pop()
        is_last = id(entry) in last
        shown = f"{before}{'└── ' if is_last else '├── '}{clean(entry.name)}"
        if not entry.is_folder:
            yield size_text(entry.size_bytes), "", shown
            continue
        yield _measure(by_path.get(entry.path), f"{shown}/")
        below = before + ("    " if is_last else "│   ")
        waiting += [(each, below) for each in reversed(children.get(entry.path, ()))]


def _measure(folder: FolderSize | None, shown: str) -> tuple[str, str, str]:
    if folder is None:
        return "", "", shown
    return size_text(folder.size_bytes), count_text(folder.files), shown
