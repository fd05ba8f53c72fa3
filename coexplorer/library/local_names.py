"""Names of an asset's files on a disk or in a mount, where they can't have their own. Pure.

Storage with keys may have a file and a folder of the same name; no file system can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from coexplorer.models import FileEntry
from coexplorer.names import LONGEST_BYTES, disambiguate

_HASH_CHARACTERS: Final = 32
_SHORT: Final = 8


def name_entries(entries: Iterable[FileEntry], spell: Callable[[str], str]) -> dict[str, FileEntry]:
    """Return what is in one folder, by names that are all different.

    A file keeps its name. A folder of the same name gets ``~`` at its end, and where that is taken
    too, a few characters that come from its path: the same ones each time. So do names that are
    longer than a file system takes.

    Args:
        entries: What is in the folder.
        spell: Returns how a name is written where it goes to.
    """
    # A folder is known by its slash where keys are stored: a file keeps the plain name.
    files = sorted(entries, key=lambda entry: entry.is_folder)
    names: dict[str, FileEntry] = {}
    twins: list[FileEntry] = []
    for entry in files:
        name = spell(entry.name)
        if _measure(name) > LONGEST_BYTES or name in names:
            twins.append(entry)
        else:
            names[name] = entry
    for entry in twins:
        names[_choose(entry, spell(entry.name), names)] = entry
    return names


def _choose(entry: FileEntry, name: str, taken: dict[str, FileEntry]) -> str:
    """Return a name for what can't have its own."""
    chosen = f"{name}~"
    path = f"{entry.wire_path}{'/' if entry.is_folder else ''}".encode(errors="surrogatepass")
    tail = hashlib.blake2b(path, digest_size=_HASH_CHARACTERS // 2).hexdigest()
    for length in range(_SHORT, _HASH_CHARACTERS + 1):
        if _measure(chosen) <= LONGEST_BYTES and chosen not in taken:
            break
        chosen = disambiguate(name, tail, length=length)
    return chosen


def _measure(name: str) -> int:
    return len(name.encode(errors="surrogatepass"))


class LocalNames:
    """Where downloaded files go: a folder that has a file's name is called as a mount calls it."""

    def __init__(self) -> None:
        self._renamed: dict[str, str] = {}

    def note(self, entries: Iterable[FileEntry]) -> None:
        """Look at what is in one folder."""
        found = list(entries)
        files = {each.path for each in found if not each.is_folder}
        if any(each.is_folder and each.path in files for each in found):
            for name, each in name_entries(found, lambda name: name).items():
                if each.is_folder and each.path in files:
                    self._renamed[each.path] = name

    def find(self, path: str) -> str:
        """Return where a file goes, likewise with slashes."""
        if not self._renamed:
            return path
        *folders, name = path.split("/")
        there, here = "", ""
        for each in folders:
            there += each
            here += self._renamed.get(there, each) + "/"
            there += "/"
        return here + name
