"""A user's own files in an asset's folder, on the disk: beside the journal, for the next mount.

The platform has no place for them. But whoever moves a file somewhere expects to find it there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from coexplorer.config.paths import ensure_private_dir
from coexplorer.fs.core.scratch import KeptFile, Stamp
from coexplorer.models import AssetId
from coexplorer.names import file_name, unescape_name

_LONGEST_NAME = 255
_MOST_NAMESAKES = 1000


class KeptFiles:
    """The files of one profile, in a folder of their own for each asset. Its methods block.

    Args:
        folder: Made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unfinished = folder / f".{os.getpid()}.new"

    def write(
        self, file: KeptFile, former: bytes | None = None, stamp: Stamp | None = None
    ) -> tuple[bytes, Stamp]:
        """Keep a file as it is now: all of it, or as it was before.

        What another mount keeps under its name stays: this one gets a name beside it.

        Args:
            file: The file.
            former: The name under which it is kept already.
            stamp: How it was left there.

        Returns:
            Under which name it is kept, and how it was left.

        Raises:
            OSError: It can't be written.
        """
        ensure_private_dir(Path(os.fsdecode(self.find_path(file.asset_id, file.name))).parent)
        try:
            descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as output:
                output.write(file.content)
            os.utime(self._unfinished, ns=(file.mtime_ns, file.mtime_ns))
            left = _stamp_of(os.stat(self._unfinished))  # noqa: PTH116 - as below
            if former is not None and self._is_as_left(file.asset_id, former, stamp):
                os.replace(self._unfinished, self.find_path(file.asset_id, former))  # noqa: PTH105
                return former, left
            return self._link(self._unfinished, file.asset_id, file.name), left
        finally:
            self._unfinished.unlink(missing_ok=True)

    def rename(
        self, asset_id: AssetId, old: bytes, new: bytes, stamp: Stamp | None = None
    ) -> bytes:
        """Give a file another name in its asset's folder; return the name that it has then.

        Raises:
            OSError: It can't be renamed, or is another mount's now.
        """
        if not self._is_as_left(asset_id, old, stamp):
            raise FileNotFoundError(errno.ENOENT, "another mount has changed it")
        path = self.find_path(asset_id, old)
        name = self._link(path, asset_id, new)
        os.unlink(path)  # noqa: PTH108
        return name

    def _link(self, source: Path | bytes, asset_id: AssetId, name: bytes) -> bytes:
        """Give a file a name that no other has: a number before its extension makes it so."""
        stem, extension = os.path.splitext(name)  # noqa: PTH122 - a name may be no text
        longest = _LONGEST_NAME - len(extension)
        for number in range(1, _MOST_NAMESAKES):
            mark = b"" if number == 1 else b" (%d)" % number
            beside = stem[: max(0, longest - len(mark))] + mark + extension
            try:
                os.link(source, self.find_path(asset_id, beside))
            except FileExistsError:
                continue
            return beside
        raise FileExistsError(errno.EEXIST, "too many kept files have that name")

    def _is_as_left(self, asset_id: AssetId, name: bytes, stamp: Stamp | None) -> bool:
        try:
            found = os.stat(self.find_path(asset_id, name), follow_symlinks=False)  # noqa: PTH116
        except FileNotFoundError:
            return False
        return stamp is None or _stamp_of(found) == stamp

    def remove(self, asset_id: AssetId, name: bytes, stamp: Stamp | None = None) -> None:
        """Delete a file, unless another mount has changed it since.

        Raises:
            OSError: It can't be removed.
        """
        path = self.find_path(asset_id, name)
        if not self._is_as_left(asset_id, name, stamp):
            return
        try:
            os.unlink(path)  # noqa: PTH108
            os.rmdir(os.path.dirname(path))  # noqa: PTH106, PTH120
        except FileNotFoundError:
            return
        except OSError:
            if os.path.lexists(path):
                raise  # else there are others beside it

    def read(self, largest: int) -> Iterator[KeptFile]:
        """Read all of them, except those that are larger than that many bytes.

        Raises:
            OSError: They can't be read.
        """
        for asset_id, name in self.list():
            path = self.find_path(asset_id, name)
            found = os.stat(path, follow_symlinks=False)  # noqa: PTH116
            if found.st_size <= largest:
                with open(path, "rb") as file:  # noqa: PTH123
                    content = file.read()
                yield KeptFile(asset_id, name, content, found.st_mtime_ns, _stamp_of(found))

    def list(self) -> list[tuple[AssetId, bytes]]:
        """List them: asset and name.

        Raises:
            OSError: The folder can't be read.
        """
        if not self.folder.is_dir():
            return []
        return [
            (AssetId(unescape_name(folder.name)), os.fsencode(entry.name))
            for folder in sorted(self.folder.iterdir())
            if folder.is_dir()
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
            if entry.is_file(follow_symlinks=False)
        ]

    def find_path(self, asset_id: AssetId, name: bytes) -> bytes:
        """Return where a file of that name is kept."""
        return os.path.join(  # noqa: PTH118
            os.fsencode(self.folder), file_name(asset_id, asset_id).encode(), name
        )


def _stamp_of(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_mtime_ns, found.st_size


def find_kept_folder(journal_path: Path) -> Path:
    """Return where the files of a journal's profile are kept."""
    return journal_path.with_suffix(".kept")
