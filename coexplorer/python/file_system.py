"""``codeocean://ASSET/path`` for fsspec, and so for pandas, xarray, dask, zarr and others.

fsspec's own class does most of it. It runs in fsspec's loop, or in the program's own, and waits
there for what our thread does.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn, ParamSpec, TypeVar

import anyio.to_thread
from fsspec.asyn import AsyncFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK, Callback

from coexplorer.models import FileEntry
from coexplorer.python.asset_file import AssetFile
from coexplorer.python.opening import open_in
from coexplorer.python.os_errors import raising_os_errors
from coexplorer.python.sessions import Session, get_session

P = ParamSpec("P")
T = TypeVar("T")

_PIECE_BYTES = 4 * 1024 * 1024


class CodeOceanFileSystem(AsyncFileSystem):  # type: ignore[misc] # fsspec publishes no types
    """The files of all assets, to be read: ``ASSET/path``.

    ASSET is an asset's name, its id, or 6 or more characters of the beginning of its id. A name
    with a slash in it can't be written so: give the id.

    Args:
        profile: Which profile to use; None: as commands choose it.
        kwargs: fsspec's own: ``asynchronous``, ``loop``.
    """

    protocol: ClassVar[str] = "codeocean"
    root_marker: ClassVar[str] = ""

    def __init__(self, profile: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._profile = profile
        self._session: Session | None = None

    # What is there.

    async def _ls(
        self,
        path: str,
        detail: bool = True,
        **kwargs: object,
    ) -> list[Any]:
        """List a folder; of a file, the file."""
        asset, inner = self._split(path)
        info = await self._info(path) if inner else {}
        found = [info] if info.get("type") == "file" else await self._list(asset, inner)
        return found if detail else [each["name"] for each in found]

    async def _info(self, path: str, **kwargs: object) -> dict[str, object]:
        """Say whether it is a file or a folder, and how large."""
        path = self._strip_protocol(path)
        if not path:
            return {"name": "", "size": 0, "type": "directory"}
        asset, inner = self._split(path)
        if not inner:
            await self._ask(path, (await self._open_session()).resolve, asset)
            return {"name": asset, "size": 0, "type": "directory"}
        siblings = await self._list(asset, inner.rpartition("/")[0])
        found = [each for each in siblings if each["name"] == path]
        if not found:
            raise FileNotFoundError(errno.ENOENT, f"this asset has no file {inner}", path)
        # A key of a bucket may be both.
        return min(found, key=lambda each: each["type"] != "file")

    async def _list(self, asset: str, folder: str) -> list[dict[str, object]]:
        session = await self._open_session()
        place = f"{asset}/{folder}"
        entries: Sequence[FileEntry] = await self._ask(place, session.list_folder, asset, folder)
        return [
            {
                "name": f"{asset}/{entry.path}",
                "size": 0 if entry.is_folder else entry.size_bytes,
                "type": "directory" if entry.is_folder else "file",
            }
            for entry in entries
        ]

    # What is in it.

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: object
    ) -> bytes:
        """Return a file, or a part of it: one request for what is not here."""
        asset, inner = self._split(path)
        session = await self._open_session()
        return await self._ask(path, session.read_part, asset, inner, start, end)

    async def _get_file(
        self, rpath: str, lpath: str, callback: Callback = DEFAULT_CALLBACK, **kwargs: object
    ) -> None:
        """Copy a file here."""
        info = await self._info(rpath)
        target = Path(lpath)
        if info["type"] == "directory":
            await anyio.to_thread.run_sync(lambda: target.mkdir(parents=True, exist_ok=True))
            return
        await anyio.to_thread.run_sync(lambda: target.parent.mkdir(parents=True, exist_ok=True))
        callback.set_size(info["size"])
        async with await anyio.open_file(target, "wb") as file:
            start = 0
            while piece := await self._cat_file(rpath, start, start + _PIECE_BYTES):
                await file.write(piece)
                start += len(piece)
                callback.relative_update(len(piece))

    def _open(self, path: str, mode: str = "rb", **kwargs: object) -> AssetFile:
        """Open a file. What fsspec could cache of it is kept anyway."""
        if mode != "rb":
            _tell_read_only()
        asset, inner = self._split(path)
        with raising_os_errors(path):
            return open_in(self._find_session(), asset, inner)

    # What can't be done.

    async def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        _tell_read_only()

    _pipe_file = _put_file = _cp_file = _mv_file = _rm_file = _rm = _mkdir = _makedirs = _refuse

    def mv(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse to change anything."""
        _tell_read_only()

    touch = rmdir = mv

    # The way to our thread.

    def _split(self, path: str) -> tuple[str, str]:
        """Tell the asset from the path in it.

        Raises:
            ValueError: No asset is named. Not an OSError: `find` would take that for no files.
        """
        asset, _, inner = self._strip_protocol(path).partition("/")
        if not asset:
            raise ValueError(
                "assets can't be listed here: name one, codeocean://ASSET/path"
                " (coexplorer ls finds it)"
            )
        return asset, inner.strip("/")

    def _find_session(self) -> Session:
        if self._session is None or self._session.is_over:
            self._session = get_session(self._profile)
        return self._session

    async def _open_session(self) -> Session:
        if self._session is None or self._session.is_over:
            with raising_os_errors(""):
                return await asyncio.to_thread(self._find_session)
        return self._session

    async def _ask(
        self, path: str, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Let our thread do something, and wait for it in this loop."""
        background = self._find_session().background
        with raising_os_errors(path):
            return await asyncio.wrap_future(background.start(work, *args, **kwargs))


def _tell_read_only() -> NoReturn:
    raise OSError(errno.EROFS, "the files of assets can only be read")
