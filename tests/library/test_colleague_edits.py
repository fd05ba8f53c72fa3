"""A colleague renames or retags an asset between the look and the change."""

import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import Forbidden, NoLongerFits, UndoRefused
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.plans import Plan
from coexplorer.library.selection import Fit, fit_query
from coexplorer.models import AssetId
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession, many_assets

NAMED = Fit(name="session 00000")
FOUND = fit_query(parse_query("session"), 0)


async def plan_text(library: Library, asset: AssetId, how: str) -> Plan:
    """Plan to set a description, in an editor or by an option."""
    if how == "named":
        change = Change(values={"description": "typed"})
        return await library.changes.plan([asset], change, fits={asset: NAMED})
    text = await library.changes.document([asset])
    edited = text.replace("description:", "description:\ntyped", 1).replace("typed\n", "typed", 1)
    assert edited != text
    fit = NAMED if how == "named in the editor" else FOUND
    return await library.changes.plan_document(text, edited, fits={asset: fit})


@pytest.mark.parametrize("how", ["named", "named in the editor", "found in the editor"])
@pytest.mark.parametrize("again", ["entry", "batch"])
async def test_text_of_a_renamed_asset_is_kept_and_sent_on_request(
    library: Library, server: DemoServer, how: str, again: str
) -> None:
    asset = AssetId(many_assets(server, 1)[0])
    await library.sync.sweep()
    plan = await plan_text(library, asset, how)
    server.store.update(asset, name="jonas-154")
    report = await library.changes.apply(plan)
    (refused,) = report.refused
    assert refused.no_longer_fits
    assert refused.error is not None
    assert f"retry {refused.entry_id} " in refused.error.hint
    assert report.outdated == ()
    assert await library.log.unsent() == []
    (kept,) = await library.log.kept()
    assert (kept.id, kept.mine and kept.mine.description) == (refused.entry_id, "typed")
    if again == "entry":
        await library.changes.retry(kept.id)
    else:
        await library.changes.resume(kept.batch_id, refused=True)
    now = server.store.get(asset)
    assert (now.name, now.description) == ("jonas-154", "typed")
    assert await library.log.kept() == []


async def test_unsent_edit_by_name_is_kept_when_its_asset_was_renamed(
    open_session: OpenSession, server: DemoServer
) -> None:
    asset = AssetId(many_assets(server, 1)[0])
    async with open_session() as library:
        await library.sync.sweep()
    async with open_session(offline=True) as library:
        plan = await library.changes.plan([asset], Change(add_tags=("new",)), fits={asset: NAMED})
        assert len((await library.changes.apply(plan)).waiting) == 1
    server.store.update(asset, name="jonas-154")
    async with open_session() as library:
        (unsent,) = await library.log.unsent()
        with pytest.raises(NoLongerFits, match="jonas-154"):
            await library.changes.retry(unsent.id)
        (kept,) = await library.log.kept()
        assert kept.state is State.REFUSED
        server.faults.add(403, "PUT", f"data_assets/{asset}")  # refused for another reason since
        with pytest.raises(Forbidden):
            await library.changes.retry(unsent.id)
        server.faults.clear()
        with pytest.raises(NoLongerFits, match="jonas-154"):
            await library.changes.retry(unsent.id)
        assert (await library.changes.retry(unsent.id)).state is State.APPLIED
    assert "new" in server.store.get(asset).tags


@pytest.mark.parametrize("others", [("Q1",), (), ("bulk", "q1 ")])
async def test_tag_is_renamed_only_where_it_is_still(
    library: Library, server: DemoServer, others: tuple[str, ...]
) -> None:
    ids = many_assets(server, 3, tags=("q1", "bulk"))
    await library.sync.sweep()
    rename = Change(add_tags=("q2",), remove_tags=("q1",), only_with=("q1",))
    plan = await library.changes.plan([AssetId(each) for each in ids], rename)
    server.store.update(ids[1], tags=others)
    report = await library.changes.apply(plan)
    assert len(report.applied) == 2
    assert [each.asset_id for each in report.outdated] == [ids[1]]
    assert server.store.get(ids[1]).tags == others
    assert set(server.store.get(ids[0]).tags) == {"q2", "bulk"}


async def test_tags_are_merged_where_one_of_them_is_left(
    library: Library, server: DemoServer
) -> None:
    asset = AssetId(many_assets(server, 1, tags=("q1", "q2"))[0])
    await library.sync.sweep()
    merge = Change(add_tags=("q3",), remove_tags=("q1", "q2"), only_with=("q1", "q2"))
    plan = await library.changes.plan([asset], merge)
    server.store.update(asset, tags=("q2",))
    assert len((await library.changes.apply(plan)).applied) == 1
    assert server.store.get(asset).tags == ("q3",)


@pytest.mark.parametrize("change", [Change(add_tags=("new",)), Change(archive=True)])
async def test_asset_that_is_gone_holds_up_no_later_undo(
    library: Library, server: DemoServer, change: Change
) -> None:
    ids = [AssetId(each) for each in many_assets(server, 2)]
    await library.sync.sweep()
    await library.changes.apply(
        await library.changes.plan(ids[:1], Change(values={"description": "older"}))
    )
    await library.changes.apply(await library.changes.plan(ids, change))
    server.store.delete(ids[1])
    report = await library.changes.undo()
    assert sorted(each.state for each in report.results) == [State.APPLIED, State.SKIPPED]
    (told,) = report.missed
    assert told.error is not None
    assert await library.log.kept() == []
    assert server.store.get(ids[0]).description == "older"
    await library.changes.undo()
    assert server.store.get(ids[0]).description == ""
    assert await library.log.undoable() is None
    with pytest.raises(UndoRefused, match="its assets are gone") as caught:
        await library.changes.undo()
    batch = next(each for each in await library.log.batches() if each.title in caught.value.message)
    assert f"coexplorer undo {batch.id}" in caught.value.hint
    assert batch.outcome == "2 applied (1 undone)"


async def test_an_undo_that_found_its_asset_gone_for_a_moment_is_not_used_up(
    library: Library, server: DemoServer
) -> None:
    first, second = (AssetId(each) for each in many_assets(server, 2))
    await library.sync.sweep()
    for asset in (second, first):
        change = Change(values={"description": "newer"})
        await library.changes.apply(await library.changes.plan([asset], change))
    server.faults.add(404, "GET", "data_assets/*", times=2)
    report = await library.changes.undo()
    assert [each.state for each in report.results] == [State.SKIPPED]
    assert (await library.log.batch(2)).outcome == "1 applied"
    await library.changes.undo()  # the asset is there again, so no older change is taken for it
    assert [server.store.get(each).description for each in (first, second)] == ["", "newer"]
    await library.changes.redo()
    assert (await library.log.batch(2)).outcome == "1 applied (undone, done again by change 5)"
    with pytest.raises(UndoRefused) as caught:
        await library.changes.undo(2)
    assert "coexplorer undo 5" in caught.value.hint
    await library.changes.undo(5)
    assert server.store.get(first).description == ""


async def test_no_change_of_a_deleted_asset_is_named_as_one_to_undo(
    library: Library, server: DemoServer
) -> None:
    first, second = (AssetId(each) for each in many_assets(server, 2))
    await library.sync.sweep()
    for asset in (first, second):
        change = Change(values={"description": "newer"})
        await library.changes.apply(await library.changes.plan([asset], change))
    await library.changes.delete(second, archive_first=True)
    with pytest.raises(UndoRefused) as caught:
        await library.changes.undo()
    assert "number 1 of the log" in caught.value.hint
