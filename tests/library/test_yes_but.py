"""Writes that are answered with yes: what the asset shows afterwards decides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import PlatformFault
from coexplorer.fields import Fields, replace_values
from coexplorer.library import Library, open_library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.models import AssetId
from tests.library.conftest import build_settings
from tests.support.in_between import Passed, in_between
from tests.support.rawserver import Asked, reply
from tests.support.server import OLD, RAW

ID = AssetId(RAW)
PATH = f"data_assets/{RAW}"
CHANGES: dict[str, dict[str, Any]] = {
    "name": {"name": "mine"},
    "description": {"description": "mine"},
    "mount": {"mount": "mine"},
    "add-tag": {"tags": ("ecephys", "raw", "mine")},
    "remove-tag": {"tags": ("raw",)},
    "no-description": {"description": ""},
    "two": {"name": "mine", "tags": ("mine",)},
}
EACH = pytest.mark.parametrize("what", CHANGES)


async def shown(library: Library) -> Fields:
    return (await library.platform.fetch(ID)).asset.fields


def settle(server: DemoServer, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let the platform store something else than it is sent."""
    store, plain = server.store, server.store.update

    def update(asset_id: str, **changes: Any) -> Any:
        return plain(asset_id, **change(changes))

    store.update = update  # type: ignore[method-assign]


@EACH
async def test_a_yes_without_a_change_is_no_success(
    library: Library, server: DemoServer, what: str
) -> None:
    base = await shown(library)
    mine = msgspec.structs.replace(base, **CHANGES[what])
    before = server.store.get(RAW)
    rule = server.faults.add("ignore", "PUT", PATH)
    with pytest.raises(
        PlatformFault, match="the platform answered that this is saved, but"
    ) as caught:
        await library.changes.edit(ID, base, mine)
    for name in CHANGES[what]:
        assert name in caught.value.message
    (entry,) = await library.log.kept()
    assert (entry.state, entry.mine) == (State.UNKNOWN, mine)
    assert entry.reason == caught.value.message
    assert server.store.get(RAW) == before
    assert await library.log.undoable() is None
    server.faults.remove(rule)
    assert (await library.changes.retry(entry.id)).state is State.APPLIED
    assert (await shown(library)).same_as(mine)


@EACH
async def test_a_stale_reply_is_looked_through(
    library: Library, server: DemoServer, what: str
) -> None:
    base = await shown(library)
    mine = msgspec.structs.replace(base, **CHANGES[what])
    server.faults.add("stale", "PUT", PATH)
    result = await library.changes.edit(ID, base, mine)
    assert (result.state, result.differs) == (State.APPLIED, ())
    assert result.after is not None
    assert result.after.same_as(mine)
    record = await library.assets.record(ID)
    assert record is not None
    assert record.asset.fields.same_as(mine)
    assert [undone.state for undone in (await library.changes.undo()).results] == [State.APPLIED]
    assert (await shown(library)).same_as(base)


