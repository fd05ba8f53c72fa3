"""The request handlers, called directly: what they answer, and what they send, without a mount."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyfuse3
import pytest
import trio

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.fs.core.volume import MountOptions
from coexplorer.fs.kernel.inodes import LIVES
from coexplorer.library.entries import Entry, State
from coexplorer.models import AssetId, Secret
from coexplorer.spelling import add_options
from tests.support.handlers import CALLER, Handlers, handling
from tests.support.server import make_id


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


@pytest.fixture
def settings(server: DemoServer, tmp_path: Path) -> Settings:
    return Settings(
        profile="test",
        base_url=server.url,
        domain="127.0.0.1",
        token_source=GivenToken("test", Secret(server.users[0].token)),
        catalog_path=tmp_path / "catalog.sqlite3",
        journal_path=tmp_path / "journal.sqlite3",
        paths=Paths(tmp_path / "config", tmp_path / "cache", tmp_path / "state"),
        mount_folder=tmp_path / "mount",
    )


@pytest.fixture
async def handlers(server: DemoServer, settings: Settings) -> AsyncIterator[Handlers]:
    async with handling(server, settings, [_make_asset(server, 901, "reads")]) as ready:
        yield ready


def _make_asset(server: DemoServer, number: int, name: str) -> StoredAsset:
    return StoredAsset(
        id=make_id(number),
        name=name,
        owner=server.users[0].email,
        created=1_690_000_000 + number,
        description="old text",
        tags=("beta", "alpha"),
        mount="place",
    )


def _count_writes(server: DemoServer) -> list[str]:
    path = f"*/data_assets/{make_id(901)}*"
    writing = ("PUT", "PATCH", "DELETE")
    return [each.method for each in server.requests(path=path) if each.method in writing]


async def test_a_file_says_what_the_platform_has(handlers: Handlers) -> None:
    assert await handlers.read("all/reads/description.md") == "old text\n"
    assert await handlers.read("all/reads/tags") == "beta\nalpha\n"
    assert (await handlers.look("all/reads/name")).st_size == len("reads\n")


async def test_a_name_that_is_not_there_is_answered_without_an_inode(handlers: Handlers) -> None:
    with pytest.raises(FileNotFoundError):
        await handlers.look("all/nothing")


async def test_a_folder_lists_its_files(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["asset.json", "description.md", "files", "metadata.toml", "mount", "name", "tags"]
    assert await handlers.list("all/reads", monkeypatch) == wanted
    assert "reads" in await handlers.list("all", monkeypatch)
    assert "reads" in await handlers.list("tags/alpha", monkeypatch)


async def test_reading_asks_the_platform_nothing(handlers: Handlers, server: DemoServer) -> None:
    before = len(server.requests())
    for path in ("all/reads/description.md", "all/reads/asset.json", "tags/alpha/reads"):
        await handlers.look(path)
    await handlers.read("all/reads/mount")
    assert len(server.requests()) == before


async def test_a_save_is_one_put(handlers: Handlers, server: DemoServer) -> None:
    await handlers.save("all/reads/description.md", "new text\n")

    assert _count_writes(server) == ["PUT"]
    assert server.store.get(make_id(901)).description == "new text"
    assert await handlers.read("all/reads/description.md") == "new text\n"


@pytest.mark.parametrize("name", ["description.md", "tags", "asset.json"])
async def test_each_of_many_texts_is_read_to_its_end_however_many_are_open(
    handlers: Handlers, name: str
) -> None:
    path, ask = f"all/reads/{name}", handlers.operations
    held = []
    for number in range(2 * LIVES + 3):
        handlers.change("reads", description=f"text {number}\n" * number, tags=(f"tag {number}",))
        inode, text = await handlers.inode(path), await handlers.read(path)
        held.append((inode, (await ask.open(inode, pyfuse3.FlagT(os.O_RDONLY), CALLER)).fh, text))

    assert len({text for _, _, text in held}) == len(held)
    assert len({inode for inode, _, _ in held}) == len(held)
    for inode, handle, text in held:
        assert (await ask.getattr(inode, CALLER)).st_size == len(text)
        assert (await ask.read(handle, 0, 1 << 20)).decode() == text
        await ask.release(handle)
    handlers.change("reads", description="the last", tags=("last",))
    assert "last" in await handlers.read(path)


async def test_editors_backups_leave_a_file_inodes_enough(handlers: Handlers) -> None:
    path, backup = "all/reads/description.md", "all/reads/description.md.bak"
    seen = set()
    for number in range(LIVES + 3):
        handlers.change("reads", description=f"text {number}")
        seen.add(await handlers.inode(path))
        await handlers.move(path, backup)
        await handlers.move(backup, path)
    assert await handlers.read(path) == f"text {number}\n"
    assert len(seen) == LIVES + 3


@pytest.mark.parametrize("what", ["open", "empty", "cut"])
async def test_nobody_is_told_estale_however_often_a_file_changes_meanwhile(
    handlers: Handlers, what: str
) -> None:
    path = "all/reads/description.md"
    with_an_old_inode = await handlers.inode(path)
    for _ in range(4):
        await handlers.call(path, what)

    # A look sends nobody back: the kernel has one try, and an open may need it.
    seen = await handlers.operations.getattr(with_an_old_inode, CALLER)
    assert seen.st_ino == await handlers.inode(path)
    assert seen.st_size == (await handlers.look(path)).st_size
    assert seen.attr_timeout == 0.0


@pytest.mark.parametrize("call", ["empty", "cut"])
async def test_an_emptied_file_is_in_the_journal_before_its_program_goes_on(
    handlers: Handlers, server: DemoServer, call: str
) -> None:
    path = "all/reads/description.md"
    number = await handlers.inode(path)

    async def planned() -> list[str]:
        entries = await handlers.library.log.entries_about(AssetId(make_id(901)))
        waiting = [entry for entry in entries if entry.state is State.PLANNED]
        return [entry.mine.description for entry in waiting if entry.mine]

    if call == "cut":
        fields = cast(
            "pyfuse3.SetattrFields", SimpleNamespace(update_size=True, update_mtime=False)
        )
        await handlers.operations.setattr(number, pyfuse3.EntryAttributes(), fields, None, CALLER)
        assert await planned() == [""]
    else:
        flags = pyfuse3.FlagT(os.O_WRONLY | os.O_TRUNC)
        info = await handlers.operations.open(number, flags, CALLER)
        await handlers.operations.flush(info.fh)
        assert await planned() == [""]
        await handlers.operations.write(info.fh, 0, b"written after all\n")
        await handlers.operations.flush(info.fh)
        await handlers.operations.release(info.fh)
    with trio.fail_after(30):
        while await planned():  # noqa: ASYNC110 - the journal tells nobody
            await trio.sleep(0.01)
    wanted = "" if call == "cut" else "written after all"
    assert server.store.get(make_id(901)).description == wanted
    assert _count_writes(server) == ["PUT"]


@pytest.mark.parametrize("name", ["description.md", "tags", "mount", "name"])
async def test_a_save_that_overtakes_a_look_at_the_journal_leaves_no_report(
    handlers: Handlers, server: DemoServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = f"all/reads/{name}"
    journal, log = handlers.upstream.journal, handlers.library.log
    rule = server.faults.add(FaultKind.IGNORE, "PUT", "data_assets/*")
    with pytest.raises(pyfuse3.FUSEError):
        await handlers.save(path, "mine\n")
    server.faults.remove(rule)
    await journal.notice_discards()  # asks whether it has arrived
    kept = log.kept

    async def states() -> list[State]:
        return [entry.state for entry in await kept()]

    with trio.fail_after(30):
        while State.UNKNOWN in await states():  # noqa: ASYNC110 - the journal tells nobody
            await trio.sleep(0.01)
    was_read, may_go_on = trio.Event(), trio.Event()

    async def read_and_wait() -> list[Entry]:
        entries = await kept()
        was_read.set()
        await may_go_on.wait()
        return entries

    with monkeypatch.context() as patched:
        patched.setattr(log, "kept", read_and_wait)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.notice_discards)
            await was_read.wait()
            patched.setattr(log, "kept", kept)
            await handlers.save(path, "mine\n")
            may_go_on.set()

    assert "mine" in str(server.store.get(make_id(901)))
    assert len(handlers.volume.failures) == 0


async def test_the_same_text_again_is_not_sent(handlers: Handlers, server: DemoServer) -> None:
    await handlers.save("all/reads/description.md", "old text\n")

    assert _count_writes(server) == []


async def test_what_can_never_be_right_is_refused_at_the_write(
    handlers: Handlers, server: DemoServer
) -> None:
    with pytest.raises(pyfuse3.FUSEError) as refused:
        await handlers.save("all/reads/name", "one\ntwo\n")

    assert refused.value.errno == errno.EINVAL
    assert _count_writes(server) == []
    assert "reads" in await handlers.read("all/reads/name")


async def test_a_conflict_is_busy_and_says_so_beside_the_file(
    handlers: Handlers, server: DemoServer
) -> None:
    await handlers.read("all/reads/description.md")
    server.store.update(make_id(901), description="a colleague's")

    with pytest.raises(pyfuse3.FUSEError) as refused:
        await handlers.save("all/reads/description.md", "mine\n")

    assert refused.value.errno == errno.EBUSY
    assert "a colleague's" in await handlers.read("all/reads/error")
    assert server.store.get(make_id(901)).description == "a colleague's"


async def test_commands_in_a_report_have_the_profile_and_texts_stay_as_they_are(
    server: DemoServer, settings: Settings
) -> None:
    spell = partial(add_options, options="--profile lab", commands=("discard", "retry", "login"))
    mine = "run coexplorer retry later\n"
    assets = [_make_asset(server, 901, "reads")]
    async with handling(server, settings, assets, MountOptions(spell=spell)) as handlers:
        await handlers.read("all/reads/description.md")
        server.store.update(make_id(901), description="theirs")
        with pytest.raises(pyfuse3.FUSEError):
            await handlers.save("all/reads/description.md", mine)
        told = await handlers.read("all/reads/error")
        server.faults.add(500, "POST", "data_assets/*/permissions")
        sharing = await handlers.read("all/reads/about/sharing")
        with pytest.raises(pyfuse3.FUSEError):
            await handlers.save(
                "all/reads/about/sharing", sharing.replace("everyone: none", "everyone: viewer")
            )
        told_of_sharing = await handlers.read("all/reads/error")
    assert "coexplorer --profile lab discard " in told
    assert mine in told
    assert "coexplorer discard" not in told
    assert "saving about/sharing failed" in told_of_sharing
    assert "or give it up: coexplorer --profile lab discard " in told_of_sharing
    assert "coexplorer discard" not in told_of_sharing


async def test_a_move_that_renames_does_both_or_says_how_far_it_came(
    handlers: Handlers, server: DemoServer
) -> None:
    await handlers.move("all/reads", "archived/put away")
    assert _count_writes(server) == ["PUT", "PATCH"]
    assert await handlers.read("archived/put away/name") == "put away\n"
    with pytest.raises(FileNotFoundError):
        await handlers.look("all/reads")

    server.faults.add(403, "PATCH")
    with pytest.raises(pyfuse3.FUSEError) as refused:
        await handlers.move("archived/put away", "all/back")

    assert refused.value.errno == errno.EACCES
    stored = server.store.get(make_id(901))
    assert (stored.name, stored.archived) == ("back", True)
    report = await handlers.read("archived/back/error")
    assert "it has the new name, but was not unarchived" in report


async def test_a_move_archives_and_a_rename_renames(handlers: Handlers, server: DemoServer) -> None:
    await handlers.move("all/reads", "archived/reads")
    await handlers.move("archived/reads", "all/reads")
    await handlers.move("all/reads", "all/better")

    assert _count_writes(server) == ["PATCH", "PATCH", "PUT"]
    assert await handlers.read("all/better/name") == "better\n"


async def test_nothing_that_removes_is_ever_sent(handlers: Handlers, server: DemoServer) -> None:
    await handlers.remove("all/reads/description.md")
    with pytest.raises(pyfuse3.FUSEError) as refused:
        await handlers.remove("all/reads", folder=True)

    assert refused.value.errno == errno.EPERM
    assert _count_writes(server) == []
