"""Many assets at once, against the embedded server."""

import anyio
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import Forbidden, JournalError, QueryError, Refused, UndoRefused
from coexplorer.library import Library
from coexplorer.library.bulk import CONCURRENCY
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.results import BatchProgress
from coexplorer.models import AssetId
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession, many_assets
from tests.support.server import OLD, RAW

BULK = parse_query("tag:bulk")
WRITES = ("PUT", "PATCH", "DELETE", "POST")


def tags_of(server: DemoServer, asset: str) -> set[str]:
    return set(server.store.get(asset).tags)


async def test_query_with_a_mistake_sends_nothing(library: Library, server: DemoServer) -> None:
    with pytest.raises(QueryError):
        await library.changes.plan("size:>ten", Change(add_tags=("x",)))
    with pytest.raises(QueryError):
        await library.changes.document("tag:")
    assert server.requests() == []


async def test_plan_sends_nothing_and_says_what_it_would_do(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 5)
    server.store.update(ids[0], tags=("bulk", "new"))
    await library.sync.sweep()
    server.log.clear()
    plan = await library.changes.plan("tag:bulk", Change(add_tags=("new",)))
    assert len(plan.todo) == 4
    assert [(item.asset_id, item.reason) for item in plan.skipped] == [(ids[0], "already has it")]
    assert server.requests() == []


