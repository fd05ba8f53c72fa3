"""When the mount looks for news, on a clock that the test controls, and what it does with them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio
import trio.testing

from coexplorer.demo.server import DemoServer
from coexplorer.fs.core.nodes import KnownAsset
from coexplorer.fs.core.volume import MountOptions, Volume
from coexplorer.fs.handlers.control_files import ControlFiles
from coexplorer.fs.handlers.file_io import FileIO
from coexplorer.fs.handlers.guards import WriteGuard
from coexplorer.fs.handlers.opening import Opening
from coexplorer.fs.handlers.showing import Showing
from coexplorer.fs.kernel.inodes import FIELD_PARTS, asset_inode
from coexplorer.fs.kernel.invalidation import Invalidator
from coexplorer.fs.mount import LibrarySource
from coexplorer.fs.sync.catalog_watcher import CatalogWatcher
from coexplorer.fs.sync.upstream import Upstream, build_upstream
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId, Excerpt
from tests.support.mounted import make_asset
from tests.support.server import make_id
from tests.support.tui import build_settings


@asynccontextmanager
async def _rooms(
    server: DemoServer, home: Path
) -> AsyncIterator[tuple[Library, Volume, Upstream, trio.Nursery]]:
    """Build a mount's rooms over a synced catalog, without a mount."""
    async with (
        open_library(build_settings(server, home), origin="mount") as library,
        trio.open_nursery() as nursery,
    ):
        await library.sync.sweep()
        volume = Volume(LibrarySource(library), Invalidator(), MountOptions())
        yield library, volume, build_upstream(volume, library, nursery), nursery


def test_opens_look_for_news_at_most_once_a_minute(tmp_path: Path) -> None:
    clock = trio.testing.MockClock(rate=1.0)

    async def main(server: DemoServer) -> None:
        async with _rooms(server, tmp_path) as (library, volume, upstream, _):
            control, showing = ControlFiles(volume, library, upstream), Showing(volume)
            guard = WriteGuard(volume, upstream.reach)
            opening = Opening(volume, upstream, control, showing, guard)
            file_io = FileIO(volume, upstream, showing)
            node = volume.tree.apply(KnownAsset(AssetId(make_id(1)), "a1"), 0.0)

            async def open_often() -> None:
                for part in (FIELD_PARTS["name"], FIELD_PARTS["tags"], FIELD_PARTS["mount"]) * 20:
                    info = opening.open_plain(asset_inode(node.number, part), 0, 1)
                    assert info is not None
                    file_io.release(info.fh)
                while upstream.reach.is_looking:
                    await trio.lowlevel.checkpoint()

            server.log.clear()
            await open_often()
            assert server.requests() == [], "it has just been synced"
            clock.jump(61)
            await open_often()
            once = len(server.requests())
            await open_often()
            clock.jump(30)
            await open_often()
            assert len(server.requests()) == once > 0
            clock.jump(31)
            await open_often()
            assert len(server.requests()) == 2 * once

    with DemoServer(tmp_path / "server") as server:
        server.store.insert([make_asset(1, "a1")])
        trio.run(main, server, clock=clock)


def test_what_the_catalog_does_not_know_yet_stays_as_it_was_saved(tmp_path: Path) -> None:
    async def main(server: DemoServer) -> None:
        async with _rooms(server, tmp_path) as (library, volume, upstream, nursery):
            follower = CatalogWatcher(volume, library, upstream)
            await follower.load()
            nursery.start_soon(follower.follow)
            first, second = AssetId(make_id(1)), AssetId(make_id(2))
            node = volume.tree.find_id(first)
            assert node is not None
            known = volume.texts.excerpt(node)
            assert known is not None

            async def rename(asset_id: AssetId, name: str) -> None:
                server.store.update(asset_id, name=name)
                await library.platform.fetch(asset_id)

            async def wait_for(name: bytes) -> None:
                while volume.tree.find_name(name) is None:
                    await trio.lowlevel.checkpoint()

            saved = Excerpt(msgspec.structs.replace(known.fields, name="saved"), known.raw)
            volume.apply_reply(node, saved, time.monotonic())
            await rename(first, "older")
            await rename(second, "seen")
            await wait_for(b"seen")
            assert (node.file_name, volume.texts.excerpt(node)) == (b"saved", saved)

            volume.excerpts.end_lead(node.slot, time.monotonic())
            await rename(first, "newer")
            await wait_for(b"newer")
            now = volume.texts.excerpt(node)
            assert now is not None
            assert (node.file_name, now.fields.name) == (b"newer", "newer")
            nursery.cancel_scope.cancel()

    with DemoServer(tmp_path / "server") as server:
        server.store.insert([make_asset(1, "a1"), make_asset(2, "a2")])
        trio.run(main, server)
