"""Names of downloaded files where a disk can't have those of the asset. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from coexplorer.models import FileEntry


class LocalNames:
    """Gives a folder another name where there is a file of its name, too: ``x`` and ``x~/``.

    Storage with keys may have both; the mount shows them so as well.
    """

    def __init__(self) -> None:
        self._renamed: dict[str, str] = {}

    def note(self, entries: Iterable[FileEntry]) -> None:
        """Look at what is in one folder."""
        found = list(entries)
        files = {each.path for each in found if not each.is_folder}
        names = {each.path for each in found}
        for each in found:
            if each.is_folder and each.path in files:
                name = f"{each.path}~"
                while name in names:
                    name += "~"
                names.add(name)
                self._renamed[each.path] = name.rpartition("/")[2]

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
