"""A mount's life: start, serve, end. The composition root of `coexplorer.fs`."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyfuse3
import trio

from coexplorer.config import Settings
from coexplorer.errors import JournalError, Refused
from coexplorer.fs.core.metadata_file import use_schema
from coexplorer.fs.core.volume import MountOptions, Volume
from coexplorer.fs.handlers.control_files import ControlFiles
from coexplorer.fs.handlers.data_files import DataFiles
from coexplorer.fs.handlers.file_io import FileIO
from coexplorer.fs.handlers.guards import WriteGuard
from coexplorer.fs.handlers.listing import Listings
from coexplorer.fs.handlers.lookup import Lookup
from coexplorer.fs.handlers.opening import Opening
from coexplorer.fs.handlers.operations import Operations
from coexplorer.fs.handlers.relatives import Relatives
from coexplorer.fs.handlers.rename import Renaming
from coexplorer.fs.handlers.search_folders import SearchFolders
from coexplorer.fs.handlers.showing import Showing
from coexplorer.fs.handlers.stat import Stat
from coexplorer.fs.kernel.attributes import MODES
from coexplorer.fs.kernel.invalidation import Invalidator
from coexplorer.fs.kernel.procfs import find_mount_id, let_more_reads_wait
from coexplorer.fs.kernel.request_loop import take_in_turns
from coexplorer.fs.mount_records import Mount, remove_record, write_record
from coexplorer.fs.rescued import describe_rescued, find_rescued, list_rescued
from coexplorer.fs.sync.catalog_watcher import CatalogWatcher
from coexplorer.fs.sync.held_texts import rescue
from coexplorer.fs.sync.upstream import Upstream, build_upstream
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId, Excerpt

log = logging.getLogger(__name__)

_MAX_REQUESTS = 200
_LAST_SAVES_S = 2.0
_SCHEMA_S = 5.0
"""So long a mount waits for the schema of custom metadata."""
_LAST_ANSWERS_S = 0.3
_GIL_S = 0.0005
"""Python gives other threads a turn so often: a sync's parsing must not stall a stat (5 ms)."""


_COLLECTED = (2_000, 2, 1_000_000)
"""How many new objects, collections of them, and of those, the collector waits for.

It goes over 2,000 objects in 2 ms, and requests wait meanwhile. Over all of them it goes when
`CatalogWatcher` says so.
"""

_NEEDED_SOON = ("coexplorer.api", "httpcore", "encodings.idna")
"""What the first request to the platform imports: late, it would stall the first readers."""


@dataclass(frozen=True, slots=True)
class LibrarySource:
    """The catalog, read on the event loop's own thread: a tenth of the time of a thread's trip."""

    library: Library

    def load(self, asset_id: AssetId) -> Excerpt | None:
        """Return what the catalog has of an asset's files."""
        return self.library.assets.peek(asset_id)


