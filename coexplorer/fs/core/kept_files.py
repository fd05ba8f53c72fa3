"""A user's own files in an asset's folder, on the disk: beside the journal, for the next mount.

The platform has no place for them. But who moves a file somewhere expects to find it there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from coexplorer.config.paths import ensure_private_dir
from coexplorer.fs.core.scratch import KeptFile
from coexplorer.models import AssetId
from coexplorer.names import file_name, unescape_name


class KeptFiles:
    """The files of one profile, in a folder of their own for each asset. Its methods block.

    Args:
        folder: Made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unfinished = folder / f".{os.getpid()}.new"

    def write(self, file: KeptFile) -> None:
        """Keep a file as it is now: all of it, or as it was before.

        Raises:
            OSError: It can't be written.
        """
        path = self._path(file.asset_id, file.name)
        ensure_private_dir(Path(os.fsdecode(path)).parent)
        try:
            descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as output:
                output.write(file.content)
            os.utime(self._unfinished, ns=(file.mtime_ns, file.mtime_ns))
            os.replace(self._unfinished, path)  # noqa: PTH105 - a name may be no text
        except OSError:
            self._unfinished.unlink(missing_ok=True)
            raise

    def rename(self, asset_id: AssetId, old: bytes, new: bytes) -> None:
        """Give a file another name in its asset's folder.

        Raises:
            OSError: It can't be renamed.
        """
        os.replace(self._path(asset_id, old), self._path(asset_id, new))  # noqa: PTH105

    def remove(self, asset_id: AssetId, name: bytes) -> None:
        """Let a file go.

        Raises:
            OSError: It can't be removed.
        """
        path = self._path(asset_id, name)
        try:
            os.unlink(path)  # noqa: PTH108
            os.rmdir(os.path.dirname(path))  # noqa: PTH106, PTH120
        except FileNotFoundError:
            return
        except OSError:
            if os.path.lexists(path):
                raise  # else there are others beside it

    def read(self, largest: int) -> Iterator[KeptFile]:
        """Read all of them that are no larger than that, in bytes.

        Raises:
            OSError: They can't be read.
        """
        for asset_id, name in self.list():
            path = self._path(asset_id, name)
            found = os.stat(path, follow_symlinks=False)  # noqa: PTH116
            if found.st_size <= largest:
                with open(path, "rb") as file:  # noqa: PTH123
                    yield KeptFile(asset_id, name, file.read(), found.st_mtime_ns)

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

    def _path(self, asset_id: AssetId, name: bytes) -> bytes:
        return os.path.join(  # noqa: PTH118
            os.fsencode(self.folder), file_name(asset_id, asset_id).encode(), name
        )


def find_kept_folder(journal_path: Path) -> Path:
    """Return where the files of a journal's profile are kept."""
    return journal_path.with_suffix(".kept")