async def test_bulk_of_tags_has_an_outcome_for_each_asset_and_one_undo(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 30)
    await library.sync.sweep()
    seen: list[BatchProgress] = []
    plan = await library.changes.plan(BULK, Change(add_tags=("new",), remove_tags=("bulk",)))
    report = await library.changes.apply(plan, progress=seen.append)
    assert len(report.applied) == len(report.results) == 30
    assert all(tags_of(server, asset) == {"new"} for asset in ids)
    written, *counted = seen
    assert (written.done, written.total) == (0, 0)
    assert [one.done for one in counted] == list(range(31))
    assert (seen[-1].total, seen[-1].failed) == (30, 0)
    undone = await library.changes.undo()
    assert len(undone.applied) == 30
    assert all(tags_of(server, asset) == {"bulk"} for asset in ids)
    redone = await library.changes.redo()
    assert len(redone.applied) == 30
    assert all(tags_of(server, asset) == {"new"} for asset in ids)
    titles = [batch.title for batch in await library.log.batches()]
    assert titles[1:] == ["undo: add tag new; remove tag bulk", "add tag new; remove tag bulk"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_undo_of_a_bulk_over_500_restores_all_but_those_changed_since_and_names_them(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 500)
    await library.sync.sweep()
    plan = await library.changes.plan(
        BULK, Change(add_tags=("new",), values={"description": "Done in bulk."})
    )
    report = await library.changes.apply(plan)
    assert len(report.applied) == 500
    changed = {ids[7], ids[77], ids[477]}
    for asset in changed:
        server.store.update(asset, description="A colleague's words.")
    undone = await library.changes.undo(report.batch_id)
    for asset in ids:
        stored = server.store.get(asset)
        assert set(stored.tags) == {"bulk"}
        assert stored.description == ("A colleague's words." if asset in changed else "")
    named = {each.asset_id for each in undone.results if each.skipped_fields}
    assert named == changed
    assert {each.skipped_fields for each in undone.results if each.skipped_fields} == {
        ("description",)
    }


async def test_undo_of_what_others_changed_wholly_is_skipped_with_the_reason(
    library: Library, server: DemoServer
) -> None:
    (one, two) = many_assets(server, 2)
    await library.sync.sweep()
    await library.changes.apply(
        await library.changes.plan(BULK, Change(values={"description": "new"}))
    )
    server.store.update(one, description="theirs")
    report = await library.changes.undo()
    left_alone = [(each.asset_id, each.skipped_fields) for each in report.skipped]
    assert left_alone == [(one, ("description",))]
    assert report.skipped[0].error is not None
    assert "the description was changed elsewhere" in report.skipped[0].error.message
    assert server.store.get(one).description == "theirs"
    assert server.store.get(two).description == ""
    assert (await library.changes.undo()).of(State.SKIPPED), "it is not used up"
    server.store.update(one, description="new")
    assert [each.state for each in (await library.changes.undo()).results] == [State.APPLIED]
    assert server.store.get(one).description == ""
    with pytest.raises(UndoRefused, match="nothing to undo"):
        await library.changes.undo()


async def test_delete_cannot_be_undone_and_says_so(library: Library, server: DemoServer) -> None:
    await library.sync.sweep()
    await library.changes.delete(AssetId(OLD))
    with pytest.raises(UndoRefused, match=r"deleting behavior_2019 can't be undone") as raised:
        await library.changes.undo()
    assert raised.value.hint == "nothing was sent"


async def test_undo_after_a_delete_names_the_older_change_and_leaves_it(
    library: Library, server: DemoServer
) -> None:
    (one,) = many_assets(server, 1)
    await library.sync.sweep()
    await library.changes.apply(await library.changes.plan(BULK, Change(add_tags=("new",))))
    (edited,) = await library.log.batches()
    await library.changes.delete(AssetId(OLD))
    with pytest.raises(UndoRefused, match="can't be undone") as raised:
        await library.changes.undo()
    assert f"number {edited.id} of the log: {edited.title}" in raised.value.hint
    assert "new" in tags_of(server, one)
    await library.changes.undo(edited.id)
    assert tags_of(server, one) == {"bulk"}


async def test_failed_ones_alone_are_sent_again(library: Library, server: DemoServer) -> None:
    ids = many_assets(server, 20)
    await library.sync.sweep()
    bad = ids[3]
    rule = server.faults.add(403, "PUT", f"data_assets/{bad}")
    report = await library.changes.apply(
        await library.changes.plan(BULK, Change(add_tags=("new",)))
    )
    assert [each.asset_id for each in report.failed] == [bad]
    assert report.failed == report.refused
    assert len(report.applied) == 19
    server.faults.remove(rule)
    server.log.clear()
    assert (await library.changes.resume(report.batch_id)).failed, (
        "what was refused is not sent unasked"
    )
    assert server.requests("PUT") == []
    again = await library.changes.resume(report.batch_id, refused=True)
    assert len(again.applied) == 20
    assert len(server.requests("PUT")) == 1
    await library.changes.undo()
    assert all(tags_of(server, asset) == {"bulk"} for asset in ids)


async def test_cancelled_bulk_says_what_is_done_and_what_is_not_and_goes_on_later(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 40)
    await library.sync.sweep()
    plan = await library.changes.plan("tag:bulk sort:created", Change(add_tags=("new",)))
    gate = server.hooks.before("PUT", f"*/{ids[20]}")
    batches: list[int] = []
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await library.changes.apply(plan, progress=lambda one: batches.append(one.batch_id))

        group.start_soon(run)
        await gate.arrived()
        group.cancel_scope.cancel()
    server.stop()
    server.start()
    report = await library.changes.report(batches[0])
    assert len(report.results) == 40
    for each in report.results:
        assert each.state in (State.APPLIED, State.STOPPED, State.UNKNOWN)
        if each.state is State.APPLIED:
            assert "new" in tags_of(server, each.asset_id)
        if each.state is State.STOPPED:
            assert "new" not in tags_of(server, each.asset_id)
    assert report.stopped
    assert report.of(State.UNKNOWN)
    done = await library.changes.resume(batches[0])
    assert len(done.applied) == 40
    assert all("new" in tags_of(server, asset) for asset in ids)
    assert len((await library.changes.undo()).applied) == 40


async def test_bulk_that_another_process_still_sends_is_not_sent_twice(
    open_session: OpenSession, server: DemoServer
) -> None:
    ids = many_assets(server, 20)
    async with open_session() as one, open_session(origin="tui") as other:
        await one.sync.sweep()
        plan = await one.changes.plan(BULK, Change(add_tags=("new",)))
        async with anyio.create_task_group() as group:
            with server.hooks.before("PUT") as gate:
                group.start_soon(one.changes.apply, plan)
                await gate.arrived()
                (batch,) = await other.log.batches()
                report = await other.changes.resume(batch.id)
                assert {each.error.message for each in report.failed if each.error} == {
                    "another process is about to send it"
                }
        assert len(server.requests("PUT")) == len(ids)
        done = await other.changes.report(batch.id)
        assert [result.state for result in done.results] == [State.APPLIED] * len(ids)
        undone = await other.changes.undo()
        assert len(undone.of(State.APPLIED)) == len(ids)
        assert not any("new" in server.store.get(each).tags for each in ids)


async def test_number_of_no_batch_is_refused(library: Library, server: DemoServer) -> None:
    for act in (library.changes.report, library.changes.resume, library.changes.undo):
        with pytest.raises(Refused, match="there is no change 77"):
            await act(77)
    assert server.requests() == []


async def test_archiving_and_deleting_in_bulk(library: Library, server: DemoServer) -> None:
    ids = [AssetId(asset) for asset in many_assets(server, 6)]
    await library.sync.sweep()
    refused = await library.changes.apply(await library.changes.plan(ids, Change(delete=True)))
    assert len(refused.skipped) == 6
    assert server.requests("DELETE") == []
    await library.changes.apply(await library.changes.plan(ids[:3], Change(archive=True)))
    plan = await library.changes.plan(ids, Change(delete=True, archive_first=True))
    assert [item.archive_first for item in plan.items] == [False] * 3 + [True] * 3
    report = await library.changes.apply(plan)
    assert len(report.applied) == 6
    assert [server.store.find(asset) for asset in ids] == [None] * 6
    assert await library.assets.count(BULK) == 0


async def test_edited_document_becomes_a_plan_and_edits(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 3)
    await library.sync.sweep()
    text = await library.changes.document("tag:bulk")
    edited = text.replace("session 00001", "Renamed").replace("tags: bulk", "tags: bulk, seen", 1)
    plan = await library.changes.plan_document(text, edited)
    assert len(plan.items) == len(plan.todo) == 2  # of what was only shown nothing is asked
    report = await library.changes.apply(plan)
    assert len(report.applied) == 2
    assert server.store.get(ids[1]).name == "Renamed"
    assert sum("seen" in tags_of(server, asset) for asset in ids) == 1


async def test_journal_on_a_full_disk_sends_nothing(library: Library, server: DemoServer) -> None:
    many_assets(server, 3)
    await library.sync.sweep()
    base = (await library.platform.fetch(AssetId(RAW))).asset.fields
    server.log.clear()
    connection = library._context.journal._file._open()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    plan = await library.changes.plan(BULK, Change(values={"description": "x" * 20_000}))
    with pytest.raises(JournalError, match="nothing was sent"):
        await library.changes.apply(plan)
    mine = type(base)(base.name, "x" * 20_000, base.tags, base.mount)
    with pytest.raises(JournalError, match="nothing was sent"):
        await library.changes.edit(AssetId(RAW), base, mine)
    assert [request for method in WRITES for request in server.requests(method)] == []


async def test_token_that_is_refused_ends_a_bulk_before_it_asks_for_all(
    library: Library, server: DemoServer
) -> None:
    many_assets(server, 100)
    await library.sync.sweep()
    plan = await library.changes.plan(BULK, Change(add_tags=("new",)))
    server.faults.add(401, "*", "data_assets/**")
    server.log.clear()
    report = await library.changes.apply(plan)
    assert len(report.failed) == 100
    # The ones that were on their way together, and for each a check whether the token is accepted.
    assert len(server.requests()) <= 2 * CONCURRENCY


async def test_asset_that_is_answered_with_401_does_not_end_a_bulk(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 12)
    await library.sync.sweep()
    plan = await library.changes.plan(BULK, Change(archive=True))
    server.faults.add(401, "*", f"data_assets/{ids[3]}*")
    server.faults.add(401, "*", f"data_assets/{ids[3]}/**")
    report = await library.changes.apply(plan)
    (failed,) = report.failed
    assert failed.asset_id == ids[3]
    assert isinstance(failed.error, Forbidden)
    assert [server.store.get(each).archived for each in ids].count(True) == 11


async def test_odd_tags_and_names_are_renamed_and_put_back(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 3)
    server.store.update(ids[0], name="odd\x1b[31m", tags=("bulk", "odd\x07"))
    await library.sync.sweep()
    await library.changes.apply(await library.changes.plan(BULK, Change(add_tags=("new",))))
    assert tags_of(server, ids[0]) == {"bulk", "odd\x07", "new"}
    await library.changes.apply(
        await library.changes.plan([AssetId(ids[0])], Change(remove_tags=("odd\x07",)))
    )
    await library.changes.apply(
        await library.changes.plan([AssetId(ids[0])], Change(values={"name": "plain"}))
    )
    for _ in range(3):
        undone = await library.changes.undo()
        assert all(result.state is State.APPLIED for result in undone.results)
    assert server.store.get(ids[0]).name == "odd\x1b[31m"
    assert tags_of(server, ids[0]) == {"bulk", "odd\x07"}


async def test_plan_of_a_query_is_judged_again_when_it_is_carried_out(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 6)
    await library.sync.sweep()
    changes = (Change(archive=True), Change(add_tags=("new",)), Change(delete=True))
    for number, change in enumerate(changes):
        plan = await library.changes.plan("tag:bulk is:any", change)
        server.store.update(ids[number], tags=("keep",), description="not this one")
        report = await library.changes.apply(plan)
        (left_out,) = report.outdated
        assert left_out.asset_id == ids[number]
        assert left_out.error is not None
        assert left_out.error.message.endswith(": its description and tags changed")
        assert len(report.applied) == 5 - number
        assert report.missed == (left_out,)
    assert {each for each in ids if server.store.find(each)} == {*ids[:3]}
    assert not server.store.get(ids[0]).archived


async def test_marked_assets_are_changed_whatever_they_are_now(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 2)
    await library.sync.sweep()
    plan = await library.changes.plan([AssetId(each) for each in ids], Change(archive=True))
    server.store.update(ids[0], tags=("keep",))
    assert len((await library.changes.apply(plan)).applied) == 2
