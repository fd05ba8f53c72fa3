"""Changes of unknown outcome, of every kind, settled by asking the platform."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.fields import Fields, replace_values
from coexplorer.library import Library, settle
from coexplorer.library.entries import Action, Entry, State
from coexplorer.library.settle import judge_edit, name_query
from coexplorer.models import Asset, AssetId, AwsSource, NewAsset, Secret
from tests.support.server import OLD, RAW

ID = AssetId(RAW)
NEW = NewAsset(
    name="Born in doubt",
    description="",
    mount="born",
    tags=(),
    source=AwsSource("my-bucket", access_key_id=Secret("id"), secret_access_key=Secret("word")),
)


async def leave_unknown(
    server: DemoServer, moment: str, method: str, write: Callable[[], Coroutine[Any, Any, object]]
) -> None:
    """Cancel a write whose request stands at a gate, before or after it is carried out."""
    make = server.hooks.before if moment == "before" else server.hooks.after
    gate = make(method)
    async with anyio.create_task_group() as group:
        group.start_soon(write)
        await gate.arrived()
        group.cancel_scope.cancel()


async def settle_one(library: Library) -> Entry:
    (entry,) = await library.log.unsent()
    assert entry.state is State.UNKNOWN
    (settled,) = await library.changes.settle()
    return settled


CASES = [("after", State.APPLIED), ("before", State.UNSENT)]


@pytest.mark.parametrize(("moment", "state"), CASES)
async def test_archiving(library: Library, server: DemoServer, moment: str, state: State) -> None:
    await library.sync.sweep()
    await leave_unknown(server, moment, "PATCH", lambda: library.changes.archive(ID))
    assert (await settle_one(library)).state is state
    record = await library.assets.record(ID)
    assert record is not None
    assert record.membership.archived is (state is State.APPLIED)


@pytest.mark.parametrize(("moment", "state"), CASES)
async def test_unarchiving(library: Library, server: DemoServer, moment: str, state: State) -> None:
    await library.sync.sweep()
    old = AssetId(OLD)
    await leave_unknown(
        server, moment, "PATCH", lambda: library.changes.archive(old, archived=False)
    )
    assert (await settle_one(library)).state is state


@pytest.mark.parametrize(("moment", "state"), CASES)
async def test_deleting(library: Library, server: DemoServer, moment: str, state: State) -> None:
    await library.sync.sweep()
    await leave_unknown(server, moment, "DELETE", lambda: library.changes.delete(AssetId(OLD)))
    assert (await settle_one(library)).state is state
    assert (await library.assets.record(AssetId(OLD)) is None) is (state is State.APPLIED)


@pytest.mark.parametrize(("moment", "state"), CASES)
async def test_creating(
    library: Library,
    server: DemoServer,
    moment: str,
    state: State,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if state is State.UNSENT:
        state = State.REFUSED  # its keys were never kept, so nothing can send it again
    server.make_bucket("my-bucket", keys=("id", "word"))
    await library.sync.sweep()  # it asks for the dialect, so that the next POST is the creation
    await leave_unknown(server, moment, "POST", lambda: library.creation.create(NEW))
    if moment == "before":
        assert (await settle_one(library)).state is State.UNKNOWN, "it may still arrive"
        monkeypatch.setattr(settle, "LATE_S", 0)
    settled = await settle_one(library)
    assert settled.state is state
    assert bool(settled.asset_id) is (state is State.APPLIED)


async def test_edit_of_an_asset_that_is_gone_is_refused(
    library: Library, server: DemoServer
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    mine = msgspec.structs.replace(base, name="x")
    await leave_unknown(server, "before", "PUT", lambda: library.changes.edit(ID, base, mine))
    server.store.delete(RAW)
    assert (await settle_one(library)).state is State.REFUSED


async def test_retry_of_what_had_arrived_sends_nothing(
    library: Library, server: DemoServer
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    mine = msgspec.structs.replace(base, name="x")
    await leave_unknown(server, "after", "PUT", lambda: library.changes.edit(ID, base, mine))
    (entry,) = await library.log.unsent()
    assert (await library.changes.retry(entry.id)).state is State.APPLIED
    assert len(server.requests("PUT")) == 1


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (Fields("new", "old", ("b",)), State.APPLIED),
        (Fields("new", "somebody else's", ("b",)), State.APPLIED),
        (Fields("old", "old", ("a",)), State.UNSENT),
        (Fields("old", "somebody else's", ("a",)), State.UNSENT),
        (Fields("third", "old", ("b",)), State.APPLIED),
        (Fields("new", "old", ("a",)), State.APPLIED),
        (Fields("third", "old", ()), State.APPLIED),
        (Fields("third", "old", ("a", "b")), State.APPLIED),
        (Fields("third", "old", ("a",)), State.CONFLICT),
        (Fields("third", "old", ("a", "theirs")), State.CONFLICT),
        (Fields("old", "old", ("a", "theirs")), State.UNSENT),
    ],
)
def test_edit_is_judged_by_the_fields_that_it_sent(now: Fields, state: State) -> None:
    entry = Entry(
        1,
        1,
        0.0,
        "cli",
        ID,
        "old",
        Action.EDIT,
        State.UNKNOWN,
        before=Fields("old", "old", ("a",)),
        after=Fields("new", "old", ("b",)),
    )
    theirs = Asset(
        id=ID, name=now.name, description=now.description, tags=now.tags, mount=now.mount
    )
    assert judge_edit(entry, theirs) is state


def test_metadata_is_judged_too() -> None:
    before = replace_values(Fields("old"), {"metadata": {"age": 61, "sex": "F"}})
    entry = Entry(
        1,
        1,
        0.0,
        "cli",
        ID,
        "old",
        Action.EDIT,
        State.UNKNOWN,
        before=before,
        after=replace_values(before, {"metadata.age": "62"}),
    )
    judged = {
        age: judge_edit(entry, Asset(id=ID, name="old", metadata={"age": age}))
        for age in (61, 62, 63)
    }
    assert judged == {61: State.UNSENT, 62: State.APPLIED, 63: State.CONFLICT}


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("short", 'name:"short"'),
        ("a name that is longer than twenty", 'name:"a name that is longe"'),
        ('with "quotes"', ""),
        (" ", ""),
    ],
)
def test_name_is_asked_for_as_the_platform_understands_it(name: str, query: str) -> None:
    assert name_query(name) == query
