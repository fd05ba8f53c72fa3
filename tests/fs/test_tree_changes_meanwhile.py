"""Changes that arrived, while the tree heard of the catalog first: none is told as failed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pyfuse3
import pytest
import trio

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.demo.server import DemoServer
from coexplorer.fs.core.volume import MountOptions
from coexplorer.fs.kernel.inodes import Place
from coexplorer.models import AssetId, Secret
from tests.support.handlers import CALLER, Handlers, handling
from tests.support.mounted import make_asset
from tests.support.server import make_id

NAME, ASSET = "plain", make_id(901)
OLD, OLD_ASSET = "filed", make_id(902)


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


@pytest.fixture
async def handlers(server: DemoServer, tmp_path: Path) -> AsyncIterator[Handlers]:
    settings = Settings(
        profile="test",
        base_url=server.url,
        domain="127.0.0.1",
        token_source=GivenToken("test", Secret(server.users[0].token)),
        catalog_path=tmp_path / "catalog.sqlite3",
        journal_path=tmp_path / "journal.sqlite3",
        paths=Paths(tmp_path / "config", tmp_path / "cache", tmp_path / "state"),
        mount_folder=tmp_path / "mount",
    )
    assets = [make_asset(901, NAME), make_asset(902, OLD, archived=True)]
    assets += [make_asset(903, "other", tags=("gamma",))]
    options = MountOptions(allow_untag=True, allow_delete=5)
    async with handling(server, settings, assets, options, follows=True) as ready:
        yield ready


async def _link(handlers: Handlers) -> None:
    parent = await handlers.inode("tags/gamma")
    name, target = pyfuse3.FileNameT(NAME.encode()), pyfuse3.FileNameT(b"../../all/plain")
    await handlers.operations.symlink(parent, name, target, CALLER)


CALLS: dict[str, tuple[Callable[[Handlers], Awaitable[object]], str, str]] = {
    "archive": (lambda h: h.move(f"all/{NAME}", f"archived/{NAME}"), "archive", ASSET),
    "unarchive": (lambda h: h.move(f"archived/{OLD}", f"all/{OLD}"), "archive", OLD_ASSET),
    "delete": (lambda h: h.move(f"archived/{OLD}", f"deleted/{OLD}"), "delete", OLD_ASSET),
    "rename": (lambda h: h.move(f"all/{NAME}", "all/another"), "edit", ASSET),
    "add a tag": (_link, "edit", ASSET),
    "exchange": (lambda h: h.move(f"tags/beta/{NAME}", f"tags/gamma/{NAME}"), "edit", ASSET),
    "untag": (lambda h: h.remove(f"tags/beta/{NAME}"), "edit", ASSET),
    "save a name": (lambda h: h.save(f"all/{NAME}/name", "another\n"), "edit", ASSET),
    "save tags": (lambda h: h.save(f"all/{NAME}/tags", "delta\n"), "edit", ASSET),
}
"""A call, the library's method that it uses, and the asset."""


def _run_after(
    monkeypatch: pytest.MonkeyPatch,
    handlers: Handlers,
    method: str,
    meanwhile: Callable[[], Awaitable[None]],
) -> None:
    """Have something happen between a change's arrival and what the mount makes of it."""
    send = getattr(handlers.library.changes, method)

    async def send_then(*args: Any, **options: Any) -> object:
        heard = options.pop("heard", None)
        replies: list[tuple[Any, Any]] = []
        if heard is not None:
            options["heard"] = lambda *reply: replies.append(reply)
        result = await send(*args, **options)
        await meanwhile()
        for reply in replies:
            heard(*reply)
        return result

    monkeypatch.setattr(handlers.library.changes, method, send_then)


@pytest.mark.parametrize("call", CALLS)
async def test_what_the_catalog_tells_first_is_no_failure(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    do, method, asset_id = CALLS[call]
    tree = handlers.volume.tree
    node = tree.find_id(AssetId(asset_id))
    assert node is not None
    before = (node.flags, node.file_name, node.tags, node.gone)

    async def let_the_catalog_tell() -> None:
        with trio.fail_after(30):
            while (node.flags, node.file_name, node.tags, node.gone) == before:  # noqa: ASYNC110
                await trio.sleep(0.01)

    _run_after(monkeypatch, handlers, method, let_the_catalog_tell)
    await do(handlers)

    assert handlers.volume.failures.list() == []
    assert (node.flags, node.file_name, node.tags, node.gone) != before
    if call == "delete":
        assert OLD_ASSET in await handlers.read(f"deleted/{OLD}/asset.json")
        assert "deletions left: 4\n" in await handlers.read(".coexplorer/status")
        with pytest.raises(FileNotFoundError):
            await handlers.look(f"archived/{OLD}")
    else:
        folder = "archived" if node.folder is Place.ARCHIVED else "all"
        assert (await handlers.look(f"{folder}/{node.title}")).st_ino == node.inode


@pytest.mark.parametrize("call", CALLS)
async def test_what_a_colleague_deletes_right_after_is_no_failure_of_the_change(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    do, method, asset_id = CALLS[call]
    volume = handlers.volume

    async def let_it_be_gone() -> None:
        volume.remove(AssetId(asset_id))
        volume.tell_stale()

    _run_after(monkeypatch, handlers, method, let_it_be_gone)
    await do(handlers)

    assert volume.failures.list() == []
    node = volume.tree.find_id(AssetId(asset_id))
    assert node is not None
    assert all(node not in folder.members for folder in volume.tree.tags.list())
