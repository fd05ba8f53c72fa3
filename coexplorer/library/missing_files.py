"""What to say of a file that an asset does not have, and of listings that lack some. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from coexplorer.errors import NotFound, Refused
from coexplorer.models import FileEntry, Folder
from coexplorer.text import clean, list_like

_MANY: Final = 5_000
"""More names are not compared letter by letter: that would take seconds."""

_NEAR: Final = 3

_LIKE: Final = 0.75
"""So much alike names have to be: many differ in a number alone, or end alike."""


def find_shown(path: str, folder: Folder) -> FileEntry | None:
    r"""Return what is shown so, as ``escape\x1b[2J.csv``; None: nothing is, or several are.

    Args:
        path: As it was typed, where nothing has exactly this path.
        folder: What is in the folder where it should be.
    """
    found = [entry for entry in folder.entries if clean(entry.path) == path != entry.path]
    return found[0] if len(found) == 1 else None


def build_missing(path: str, folder: Folder, *, what: str = "file") -> NotFound | Refused:
    """Return the error for a file that is not there.

    Args:
        path: What was asked for.
        folder: What is in the folder where it should be.
        what: What was looked for.
    """
    if any(entry.is_folder and path in (entry.path, entry.wire_path) for entry in folder.entries):
        return Refused(
            f"{path} is a folder",
            hint="name a file in it: coexplorer files lists them; coexplorer get downloads all",
        )
    parent = path.rpartition("/")[0]
    if not folder.entries:
        where = f"there is nothing in {parent}" if parent else "it has no files at all"
        return NotFound(f"this asset has no {what} {path}: {where}")
    hint = "list its folder to see what is there"
    if any(sign in path for sign in "*?["):
        hint = "to download what fits a pattern: coexplorer get --include"
    elif near := _find_near(path, folder.entries):
        hint = f"did you mean {' or '.join(near)}?"
    return NotFound(f"this asset has no {what} {path}", hint=hint)


def _find_near(path: str, entries: tuple[FileEntry, ...]) -> list[str]:
    """Return paths of the folder that are nearly like one."""
    name = path.rpartition("/")[2]
    by_name = {entry.name: entry.path + "/" * entry.is_folder for entry in entries}
    if len(by_name) <= _MANY:
        return [by_name[each] for each in list_like(name, by_name, most=_NEAR, least=_LIKE)]
    word = name.casefold()
    same = (whole for each, whole in by_name.items() if each.casefold().startswith(word))
    return [whole for whole, _ in zip(same, range(_NEAR), strict=False)] if word else []


def name_gaps(folder: Folder, place: str, unsaid: bool) -> Iterator[str]:  # noqa: FBT001 # pure
    """Say what a listing lacks, one sentence each, without its subject."""
    if unsaid:
        yield f"does not say what is in {place}"
    if folder.has_more:
        yield f"says that there is more in {place}, but not how to ask for it"
    if folder.unnamed:
        entries = "1 entry" if folder.unnamed == 1 else f"{folder.unnamed:,} entries"
        yield f"lists {entries} in {place} without a name"
    if folder.elsewhere:
        rest = f" and {len(folder.elsewhere) - 1:,} more" if len(folder.elsewhere) > 1 else ""
        yield f"lists {folder.elsewhere[0][:80]!r}{rest} in {place}, where it is not"
