"""A save of which the platform took a part: what was there before is not forgotten."""

from typing import Any

import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import EditConflict, PlatformFault
from coexplorer.fields import Fields
from coexplorer.library import Library
from coexplorer.library.entries import Entry, Purpose, State
from coexplorer.library.results import describe_differs
from coexplorer.models import AssetId
from tests.support.server import DERIVED, RAW

ID = AssetId(RAW)
PATH = f"data_assets/{RAW}"
PARTS = ("name", "description", "tags")


async def shown(library: Library) -> Fields:
    return (await library.platform.fetch(ID)).asset.fields


def make_mine(base: Fields) -> Fields:
    return msgspec.structs.replace(base, name="mine", description="mine", tags=(*base.tags, "mine"))


def take_only(server: DemoServer, part: str) -> None:
    """Have the platform take one field of the next save, and answer that it has all."""
    store, plain = server.store, server.store.update

    def update(asset_id: str, **changes: Any) -> Any:
        store.update = plain  # type: ignore[method-assign]
        return plain(asset_id, **{part: changes[part]})

    store.update = update  # type: ignore[method-assign]


async def save_in_part(library: Library, server: DemoServer, part: str) -> tuple[Fields, Entry]:
    """Save three fields at a platform that takes one of them, once."""
    base = await shown(library)
    take_only(server, part)
    with pytest.raises(PlatformFault, match=f"though it has the new {part}"):
        await library.changes.edit(ID, base, make_mine(base))
    (entry,) = await library.log.kept()
    assert entry.state is State.UNSENT
    return base, entry


async def undo(library: Library) -> None:
    (result,) = (await library.changes.undo()).results
    assert result.state is State.APPLIED


@pytest.mark.parametrize("part", PARTS)
async def test_a_retry_keeps_what_was_there_before(
    library: Library, server: DemoServer, part: str
) -> None:
    base, entry = await save_in_part(library, server, part)
    assert (await library.changes.retry(entry.id)).changed == PARTS
    assert (await shown(library)).same_as(make_mine(base))
    await undo(library)
    assert (await shown(library)).same_as(base)


@pytest.mark.parametrize("part", PARTS)
async def test_so_does_a_retry_after_one_that_failed(
    library: Library, server: DemoServer, part: str
) -> None:
    base, entry = await save_in_part(library, server, part)
    rule = server.faults.add(400, "PUT", PATH)
    with pytest.raises(Exception, match="refused"):
        await library.changes.retry(entry.id)
    server.faults.remove(rule)
    await library.changes.retry(entry.id)
    await undo(library)
    assert (await shown(library)).same_as(base)


async def test_so_does_one_after_a_conflict_and_newer_words(
    library: Library, server: DemoServer
) -> None:
    base, entry = await save_in_part(library, server, "name")
    server.store.update(RAW, description="theirs")
    with pytest.raises(EditConflict):
        await library.changes.retry(entry.id)
    now = await shown(library)
    newer = msgspec.structs.replace(make_mine(base), description="newer")
    assert await library.changes.amend(entry.id, now, newer)
    await library.changes.retry(entry.id)
    assert (await shown(library)).same_as(newer)
    await undo(library)
    assert (await shown(library)).same_as(msgspec.structs.replace(base, description="theirs"))


async def test_so_does_one_that_finds_the_rest_done(library: Library, server: DemoServer) -> None:
    base, entry = await save_in_part(library, server, "name")
    mine = make_mine(base)
    server.store.update(RAW, description=mine.description, tags=mine.tags)
    assert (await library.changes.retry(entry.id)).state is State.APPLIED
    await undo(library)
    assert (await shown(library)).name == base.name


async def test_what_surely_did_not_arrive_is_nobody_elses_and_not_ours(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    mine = msgspec.structs.replace(base, name="mine")
    server.faults.add(429, "PUT", PATH, retry_after=10_000)
    with pytest.raises(Exception, match="slow down"):
        await library.changes.edit(ID, base, mine)
    server.faults.clear()
    server.store.update(RAW, name="mine")
    (entry,) = await library.log.kept()
    assert (await library.changes.retry(entry.id)).state is State.UNCHANGED


@pytest.mark.parametrize(
    ("lost", "old"), [("description", "old words"), ("tags", ("a", "b")), ("mount", "old_mount")]
)
async def test_a_field_that_nobody_edited_is_named_and_comes_back(
    library: Library, server: DemoServer, lost: str, old: Any
) -> None:
    server.store.update(RAW, **{lost: old})
    base = await shown(library)
    store, plain = server.store, server.store.update

    def update(asset_id: str, **changes: Any) -> Any:
        store.update = plain  # type: ignore[method-assign]
        return plain(asset_id, **{**changes, lost: () if lost == "tags" else "emptied"})

    store.update = update  # type: ignore[method-assign]
    result = await library.changes.edit(ID, base, msgspec.structs.replace(base, name="mine"))
    assert result.unasked == (lost,)
    said = describe_differs(result)
    assert f"the {lost}" in said
    assert "nobody asked for" in said
    assert (old if isinstance(old, str) else old[0]) in said
    await undo(library)
    assert (await shown(library)).same_as(base)


@pytest.mark.parametrize("part", PARTS)
async def test_an_undo_takes_back_the_part_that_arrived(
    library: Library, server: DemoServer, part: str
) -> None:
    base, entry = await save_in_part(library, server, part)
    foretold = await library.changes.plan_undo(purpose=Purpose.UNDO)
    assert [each.field for each in foretold.items[0].diff] == [part]
    (result,) = (await library.changes.undo()).results
    assert (result.state, result.changed, result.withdrawn) == (State.APPLIED, (part,), False)
    assert (await shown(library)).same_as(base)
    assert await library.log.kept() == [], "and nothing sends the rest by itself"
    noted = await library.log.batch(entry.batch_id)
    assert noted.outcome == "1 discarded (undone)"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("goes_on", ["undo", "retry", "undo after others"])
async def test_an_undo_that_arrived_in_part_is_undone_as_a_whole(
    library: Library, server: DemoServer, part: str, goes_on: str
) -> None:
    base = await shown(library)
    await library.changes.edit(ID, base, make_mine(base))
    change = (await library.log.batches())[0].id
    take_only(server, part)
    (result,) = (await library.changes.undo()).results
    assert result.state is State.UNSENT
    if goes_on == "retry":
        await library.changes.retry(result.entry_id)
    else:
        if goes_on == "undo after others":  # so that it is a change of its own
            other = (await library.platform.fetch(AssetId(DERIVED))).asset.fields
            mine = msgspec.structs.replace(other, name="x")
            await library.changes.edit(AssetId(DERIVED), other, mine)
        (result,) = (await library.changes.undo(change)).results
        assert result.state is State.APPLIED
    assert (await shown(library)).same_as(base)
    (result,) = (await library.changes.redo()).results
    assert result.changed == PARTS
    assert (await shown(library)).same_as(make_mine(base))