def serve(
    settings: Settings, folder: Path, options: MountOptions, on_ready: Callable[[], None]
) -> None:
    """Mount, and serve until it is unmounted or signalled; everything is finished on return.

    Args:
        settings: The profile.
        folder: An empty folder, by its real path.
        options: What the mount allows.
        on_ready: Called once, when the mount answers.

    Raises:
        Refused: The kernel or fusermount3 refuses the mount.
        JournalError: Nothing could be written safely.
    """
    sys.setswitchinterval(_GIL_S)
    gc.set_threshold(*_COLLECTED)
    for module in _NEEDED_SOON:
        importlib.import_module(module)
    try:
        trio.run(_serve, settings, folder, options, on_ready)
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def _serve(
    settings: Settings, folder: Path, options: MountOptions, on_ready: Callable[[], None]
) -> None:
    writes = not options.read_only
    told = settings.warnings
    async with open_library(settings, origin="mount", must_write=writes) as library:
        settings = library.settings  # whose files they are may only have turned out now
        notifier = Invalidator()
        volume = Volume(LibrarySource(library), notifier, options)
        async with trio.open_nursery() as nursery:
            upstream = build_upstream(volume, library, nursery)
            if options.allow_other:
                MODES.let_others_look()
            follower = CatalogWatcher(volume, library, upstream)
            await _apply_acknowledged(library)
            await _read_schema(library)
            await follower.load()
            await upstream.journal.recall()
            await upstream.sharing.failures.recall()
            await upstream.keeper.load()
            for warning in settings.warnings[len(told) :]:
                volume.report(warning)
            for rescued in await trio.to_thread.run_sync(list_rescued, settings.paths):
                volume.report(describe_rescued(rescued))
            _mount(build_operations(volume, library, upstream), settings, folder, options)
            unmounts = True
            try:
                notifier.start()
                volume.mount_id = find_mount_id(folder)
                if options.files:
                    let_more_reads_wait(folder, _MAX_REQUESTS // 2)
                record = Mount(
                    str(folder),
                    os.getpid(),
                    settings.profile,
                    settings.base_url,
                    time.time(),
                    read_only=options.read_only,
                    journal=str(settings.journal_path),
                )
                write_record(settings.paths, record)
                for task in (follower.follow, follower.listen, follower.measure, follower.tidy):
                    nursery.start_soon(task)
                nursery.start_soon(library.run_background)
                finish = partial(_finish, upstream, find_rescued(settings.paths, os.getpid()))
                unmounts = await _answer_until_end(finish, nursery, on_ready)
                if not unmounts:  # a signal has waited for them already
                    await finish()
            finally:
                nursery.cancel_scope.cancel()
                notifier.stop()
                pyfuse3.close(unmount=unmounts)
                remove_record(settings.paths, folder, os.getpid())


async def _read_schema(library: Library) -> None:
    """Write the metadata of all assets by the schema that is known, or is there soon."""
    schema = await library.assets.metadata_schema()
    with trio.move_on_after(_SCHEMA_S):
        schema = await library.platform.metadata_schema(refresh=True)
    use_schema(schema)


async def _apply_acknowledged(library: Library) -> None:
    """Show the saves of a mount that was killed before its catalog heard of them."""
    try:
        await library.changes.apply_acknowledged()
    except JournalError as error:
        log.warning("saves of an earlier mount may not be shown at once: %s", error)


async def _finish(upstream: Upstream, folder: Path) -> None:
    """Send what waits, or have it in the journal, and keep no copies of that.

    Args:
        upstream: What the mount has.
        folder: Where it puts what no other disk has room for.
    """
    await upstream.saver.finish(_LAST_SAVES_S)
    with trio.move_on_after(_LAST_SAVES_S):
        await upstream.keeper.drop_copies()
    await upstream.write_down()
    if unkept := upstream.list_unkept():
        lost = await trio.to_thread.run_sync(rescue, folder, unkept)
        if found := [path for path, _ in unkept if path not in lost]:
            log.warning(
                "the disk with the journal has no room: what you wrote to %s is in %s",
                ", ".join(found),
                folder,
            )
        if lost:
            log.error("lost, as no disk had room: %s", ", ".join(lost))


async def _answer_until_end(
    finish: Callable[[], Awaitable[None]], nursery: trio.Nursery, on_ready: Callable[[], None]
) -> bool:
    """Answer requests; False when it ended because somebody unmounted from outside."""
    signalled = False
    with trio.CancelScope() as serving:

        async def end_on_signal() -> None:
            nonlocal signalled
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
                async for number in signals:
                    log.info("ending: %s", signal.Signals(number).name)
                    signalled = True
                    await finish()
                    pyfuse3.terminate()
                    await trio.sleep(_LAST_ANSWERS_S)
                    serving.cancel()  # what is left waits for a request that hangs

        nursery.start_soon(end_on_signal)
        on_ready()
        take_in_turns()
        await pyfuse3.main(max_tasks=_MAX_REQUESTS)
    return signalled


def build_operations(volume: Volume, library: Library, upstream: Upstream) -> Operations:
    """Put the handlers together."""
    control = ControlFiles(volume, library, upstream)
    searches = SearchFolders(volume, library)
    guard = WriteGuard(volume, upstream.reach)
    showing = Showing(volume)
    data = DataFiles(volume, upstream.data)
    relatives = Relatives(volume, library)
    stat = Stat(volume, control, searches, data)
    return Operations(
        volume,
        upstream,
        guard=guard,
        stat=stat,
        looking=Lookup(volume, control, searches, stat, data=data, relatives=relatives),
        listings=Listings(volume, control, searches, stat, data=data, relatives=relatives),
        opening=Opening(volume, upstream, control, showing, guard),
        file_io=FileIO(volume, upstream, showing),
        data_files=data,
        moving=Renaming(volume, library, upstream, guard),
    )


def _mount(operations: Operations, settings: Settings, folder: Path, options: MountOptions) -> None:
    wanted = {
        "default_permissions",
        f"fsname=coexplorer-{''.join(c if c.isalnum() else '_' for c in settings.profile)}",
        "subtype=coexplorer",
        "nosuid",
        "nodev",
        "noatime",
        "auto_unmount",
    }
    if options.read_only:
        wanted.add("ro")
    if options.allow_other:
        wanted.add("allow_other")
    said: list[str] = []
    try:
        with _hearing(said):
            pyfuse3.init(operations, str(folder), wanted)
    except RuntimeError as error:
        reason = said[-1] if said else str(error)
        raise Refused(
            f"{folder} can't be mounted: {reason}",
            hint=next((hint for word, hint in _MOUNT_HINTS.items() if word in reason), ""),
        ) from error


_MOUNT_HINTS = {
    "user_allow_other": "ask for a line user_allow_other in /etc/fuse.conf, or mount without it",
    "no write access": "mount on a folder of your own",
    "/dev/fuse": "you may not mount on this machine: ask for access to /dev/fuse",
    "mount failed": "you may not mount on this machine; a container needs --device /dev/fuse"
    " --cap-add SYS_ADMIN",
}
"""What fusermount3 says → what to do about it."""


@contextmanager
def _hearing(said: list[str]) -> Iterator[None]:
    """Collect what libfuse and fusermount3 write to standard error: only there is the reason."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said += file.read().decode(errors="replace").split("\n")
            said[:] = [line.strip() for line in said if line.strip()]
            for line in said:
                log.warning("%s", line)
