"""The one way to change an asset, against the embedded server."""

import json

import anyio
import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import (
    ApiError,
    EditConflict,
    Forbidden,
    InvalidField,
    NotFound,
    NotSignedIn,
    PlatformFault,
    Refused,
    Unreachable,
)
from coexplorer.fields import Fields, replace_values
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.events import EditApplied, EditStarted, RowsChanged
from coexplorer.library.results import EditResult
from coexplorer.models import Asset, AssetId
from tests.library.conftest import OpenSession
from tests.support.server import DERIVED, OLD, RAW, THEIRS, VIEWED

ID = AssetId(RAW)


async def shown(library: Library, asset_id: str = RAW) -> Fields:
    return (await library.platform.fetch(AssetId(asset_id))).asset.fields


def puts(server: DemoServer) -> int:
    return len(server.requests("PUT"))


async def test_edit_changes_the_platform_the_catalog_and_the_log(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    mine = msgspec.structs.replace(base, name="Raw recording", tags=("ecephys", "new"))
    result = await library.changes.edit(ID, base, mine)
    assert (result.state, result.changed, result.differs) == (State.APPLIED, ("name", "tags"), ())
    stored = server.store.get(RAW)
    assert (stored.name, set(stored.tags)) == ("Raw recording", {"ecephys", "new"})
    assert (stored.description, stored.mount) == (base.description, base.mount)
    record = await library.assets.record(ID)
    assert record is not None
    assert record.asset.fields.same_as(mine)
    (entry,) = await library.log.entries()
    assert (entry.state, entry.before, entry.mine) == (State.APPLIED, base, mine)
    assert puts(server) == 1


async def test_what_a_colleague_did_meanwhile_is_merged(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    server.store.update(RAW, description="Theirs.", tags=("ecephys", "raw", "theirs"))
    mine = msgspec.structs.replace(base, name="Mine", tags=("ecephys", "mine"))
    await library.changes.edit(ID, base, mine)
    stored = server.store.get(RAW)
    assert (stored.name, stored.description) == ("Mine", "Theirs.")
    assert set(stored.tags) == {"ecephys", "mine", "theirs"}


async def test_same_field_is_a_conflict_with_all_three_versions(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    server.store.update(RAW, name="Theirs")
    mine = msgspec.structs.replace(base, name="Mine", description="Mine too")
    with pytest.raises(EditConflict) as caught:
        await library.changes.edit(ID, base, mine)
    conflict = caught.value
    assert conflict.fields == ("name",)
    assert (conflict.base, conflict.mine, conflict.theirs.name) == (base, mine, "Theirs")
    assert puts(server) == 0
    (entry,) = await library.log.unsent()
    assert (entry.state, entry.mine) == (State.CONFLICT, mine)
    record = await library.assets.record(ID)
    assert record is not None
    assert record.asset.name == "Theirs", "what was read is not lost because nothing was sent"


async def test_edit_that_is_so_already_sends_nothing(library: Library, server: DemoServer) -> None:
    base = await shown(library)
    server.store.update(RAW, name="Both want this")
    result = await library.changes.edit(
        ID, base, msgspec.structs.replace(base, name="Both want this")
    )
    assert result.state is State.UNCHANGED
    assert puts(server) == 0
    assert await library.log.unsent() == []
    record = await library.assets.record(ID)
    assert record is not None
    assert record.asset.name == "Both want this"


async def test_edit_that_arrives_changes_the_catalog_once(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    server.store.update(RAW, description="Theirs.")
    with library.subscribe() as events:
        await library.changes.edit(ID, base, msgspec.structs.replace(base, name="Mine"))
        heard = [await anext(events) for _ in range(3)]
    kinds = [type(event) for event in heard]
    assert kinds == [EditStarted, RowsChanged, EditApplied]
    record = await library.assets.record(ID)
    assert record is not None
    assert (record.asset.name, record.asset.description) == ("Mine", "Theirs.")


async def test_who_waits_for_an_edit_is_told_before_the_catalog(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    mine = msgspec.structs.replace(base, name="Mine")
    told: list[tuple[State, str, str]] = []

    def hear(result: EditResult, asset: Asset) -> None:
        known = library.assets.peek(ID)
        assert known is not None
        told.append((result.state, asset.name, known.fields.name))

    await library.changes.edit(ID, base, mine, heard=hear)
    assert told == [(State.APPLIED, "Mine", base.name)]
    known = library.assets.peek(ID)
    assert known is not None
    assert known.fields.name == "Mine"

    await library.changes.edit(ID, base, mine, heard=hear)
    assert told[1:] == [(State.UNCHANGED, "Mine", "Mine")]
    server.store.update(RAW, name="Theirs")
    with pytest.raises(EditConflict):
        await library.changes.edit(
            ID, base, msgspec.structs.replace(base, name="Another"), heard=hear
        )
    assert len(told) == 2


async def test_value_that_must_not_be_sent_stops_before_the_network(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    asked = len(server.requests())
    with pytest.raises(InvalidField, match="name"):
        await library.changes.edit(ID, base, msgspec.structs.replace(base, name=" "))
    assert len(server.requests()) == asked
    assert await library.log.entries() == []


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (400, State.REFUSED),
        (403, State.REFUSED),
        (405, State.REFUSED),
        (413, State.REFUSED),
        (422, State.REFUSED),
        (401, State.UNSENT),
        (407, State.UNSENT),
        (408, State.UNSENT),
        (429, State.UNSENT),
        (501, State.UNSENT),
        (409, State.CONFLICT),
    ],
)
async def test_what_could_still_go_through_waits_and_what_was_refused_does_not(
    library: Library, server: DemoServer, fault: int, state: State
) -> None:
    base = await shown(library)
    mine = msgspec.structs.replace(base, description="My words")
    rule = server.faults.add(fault, "PUT", f"data_assets/{RAW}")
    with pytest.raises(ApiError) as caught:
        await library.changes.edit(ID, base, mine)
    (entry,) = await library.log.kept()
    assert (entry.state, entry.mine, entry.reason) == (state, mine, caught.value.message)
    status = await library.status()
    refused = state is State.REFUSED
    assert (status.unsent, status.refused) == ((0, 1) if refused else (1, 0))
    assert await library.log.unsent() == ([] if refused else [entry])
    server.faults.remove(rule)
    assert (await library.changes.retry(entry.id)).state is State.APPLIED, (
        "it was asked for by its number"
    )
    assert server.store.get(RAW).description == "My words"


async def test_refused_edit_keeps_its_text(library: Library, server: DemoServer) -> None:
    base = await shown(library, VIEWED)
    mine = msgspec.structs.replace(base, description="My words")
    with pytest.raises(Forbidden):
        await library.changes.edit(AssetId(VIEWED), base, mine)
    (entry,) = await library.log.kept()
    assert (entry.state, entry.mine) == (State.REFUSED, mine)
    assert entry.reason
    assert (await library.status()).unsent == 0


@pytest.mark.parametrize("write", ["PUT", "PATCH"])
async def test_no_such_asset_is_believed_of_a_write_only_when_it_can_not_be_read_either(
    library: Library, server: DemoServer, write: str
) -> None:
    base = await shown(library)
    server.faults.add(404, write, f"data_assets/{RAW}{'/archive' if write == 'PATCH' else ''}")
    mine = msgspec.structs.replace(base, name="x")
    change = library.changes.edit(ID, base, mine) if write == "PUT" else library.changes.archive(ID)
    with pytest.raises(PlatformFault, match="but says that it does not exist"):
        await change
    assert [entry.state for entry in await library.log.kept()] == [State.UNSENT]
    assert await library.assets.record(ID) is not None


async def test_deleting_what_somebody_deletes_at_that_moment_is_no_failure(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    gate = server.hooks.before("DELETE", f"*/{OLD}")
    async with anyio.create_task_group() as group:
        results: list[EditResult] = []

        async def delete() -> None:
            results.append(await library.changes.delete(AssetId(OLD)))

        group.start_soon(delete)
        await gate.arrived()
        server.store.delete(OLD)
        gate.release()
    assert [result.state for result in results] == [State.UNCHANGED]
    assert await library.log.kept() == []


async def test_offline_edit_is_kept_and_sent_on_request(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as library:
        base = await shown(library)
    mine = msgspec.structs.replace(base, name="Written on a train")
    async with open_session(offline=True) as library:
        with pytest.raises(Unreachable):
            await library.changes.edit(ID, base, mine)
    async with open_session() as library:
        (entry,) = await library.log.unsent()
        assert puts(server) == 0
        result = await library.changes.retry(entry.id)
        assert result.state is State.APPLIED
        assert await library.log.unsent() == []
    assert server.store.get(RAW).name == "Written on a train"


async def test_refused_edit_can_be_given_up(library: Library, server: DemoServer) -> None:
    base = await shown(library, VIEWED)
    with pytest.raises(Forbidden):
        await library.changes.edit(AssetId(VIEWED), base, msgspec.structs.replace(base, name="x"))
    (entry,) = await library.log.kept()
    given_up = await library.changes.discard(entry.id)
    assert given_up.state is State.DISCARDED
    assert await library.log.kept() == []
    with pytest.raises(Refused, match="is not waiting"):
        await library.changes.discard(entry.id)


async def test_edit_of_an_asset_that_is_gone_says_so_and_keeps_the_text(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library, DERIVED)
    server.store.delete(DERIVED)
    with pytest.raises(NotFound):
        await library.changes.edit(AssetId(DERIVED), base, msgspec.structs.replace(base, name="x"))
    assert await library.assets.record(AssetId(DERIVED)) is None
    assert [entry.state for entry in await library.log.kept()] == [State.REFUSED]


async def test_asset_that_is_refused_with_a_good_token_is_no_question_of_signing_in(
    library: Library, server: DemoServer
) -> None:
    base = await shown(library)
    server.faults.add(401, "GET", f"data_assets/{RAW}")
    mine = msgspec.structs.replace(base, name="Mine")
    with pytest.raises(Forbidden, match="takes your token") as caught:
        await library.changes.edit(ID, base, mine)
    assert "gone or not shared" in caught.value.hint
    (entry,) = await library.log.kept()
    assert (entry.state, entry.mine) == (State.REFUSED, mine)
    assert await library.assets.record(ID) is not None, "no proof that it is gone"
    server.faults.add(401, "*", "data_assets/**")
    with pytest.raises(NotSignedIn):
        await library.platform.fetch(ID)


async def test_custom_metadata_merges_by_key(library: Library, server: DemoServer) -> None:
    record = await library.platform.fetch(ID)
    stored = server.store.get(RAW)
    server.store.update(RAW, custom_metadata={**stored.custom_metadata, "age": 62})
    base = record.asset.fields
    mine = replace_values(base, {"metadata.subject id": '"655020"'})
    result = await library.changes.edit(ID, base, mine)
    assert result.changed == ("metadata.subject id",)
    assert result.state is State.APPLIED
    now = server.store.get(RAW).custom_metadata
    assert (now["subject id"], now["age"]) == ("655020", 62)
    report = await library.changes.undo()
    assert [each.state for each in report.results] == [State.APPLIED]
    back = server.store.get(RAW).custom_metadata
    assert (back["subject id"], back["age"]) == ("655019", 62)


async def test_archiving_is_known_at_once_and_taken_back_by_undo(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    await library.changes.archive(ID)
    assert server.store.get(RAW).archived
    record = await library.assets.record(ID)
    assert record is not None
    assert record.membership.archived
    await library.changes.undo()
    assert not server.store.get(RAW).archived
    await library.changes.redo()
    assert server.store.get(RAW).archived


async def test_asset_that_is_not_archived_is_not_deleted(
    library: Library, server: DemoServer
) -> None:
    with pytest.raises(Refused, match="not archived"):
        await library.changes.delete(ID)
    assert server.requests("DELETE") == []
    assert await library.log.unsent() == []
    await library.changes.delete(AssetId(OLD))
    assert server.store.find(OLD) is None


async def test_asset_that_a_colleague_deleted_first_is_deleted_and_no_failure(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    server.store.delete(OLD)
    assert (await library.changes.delete(AssetId(OLD))).state is State.UNCHANGED
    assert await library.log.unsent() == []
    assert await library.assets.record(AssetId(OLD)) is None


async def test_plan_to_delete_what_nobody_knows_to_be_archived_asks_the_platform(
    library: Library, server: DemoServer
) -> None:
    await library.platform.fetch(ID)
    plan = await library.changes.plan([ID, AssetId(OLD)], Change(delete=True))
    assert len(plan.todo) == 2
    report = await library.changes.apply(plan)
    assert [each.state for each in report.results] == [State.SKIPPED, State.APPLIED]
    assert server.store.find(RAW) is not None
    assert server.store.find(OLD) is None


async def test_archive_first_archives_and_deletes(library: Library, server: DemoServer) -> None:
    await library.sync.sweep()
    await library.changes.delete(ID, archive_first=True)
    assert server.store.find(RAW) is None
    assert await library.assets.record(ID) is None
    assert [entry.action for entry in await library.log.entries()] == ["delete", "archive"]


@pytest.mark.parametrize("asset", [RAW, THEIRS])
async def test_asset_without_a_change_is_not_written(
    library: Library, server: DemoServer, asset: str
) -> None:
    base = await shown(library, asset)
    assert (await library.changes.edit(AssetId(asset), base, base)).state is State.UNCHANGED
    assert puts(server) == 0


@pytest.mark.parametrize("mine", [("z", "a", "m"), ("a", "m", "z"), ("m", "z", "a", "new")])
async def test_tags_are_sent_in_the_order_that_the_platform_gave(
    library: Library, server: DemoServer, mine: tuple[str, ...]
) -> None:
    server.store.update(RAW, tags=("z", "a", "m"))
    base = await shown(library)
    await library.changes.edit(ID, base, msgspec.structs.replace(base, name="renamed", tags=mine))
    (put,) = server.requests("PUT")
    assert json.loads(put.body)["tags"] == ["z", "a", "m", *(["new"] if "new" in mine else [])]
