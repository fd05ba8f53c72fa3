"""`library.files`: listing an asset's files, reading them, and downloading them.

Nothing escapes from the folder that they are downloaded into.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coexplorer.errors import (
    ApiError,
    BadReply,
    Forbidden,
    NotFound,
    PlatformTooOld,
    Rejected,
    tell_too_old,
)
from coexplorer.library import part_files
from coexplorer.library.context import Context
from coexplorer.library.downloads import Downloads, OnArrival, OnProgress
from coexplorer.library.external_files import build_outside_error
from coexplorer.library.file_rules import FileRules
from coexplorer.library.file_walk import TELL_OWNER, OnTrouble, tell, walk_folders
from coexplorer.library.local_names import LocalNames
from coexplorer.library.missing_files import build_missing, find_shown, name_gaps
from coexplorer.library.wanted_files import tidy
from coexplorer.models import AssetId, FileEntry, Folder

if TYPE_CHECKING:  # most starts of the program read no file
    from anyio.abc import TaskGroup

    from coexplorer.library.file_places import FilePlaces
    from coexplorer.library.file_sources import FileSource
    from coexplorer.library.file_store import FileStore
    from coexplorer.remote_files import CacheUse, FileReader

_SINCE: Final = "3.1"
"""The version of the platform that began to list files."""

OnListing = Callable[[Sequence[FileEntry]], None]


class Files:
    """Lists and downloads files.

    Args:
        context: What the session's modules share.
        tasks: Where parts of files are fetched.
    """

    def __init__(self, context: Context, tasks: TaskGroup) -> None:
        self._context = context
        self._tasks = tasks
        self._made: FileStore | None = None
        self._places: FilePlaces | None = None
        context.forget_files = self._forget

    @property
    def _store(self) -> FileStore:
        """What is open, and what is kept of files."""
        if self._made is None:
            from coexplorer.library.file_store import build_file_store  # noqa: PLC0415 # see above

            self._made = build_file_store(self._context.settings, self._tasks)
        return self._made

    async def _forget(self, asset_ids: Sequence[AssetId]) -> None:
        """Forget the files of assets that are gone."""
        if self._made is not None or self._context.settings.paths.file_cache_dir.exists():
            await self._store.forget_assets(asset_ids)

    def end(self) -> None:
        """Cut off what is on its way; the session ends."""
        if self._made is not None:
            self._made.end()

    async def list_folder(
        self,
        asset_id: AssetId,
        path: str = "",
        *,
        trouble: OnTrouble | None = None,
    ) -> tuple[FileEntry, ...]:
        """List one folder of an asset's files.

        Args:
            asset_id: The asset.
            path: The folder; empty: the root.
            trouble: Called with what is missing in the answer. None: raise it.

        Raises:
            BadReply: The platform lists only part of it, or nonsense.
        """
        folder = await self._list(asset_id, path)
        for error in await self._find_gaps(asset_id, path, folder):
            tell(error, trouble)
        return folder.entries

    async def list_path(
        self, asset_id: AssetId, path: str, *, trouble: OnTrouble | None = None
    ) -> tuple[FileEntry, ...]:
        """List one folder, or the file of this path alone.

        Args:
            asset_id: The asset.
            path: The folder or file.
            trouble: See `list_folder`.

        Raises:
            NotFound: There is neither; it names what is nearly called so.
        """
        path = tidy(path)
        try:
            return await self.list_folder(asset_id, path, trouble=trouble)
        except NotFound as missing:
            path = path.strip("/")
            if not path:
                raise
            try:
                folder = await self._list(asset_id, path.rpartition("/")[0])
            except NotFound:
                raise missing from None
            entry = folder.find_file(path) or find_shown(path, folder)
            if entry is None:
                raise build_missing(path, folder, what="file or folder") from None
            if entry.is_folder:
                return await self.list_folder(asset_id, entry.wire_path, trouble=trouble)
            return (entry,)

    async def _list(self, asset_id: AssetId, path: str) -> Folder:
        source = await self._find_source(asset_id)
        try:
            if source.is_bucket:
                return await self._store.list_folder(source, path)
            async with self._explaining(asset_id, path):
                return await self._store.list_folder(source, path)
        except ApiError as error:
            source = await self._find_other_source(asset_id, source, error)
        return await self._store.list_folder(source, path)

    async def _find_other_source(
        self, asset_id: AssetId, source: FileSource, error: ApiError
    ) -> FileSource:
        """Say where files are that are not where they were thought to be.

        Raises:
            ApiError: There is nowhere else, or the asset itself is gone.
        """
        if source.is_bucket:
            try:
                await self._context.fetch(asset_id)
            except (NotFound, Forbidden) as gone:
                raise gone from error
            except ApiError:
                raise error from None
        other = await self._find_source(asset_id)
        if other.build_key("") == source.build_key("") or not (source.is_bucket or other.is_bucket):
            raise error
        return other

    async def _find_source(self, asset_id: AssetId) -> FileSource:
        """Say where the files of an asset are."""
        if self._places is None:
            from coexplorer.library.file_places import FilePlaces  # noqa: PLC0415 # see above

            self._places = FilePlaces(self._context)
        return await self._places.find(asset_id)

    async def open(
        self, asset_id: AssetId, path: str, *, entry: FileEntry | None = None
    ) -> FileReader:
        """Open a file for reading any part of it; close it afterwards.

            async with await library.files.open(asset_id, path) as file:
                start = await file.read(0, 1000)

        Only what is needed is fetched, and it is kept for the next one who needs it, also offline.

        Args:
            asset_id: The asset.
            path: The file.
            entry: It, as it was just listed; None: its folder is listed.

        Raises:
            NotFound: There is no such file.
            Refused: It is a folder.
            ApiError: Its folder can't be listed.
        """
        if await self._context.known(asset_id) is None:
            await self._context.fetch(asset_id)  # what is not known of is not kept either
        path = path.strip("/")
        if entry is None:
            path = tidy(path)
            folder = await self._list(asset_id, path.rpartition("/")[0])
            entry = folder.find_file(path) or find_shown(path, folder)
            if entry is None or entry.is_folder:
                raise build_missing(path, folder)
        source = await self._find_source(asset_id)
        if source.is_bucket:
            return await self._store.open(source, entry)
        async with self._explaining(asset_id):
            return await self._store.open(source, entry)

    async def _find_gaps(self, asset_id: AssetId, path: str, folder: Folder) -> list[BadReply]:
        """Say what a listing lacks."""
        unsaid = folder.unsaid
        if unsaid and not path.strip("/"):
            known = await self._context.known(asset_id)
            unsaid = known is None or known.asset.files != 0  # some say null of what is empty
        place = repr(path[:80]) if path.strip("/") else "its main folder"
        source = await self._find_source(asset_id)
        who = "the bucket" if source.is_bucket else "the platform"
        gaps = name_gaps(folder, place, unsaid)
        return [BadReply(f"{who} {text}", hint=TELL_OWNER) for text in gaps]

    async def measure_cache(self) -> CacheUse:
        """Return what is kept of all files, of all platforms, on this disk."""
        return await self._store.measure()

    async def measure_assets(self, asset_ids: Sequence[AssetId]) -> dict[AssetId, int]:
        """Return how many bytes are kept of each asset that something is kept of."""
        return await self._store.measure_assets(asset_ids)

    async def forget(self, asset_ids: Sequence[AssetId]) -> None:
        """Remove what is kept of the files of assets."""
        await self._forget(asset_ids)

    async def clear_cache(self) -> int:
        """Remove all of it; return how many bytes of the disk that frees.

        Raises:
            FileTrouble: It can't be removed.
        """
        return await self._store.clear()

    @property
    def parts_under_way(self) -> int:
        """How many parts of files are asked for at this moment."""
        return self._store.parts_under_way

    async def walk(
        self,
        asset_id: AssetId,
        path: str = "",
        *,
        trouble: OnTrouble | None = None,
        rules: FileRules | None = None,
        listed: OnListing | None = None,
    ) -> AsyncGenerator[FileEntry]:
        """Stream everything below a folder: each folder, then what is in it.

        Close it with ``aclosing``.

        Args:
            asset_id: The asset.
            path: The folder; empty: the root.
            trouble: Called with what is missing, while the rest goes on. None: raise it.
            rules: Leave out files that they don't take, and don't look into folders without any.
            listed: Called with what is in a folder, before it is yielded.

        Raises:
            Refused: Folders are nested without end; what came before was listed.
            BadReply: See `list_folder`.
        """

        async def look(folder: str) -> tuple[FileEntry, ...]:
            entries = await self.list_folder(asset_id, folder, trouble=trouble)
            if listed is not None:
                listed(entries)
            return entries

        source = await self._find_source(asset_id)
        path = tidy(path)

        def ahead(folders: Sequence[str]) -> None:
            self._store.list_ahead(source, folders)

        walk = walk_folders(look, ahead, path, rules or FileRules(), trouble)
        async with aclosing(walk) as entries:
            async for entry in entries:
                yield entry

    @asynccontextmanager
    async def _explaining(self, asset_id: AssetId, folder: str = "") -> AsyncGenerator[None]:
        """Say where the files are when the platform refuses them because they are external.

        How it refuses is not documented, so the asset is asked, not the refusal's words. It also
        says which folder is not there, of an asset that is.
        """
        try:
            yield
        except (Rejected, Forbidden, NotFound) as refusal:
            if isinstance(refusal, Forbidden):
                await self._store.forget_assets([asset_id])
            try:
                asset = (await self._context.fetch(asset_id)).asset
            except ApiError:
                raise refusal from None
            if asset.source is not None and asset.source.external:
                raise build_outside_error(asset.source, refusal) from refusal
            if isinstance(refusal, NotFound):
                raise await self._explain_missing(asset_id, folder.strip("/"), refusal) from refusal
            raise

    async def _explain_missing(
        self, asset_id: AssetId, folder: str, refusal: NotFound
    ) -> NotFound | PlatformTooOld:
        """Say why a folder of an asset that is there is not found."""
        client = await self._context.client()
        if folder:
            with suppress(NotFound):
                await client.list_files(asset_id)
                return NotFound(
                    f"this asset has no folder {folder}",
                    hint="list the folder above it to see what is there",
                )
        if await client.is_before(_SINCE):
            return tell_too_old(_SINCE, refusal.status)
        return refusal

    async def download(
        self,
        asset_id: AssetId,
        path: str,
        folder: Path,
        *,
        progress: OnProgress | None = None,
        trouble: OnTrouble | None = None,
        arrived: OnArrival | None = None,
        kept: OnArrival | None = None,
        rules: FileRules | None = None,
        below: str | None = None,
    ) -> list[Path]:
        """Download a file, or a folder with everything below it, into `folder`.

        Resumes what an earlier download left, and does not fetch a complete file again; never
        overwrites a different file of the same name. Checks the size. A folder that has a file's
        name goes to ``NAME~``.

        Args:
            asset_id: The asset.
            path: The file or folder; empty: all of them.
            folder: Where they go.
            progress: Called with how far each file is.
            trouble: Called with each file or folder that can't be read, while the others come.
                None: raise the first one.
            arrived: Called with each file once all of it is there, also of a download that ends
                with an error.
            kept: Called instead with each file that was there and has the right size, where nothing
                tells whether it was downloaded; None: `arrived` is called.
            rules: Which files are meant; None: all.
            below: The folder of the asset that `folder` stands for; None: the one that holds
                `path`.

        Raises:
            Refused: A path from the platform would leave `folder`, or the size does not match.
            ApiError: No file can be read.
        """
        below = path.strip("/").rpartition("/")[0] if below is None else below
        start = below.strip("/") or "."
        names = LocalNames()
        walk = self._walk_from(asset_id, path, trouble, rules, names)
        downloads = Downloads(self._context, asset_id, self._find_source)
        return await downloads.run(
            walk,
            lambda entry: part_files.find_target(folder, names.find(entry.path), below=start),
            progress=progress,
            trouble=trouble,
            arrived=arrived,
            kept=kept,
        )

    async def _walk_from(
        self,
        asset_id: AssetId,
        path: str,
        trouble: OnTrouble | None,
        rules: FileRules | None,
        names: LocalNames,
    ) -> AsyncGenerator[FileEntry]:
        """Stream the file at `path`, or all that is below it; with a slash at its end that alone.

        `names` gets to know what is there.
        """
        found: list[FileEntry] = []
        is_folder = path.endswith("/")
        path = path.strip("/")
        if path:
            parent = path.rpartition("/")[0]
            siblings = await self._list(asset_id, parent)
            found = [entry for entry in siblings.entries if entry.path == path]
            if not found and (shown := find_shown(path, siblings)) is not None:
                found, path = [shown], shown.path
            if not found:
                for error in await self._find_gaps(asset_id, parent, siblings):
                    tell(error, trouble)  # it may be there anyway
                raise build_missing(path, siblings)
            names.note(siblings.entries)
        for entry in found:
            if not (entry.is_folder or is_folder) and (rules is None or rules.takes(entry.path)):
                yield entry
        if not path or any(entry.is_folder for entry in found):
            walk = self.walk(asset_id, path, trouble=trouble, rules=rules, listed=names.note)
            async with aclosing(walk) as entries:
                async for entry in entries:
                    yield entry
