"""What a colleague does while a change waits or is being confirmed is neither lost nor deleted."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import anyio
import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import ChangedSince, CoexplorerError, EditConflict, Rejected
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.events import RateLimitWaited
from coexplorer.models import AssetId
from tests.library.conftest import many_assets
from tests.support.server import OLD, RAW

ID, ARCHIVED = AssetId(RAW), AssetId(OLD)
THEIRS: dict[str, dict[str, object]] = {
    "name": {"name": "GOLD do not delete"},
    "tags": {"tags": ("keep",)},
    "description": {"description": "the only copy"},
    "state": {"state": "failed"},
    "'keep'": {"custom_metadata": {"keep": "for ever"}},
    "size": {"size": 12_345},
    "mount": {"mount": "elsewhere"},
    "last use": {"last_used": 1_900_000_000},
}
CHANGES = pytest.mark.parametrize("what", THEIRS)
FAULTS = pytest.mark.parametrize("fault", [429, 503, 504])


@asynccontextmanager
async def changing_during_wait(
    library: Library, server: DemoServer, asset_id: str, **theirs: object
) -> AsyncIterator[None]:
    """Let a colleague change an asset while a request waits for the platform."""
    with library.subscribe() as events:

        async def change() -> None:
            async for event in events:
                if isinstance(event, RateLimitWaited):
                    server.store.update(asset_id, **theirs)
                    return

        async with anyio.create_task_group() as group:
            group.start_soon(change)
            yield
            group.cancel_scope.cancel()


@FAULTS
async def test_edit_is_merged_with_what_came_while_it_waited(
    library: Library, server: DemoServer, fault: int
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    server.faults.add(fault, "PUT", f"data_assets/{RAW}", nth=1, retry_after=0.3)
    async with changing_during_wait(
        library, server, RAW, tags=("theirs",), description="their words"
    ):
        result = await library.changes.edit(ID, base, msgspec.structs.replace(base, name="mine"))
    assert result.state is State.APPLIED
    stored = server.store.get(RAW)
    assert (stored.name, stored.description, stored.tags) == ("mine", "their words", ("theirs",))
    assert result.changed == ("name",)
    await library.changes.undo()
    stored = server.store.get(RAW)
    assert (stored.name, stored.description, stored.tags) == (
        base.name,
        "their words",
        ("theirs",),
    )


@pytest.mark.parametrize("fault", [429, 503])
async def test_edit_of_what_a_query_found_is_judged_again_after_it_waited(
    library: Library, server: DemoServer, fault: int
) -> None:
    await library.sync.sweep()
    plan = await library.changes.plan(f"id:{RAW} -tag:keep", Change(add_tags=("mine",)))
    server.faults.add(fault, "PUT", f"data_assets/{RAW}", nth=1, retry_after=0.3)
    async with changing_during_wait(library, server, RAW, tags=("keep",)):
        report = await library.changes.apply(plan)
    assert [each.no_longer_fits for each in report.results] == [True]
    assert server.store.get(RAW).tags == ("keep",)


@FAULTS
async def test_edit_is_a_conflict_with_what_came_to_the_same_field_while_it_waited(
    library: Library, server: DemoServer, fault: int
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    server.faults.add(fault, "PUT", f"data_assets/{RAW}", nth=1, retry_after=0.3)
    async with changing_during_wait(library, server, RAW, name="theirs"):
        with pytest.raises(EditConflict) as caught:
            await library.changes.edit(ID, base, msgspec.structs.replace(base, name="mine"))
    assert caught.value.theirs.name == server.store.get(RAW).name == "theirs"
    assert [entry.state for entry in await library.log.kept()] == [State.CONFLICT]


async def test_edit_without_trouble_is_two_requests(library: Library, server: DemoServer) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    before = len(server.requests())
    await library.changes.edit(ID, base, msgspec.structs.replace(base, name="mine"))
    assert [each.method for each in server.requests()[before:]] == ["GET", "PUT"]


@CHANGES
@pytest.mark.parametrize("how", ["one", "plan", "query", "shown", "unarchived"])
async def test_nothing_is_deleted_that_is_not_as_it_was_shown(
    library: Library, server: DemoServer, what: str, how: str
) -> None:
    server.store.update(OLD, archived=how != "unarchived", last_used=1_700_000_000)
    await library.sync.sweep()
    record = await library.platform.fetch(ARCHIVED)
    delete = Change(delete=True, archive_first=how == "unarchived")
    target = f"id:{OLD} is:any" if how == "query" else [record] if how == "shown" else [ARCHIVED]
    plan = await library.changes.plan(target, delete)
    server.store.update(OLD, **THEIRS[what])
    if how == "shown":
        await library.platform.fetch(
            ARCHIVED
        )  # what the catalog has is not what the user was shown
    if how == "one":
        with pytest.raises(ChangedSince) as caught:
            await library.changes.delete(ARCHIVED, shown=record.asset)
        error: CoexplorerError | None = caught.value
    else:
        report = await library.changes.apply(plan)
        assert report.missed == report.results
        assert [each.state for each in report.results] == [State.SKIPPED]
        error = report.results[0].error
    assert isinstance(error, ChangedSince)
    assert error.what == (what,)
    if what == "name":
        assert "'GOLD do not delete'" in error.message
    assert not {"DELETE", "PATCH"} & {each.method for each in server.requests()}
    again = await library.changes.plan([ARCHIVED], delete)  # which shows what it is now
    assert len((await library.changes.apply(again)).applied) == 1
    assert server.store.find(OLD) is None


@FAULTS
@pytest.mark.parametrize("first", [False, True], ids=["archived", "archived first"])
async def test_nothing_is_deleted_that_changed_while_the_delete_waited(
    library: Library,
    server: DemoServer,
    fault: int,
    first: bool,  # noqa: FBT001 # a case
) -> None:
    server.store.update(OLD, archived=not first)
    await library.sync.sweep()
    rule = server.faults.add(fault, "DELETE", f"data_assets/{OLD}", nth=1, retry_after=0.3)
    async with changing_during_wait(library, server, OLD, tags=("keep",)):
        with pytest.raises(ChangedSince, match="its tags were changed elsewhere since"):
            await library.changes.delete(ARCHIVED, archive_first=first)
    assert rule.struck == 1
    assert server.store.find(OLD) is not None
    assert len(server.requests("DELETE")) == 1
    assert [entry.state for entry in await library.log.kept()] == []
    await library.changes.delete(ARCHIVED)
    assert server.store.find(OLD) is None


async def test_others_of_a_batch_are_deleted_and_who_asked_is_told(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 4, archived=True)
    await library.sync.sweep()
    plan = await library.changes.plan("tag:bulk is:any", Change(delete=True))
    server.store.update(ids[1], description="the only copy")
    report = await library.changes.apply(plan)
    assert len(report.applied) == 3
    assert [each.asset_id for each in report.missed] == [ids[1]]
    assert [each for each in ids if server.store.find(each)] == [ids[1]]


async def test_delete_that_was_shown_by_a_search_is_done(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    plan = await library.changes.plan("is:mine is:any", Change(delete=True, archive_first=True))
    report = await library.changes.apply(plan)
    assert report.missed == ()
    assert len(report.applied) == len(plan.items) > 3


@CHANGES
@pytest.mark.parametrize("how", ["retry", "resume"])
async def test_delete_that_could_not_be_sent_is_judged_when_it_is_tried_again(
    library: Library, server: DemoServer, what: str, how: str
) -> None:
    server.store.update(OLD, last_used=1_700_000_000)
    await library.sync.sweep()
    rule = server.faults.add(400, "DELETE", f"data_assets/{OLD}")
    plan = await library.changes.plan([ARCHIVED], Change(delete=True))
    report = await library.changes.apply(plan)
    assert report.failed
    server.faults.remove(rule)
    server.store.update(OLD, **THEIRS[what])
    (kept,) = await library.log.kept()
    if how == "retry":
        with pytest.raises(ChangedSince):
            await library.changes.retry(kept.id)
    else:
        (result,) = (await library.changes.resume(report.batch_id, refused=True)).results
        assert isinstance(result.error, ChangedSince)
    assert server.store.find(OLD) is not None


@pytest.mark.parametrize("known", ["name", "fields"])
async def test_delete_of_an_older_journal_is_judged_by_what_it_knows(
    library: Library, server: DemoServer, known: str
) -> None:
    await library.sync.sweep()
    rule = server.faults.add(400, "DELETE", f"data_assets/{OLD}")
    with pytest.raises(Rejected):
        await library.changes.delete(ARCHIVED)
    server.faults.remove(rule)
    with closing(sqlite3.connect(library.settings.journal_path)) as connection, connection:
        connection.execute("UPDATE entries SET fit = NULL, state = 'unsent'")
        if known == "name":
            connection.execute("UPDATE entries SET before = NULL")
    (entry,) = await library.log.kept()
    server.store.update(OLD, **THEIRS["name" if known == "name" else "description"])
    with pytest.raises(ChangedSince, match=known if known == "name" else "description"):
        await library.changes.retry(entry.id)
    assert server.store.find(OLD) is not None