async def test_a_stale_reply_that_cannot_be_looked_through_leaves_it_open(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    server.faults.add("stale", "PUT", PATH)
    server.faults.add(400, "GET", PATH, after=1)
    with pytest.raises(PlatformFault, match="can't be asked again"):
        await library.changes.edit(ID, base, msgspec.structs.replace(base, name="mine"))
    (entry,) = await library.log.kept()
    assert entry.state is State.UNKNOWN
    server.faults.clear()
    await library.changes.settle()
    assert await library.log.kept() == []  # it had arrived


async def test_a_plain_save_is_not_looked_at_again(library: Library, server: DemoServer) -> None:
    base = await shown(library)
    asked = len(server.requests("GET"))
    await library.changes.edit(
        ID, base, msgspec.structs.replace(base, name="mine", tags=("B", "a"))
    )
    assert len(server.requests("GET")) == asked + 1


@pytest.mark.parametrize("again", ["undo", "redo"])
async def test_an_undo_that_does_nothing_is_not_used_up(
    library: Library, server: DemoServer, again: str
) -> None:
    base = await shown(library)
    mine = msgspec.structs.replace(base, name="mine", tags=("mine",))
    await library.changes.edit(ID, base, mine)
    wanted = base
    if again == "redo":
        await library.changes.undo()
        wanted = mine
    carry = library.changes.undo if again == "undo" else library.changes.redo
    rule = server.faults.add("ignore", "PUT", PATH)
    for _ in range(2):
        (result,) = (await carry()).results
        assert result.state is State.UNKNOWN
        assert isinstance(result.error, PlatformFault)
        assert not (await shown(library)).same_as(wanted)
    server.faults.remove(rule)
    (result,) = (await carry()).results
    assert result.state is State.APPLIED
    assert (await shown(library)).same_as(wanted)


async def test_a_batch_says_which_were_only_said_to_be_done(
    library: Library, server: DemoServer
) -> None:
    server.faults.add("ignore", "PUT", PATH)
    await library.sync.sweep()
    plan = await library.changes.plan([ID, AssetId(OLD)], Change(add_tags=("mine",)))
    report = await library.changes.apply(plan)
    states = {result.asset_id: result.state for result in report.results}
    assert states == {ID: State.UNKNOWN, AssetId(OLD): State.APPLIED}
    (entry,) = await library.log.kept()
    server.faults.clear()
    (result,) = (await library.changes.resume(entry.batch_id)).results[:1]
    assert "mine" in server.store.get(RAW).tags
    assert result.state is State.APPLIED


async def test_what_arrived_only_in_part_names_the_rest_and_keeps_it(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    settle(server, lambda sent: {k: v for k, v in sent.items() if k != "tags"})
    mine = msgspec.structs.replace(base, name="mine", tags=("mine",))
    with pytest.raises(PlatformFault, match=r"still shows the tags .*, though it has the new name"):
        await library.changes.edit(ID, base, mine)
    (entry,) = await library.log.kept()
    assert entry.state is State.UNSENT
    await shown(library)
    assert [each.id for each in await library.log.kept()] == [entry.id]


async def test_custom_metadata_that_does_not_arrive_is_named(
    library: Library, server: DemoServer
) -> None:
    record = await library.platform.fetch(ID)
    base = record.asset.fields
    settle(server, lambda sent: {k: v for k, v in sent.items() if k != "custom_metadata"})
    with pytest.raises(PlatformFault, match="still shows the 'age' 61"):
        await library.changes.edit(ID, base, replace_values(base, {"metadata.age": "62"}))
    (entry,) = await library.log.kept()
    assert entry.state is State.UNKNOWN


def tidy(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what a platform that tidies makes of a body."""
    made: dict[str, Any] = {}
    for name, value in sent.items():
        if name == "tags":
            made[name] = tuple(sorted({" ".join(tag.split()).lower() for tag in value}))
        else:
            made[name] = " ".join(value.split()) if isinstance(value, str) else value
    return made


@pytest.mark.parametrize(
    ("sent", "there", "state"),
    [
        ({"description": "  two\n\nlines \n"}, {"description": "two lines"}, State.APPLIED),
        ({"name": "a  b"}, {"name": "a b"}, State.APPLIED),
        ({"tags": ("New", "raw", "ecephys")}, {"tags": ("ecephys", "new", "raw")}, State.APPLIED),
        ({"tags": ("RAW", "raw", "ecephys")}, {"tags": ("ecephys", "raw")}, State.UNCHANGED),
        (
            {"description": "Raw **Neuropixels** recording.\n\n"},
            {"description": "Raw **Neuropixels** recording."},
            State.UNCHANGED,
        ),
    ],
)
async def test_what_the_platform_tidies_is_no_failure(
    library: Library,
    server: DemoServer,
    sent: dict[str, Any],
    there: dict[str, Any],
    state: State,
) -> None:
    base = await shown(library)
    settle(server, tidy)
    result = await library.changes.edit(ID, base, msgspec.structs.replace(base, **sent))
    assert result.state is state
    assert result.differs == tuple(sent)
    now = await shown(library)
    assert {name: getattr(now, name) for name in there} == there
    assert result.became == now
    assert await library.log.kept() == []


async def test_what_the_platform_makes_of_it_is_no_failure(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    settle(server, lambda sent: {**sent, "name": sent["name"][:10], "tags": ("very-long",)})
    mine = msgspec.structs.replace(base, name="a name that is cut", tags=("very-long-tag",))
    result = await library.changes.edit(ID, base, mine)
    assert (result.state, result.differs) == (State.APPLIED, ("name", "tags"))
    await library.changes.undo()
    assert (await shown(library)).name == base.name[:10]


async def test_a_delete_is_believed_once_the_asset_is_gone(
    library: Library, server: DemoServer
) -> None:
    await library.changes.archive(ID, archived=True)
    rule = server.faults.add("ignore", "DELETE", PATH)
    with pytest.raises(PlatformFault, match="but still shows the asset"):
        await library.changes.delete(ID)
    (entry,) = await library.log.kept()
    assert entry.state is State.UNKNOWN
    assert await library.assets.record(ID) is not None
    server.faults.remove(rule)
    assert (await library.changes.delete(ID)).state is State.APPLIED
    assert await library.assets.record(ID) is None


@pytest.mark.parametrize("archived", [True, False])
async def test_an_archive_is_believed_once_a_search_says_so(
    library: Library, server: DemoServer, *, archived: bool
) -> None:
    if not archived:
        await library.changes.archive(ID, archived=True)
    rule = server.faults.add("ignore", "PATCH", f"{PATH}/archive")
    with pytest.raises(PlatformFault, match="archived, but does not list it so"):
        await library.changes.archive(ID, archived=archived)
    (entry,) = await library.log.kept()
    assert entry.state is State.UNKNOWN
    record = await library.assets.record(ID)
    assert record is not None
    assert record.membership.archived is not archived
    server.faults.remove(rule)
    assert (await library.changes.retry(entry.id)).state is State.APPLIED
    assert server.store.get(RAW).archived is archived


async def test_a_batch_says_which_were_only_said_to_be_archived(
    library: Library, server: DemoServer
) -> None:
    server.faults.add("ignore", "PATCH", f"{PATH}/archive")
    await library.sync.sweep()
    plan = await library.changes.plan([ID, AssetId(OLD)], Change(archive=True))
    report = await library.changes.apply(plan)
    states = {result.asset_id: result.state for result in report.results}
    assert states == {ID: State.UNKNOWN, AssetId(OLD): State.UNCHANGED}


async def test_a_search_that_is_behind_an_archive_is_asked_again(
    server: DemoServer, tmp_path: Path
) -> None:
    behind: list[bool] = []

    def answer(asked: Asked, carry_out: Callable[[], Passed]) -> bytes | None:
        if not asked.path.endswith("/search"):
            return None
        if server.store.get(RAW).archived and len(behind) < 2:
            behind.append(True)
            return reply(200, {"results": [], "has_more": False})
        return reply(200, carry_out().json)

    with in_between(server, answer) as between:
        settings = msgspec.structs.replace(build_settings(server, tmp_path), base_url=between.url)
        async with open_library(settings, origin="cli") as library:
            assert (await library.changes.archive(ID, archived=True)).state is State.APPLIED
    assert len(behind) == 2


@pytest.mark.parametrize("gone", [404, 410])
async def test_a_delete_of_what_is_gone_needs_none(
    library: Library, server: DemoServer, gone: int
) -> None:
    await library.changes.archive(ID, archived=True)
    server.faults.add(gone, "DELETE", PATH)
    server.faults.add(gone, "GET", PATH, after=1)
    assert (await library.changes.delete(ID)).state is State.UNCHANGED
    assert await library.assets.record(ID) is None


async def test_what_is_gone_by_410_is_forgotten(library: Library, server: DemoServer) -> None:
    await library.changes.archive(ID, archived=True)
    server.faults.add(410, "*", PATH)
    assert (await library.changes.delete(ID)).state is State.UNCHANGED
    assert await library.assets.record(ID) is None


LIES: dict[str, dict[str, Any]] = {
    "name": {"name": "Somebody else's"},
    "description": {"description": "theirs"},
    "tags": {"tags": ["theirs"]},
    "no-tags": {"tags": None},
    "mount": {"mount": "theirs"},
    "whole": {"name": "theirs", "description": "theirs", "tags": ["theirs"], "mount": "theirs"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_reply_with_what_nobody_sent_is_looked_through(
    server: DemoServer, tmp_path: Path, lie: str
) -> None:
    def answer(asked: Asked, carry_out: Callable[[], Passed]) -> bytes | None:
        if asked.method != "PUT":
            return None
        return reply(200, {**carry_out().json, **LIES[lie]})

    with in_between(server, answer) as between:
        settings = msgspec.structs.replace(build_settings(server, tmp_path), base_url=between.url)
        async with open_library(settings, origin="cli") as library:
            base = await shown(library)
            mine = msgspec.structs.replace(
                base, name="mine", description="mine", tags=("mine", "raw"), mount="mine"
            )
            result = await library.changes.edit(ID, base, mine)
            assert (result.state, result.differs) == (State.APPLIED, ())
            record = await library.assets.record(ID)
            assert record is not None
            assert record.asset.fields.same_as(mine)
            (undone,) = (await library.changes.undo()).results
            assert undone.state is State.APPLIED
            assert (await shown(library)).same_as(base)


async def test_metadata_that_nobody_sent_is_looked_through(
    server: DemoServer, tmp_path: Path
) -> None:
    def answer(asked: Asked, carry_out: Callable[[], Passed]) -> bytes | None:
        if asked.method != "PUT":
            return None
        return reply(200, {**carry_out().json, "custom_metadata": {"age": 1, "subject id": "x"}})

    with in_between(server, answer) as between:
        settings = msgspec.structs.replace(build_settings(server, tmp_path), base_url=between.url)
        async with open_library(settings, origin="cli") as library:
            asset = (await library.platform.fetch(ID)).asset
            wanted = {**asset.custom_metadata, "age": 99}
            base = asset.fields
            mine = replace_values(base, {"metadata.age": "99"})
            assert (await library.changes.edit(ID, base, mine)).differs == ()
            record = await library.assets.record(ID)
            assert record is not None
            assert record.asset.custom_metadata == wanted


async def test_a_lie_that_cannot_be_looked_through_leaves_it_open(
    server: DemoServer, tmp_path: Path
) -> None:
    lied = False

    def answer(asked: Asked, carry_out: Callable[[], Passed]) -> bytes | None:
        nonlocal lied
        if asked.method == "PUT":
            lied = True
            return reply(200, {**carry_out().json, "name": "theirs"})
        return reply(400, {"message": "no"}) if lied and asked.method == "GET" else None

    with in_between(server, answer) as between:
        settings = msgspec.structs.replace(build_settings(server, tmp_path), base_url=between.url)
        async with open_library(settings, origin="cli") as library:
            base = await shown(library)
            with pytest.raises(PlatformFault, match=r"not with what was sent \(the name\)"):
                await library.changes.edit(ID, base, msgspec.structs.replace(base, name="mine"))
            assert [entry.state for entry in await library.log.kept()] == [State.UNKNOWN]
