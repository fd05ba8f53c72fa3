"""A colleague archives, unarchives or deletes between the look and the change."""

import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import CoexplorerError, NoLongerFits
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.models import AssetId
from tests.library.conftest import many_assets


async def prepare(server: DemoServer, library: Library, *, archived: bool) -> list[AssetId]:
    ids = [AssetId(each) for each in many_assets(server, 3, archived=archived)]
    await library.sync.sweep()
    return ids


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("how", ["query", "ids", "single"])
async def test_undo_leaves_what_a_colleague_did_first(
    library: Library,
    server: DemoServer,
    how: str,
    archive: bool,  # noqa: FBT001 - a case
) -> None:
    ids = await prepare(server, library, archived=not archive)
    terms = "tag:bulk" if archive else "tag:bulk is:archived"
    plan = await library.changes.plan(terms if how == "query" else ids, Change(archive=archive))
    server.store.update(ids[1], archived=archive)  # the colleague
    if how == "single":
        states = [(await library.changes.archive(each, archived=archive)).state for each in ids]
    else:
        states = [each.state for each in (await library.changes.apply(plan)).results]
    assert states == [State.APPLIED, State.UNCHANGED, State.APPLIED]
    while await library.log.undoable():
        await library.changes.undo()
    assert [server.store.get(each).archived for each in ids] == [not archive, archive, not archive]
    server.store.update(ids[0], archived=archive)  # and what is done again is not theirs either
    if how != "single":
        redone = await library.changes.redo()
        assert sorted(each.state for each in redone.results) == [State.APPLIED, State.UNCHANGED]


@pytest.mark.parametrize("archive", [True, False])
async def test_named_asset_is_archived_whatever_was_known_of_it(
    library: Library,
    server: DemoServer,
    archive: bool,  # noqa: FBT001 - a case
) -> None:
    ids = await prepare(server, library, archived=archive)
    server.store.update(ids[0], archived=not archive)  # the colleague, after the sync
    report = await library.changes.apply(await library.changes.plan(ids, Change(archive=archive)))
    assert [each.state for each in report.results] == [State.APPLIED, *[State.UNCHANGED] * 2]
    assert [server.store.get(each).archived for each in ids] == [archive] * 3


@pytest.mark.parametrize("query", ["tag:bulk", "tag:bulk -is:archived", "tag:bulk is:archived"])
@pytest.mark.parametrize(
    "change", [Change(add_tags=("new",)), Change(values={"description": "new"})]
)
async def test_edit_of_a_query_asks_whether_its_assets_are_archived_still(
    library: Library, server: DemoServer, query: str, change: Change
) -> None:
    before = query.endswith(" is:archived")
    ids = await prepare(server, library, archived=before)
    plan = await library.changes.plan(query, change)
    server.store.update(ids[2], archived=not before)
    report = await library.changes.apply(plan)
    (left_out,) = report.skipped
    assert (left_out.asset_id, len(report.applied)) == (ids[2], 2)
    assert server.store.get(ids[2]).tags == ("bulk",)
    assert server.store.get(ids[2]).description == ""
    error = left_out.error
    assert isinstance(error, NoLongerFits)
    assert ("it is no longer archived" if before else "it is archived now") in error.message


async def test_edit_of_archived_and_others_asks_no_search(
    library: Library, server: DemoServer
) -> None:
    await prepare(server, library, archived=False)
    plan = await library.changes.plan("tag:bulk is:any", Change(add_tags=("new",)))
    before = len(server.requests("POST"))
    assert len((await library.changes.apply(plan)).applied) == 3
    assert len(server.requests("POST")) == before


async def test_asset_that_a_colleague_brings_back_is_not_deleted(
    library: Library, server: DemoServer
) -> None:
    ids = await prepare(server, library, archived=True)
    plan = await library.changes.plan(ids, Change(delete=True))
    server.store.update(ids[0], archived=False)
    report = await library.changes.apply(plan)
    assert [each.state for each in report.results] == [State.SKIPPED, *[State.APPLIED] * 2]
    assert server.store.find(ids[0]) is not None


@pytest.mark.parametrize("meanwhile", [{"tags": ("keep",)}, {"archived": True}])
async def test_delete_of_what_was_left_out_waits_for_nothing(
    library: Library, server: DemoServer, meanwhile: dict[str, object]
) -> None:
    ids = await prepare(server, library, archived=False)
    plan = await library.changes.plan("tag:bulk", Change(delete=True, archive_first=True))
    server.store.update(ids[1], **meanwhile)
    report = await library.changes.apply(plan)
    assert [each.state for each in report.results] == [
        State.APPLIED,
        State.SKIPPED,
        State.APPLIED,
    ]
    assert {each.action for each in report.results} == {"delete"}
    assert server.store.find(ids[1]) is not None
    assert await library.log.kept() == []


async def test_delete_whose_archiving_is_refused_waits_for_nothing(
    library: Library, server: DemoServer
) -> None:
    (asset, *_) = await prepare(server, library, archived=False)
    server.faults.add(403, "PATCH", f"*/{asset}/archive")
    with pytest.raises(CoexplorerError):
        await library.changes.delete(asset, archive_first=True)
    assert await library.log.unsent() == []
    assert server.store.find(asset) is not None
