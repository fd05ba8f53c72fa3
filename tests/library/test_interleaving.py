"""Two sessions that edit one asset at once, stopped by the server's gates around GET and PUT."""

from functools import partial

import anyio
import msgspec
import pytest

from coexplorer.demo.hooks import Gate
from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError, EditConflict
from coexplorer.fields import Fields
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.results import EditResult
from coexplorer.models import AssetId
from tests.library.conftest import OpenSession
from tests.support.server import RAW

ID = AssetId(RAW)
PATH = f"*/{RAW}"
POINTS = [("before", "GET"), ("after", "GET"), ("before", "PUT"), ("after", "PUT")]
OVERTAKEN = POINTS[1:3]
"""Between the GET and the PUT of one machine, the PUT of another goes unseen."""


def gate_at(server: DemoServer, point: tuple[str, str]) -> Gate:
    moment, method = point
    make = server.hooks.before if moment == "before" else server.hooks.after
    return make(method, PATH)


async def read(library: Library) -> Fields:
    return (await library.platform.fetch(ID)).asset.fields


async def edit_while_other_is_held(
    held: Library, other: Library, gate: Gate, mine: Fields, others: Fields, base: Fields
) -> tuple[EditResult | EditConflict, EditResult | EditConflict]:
    """Start one edit, and the other while it stands at the gate; both run to their end."""
    outcomes: dict[str, EditResult | EditConflict] = {}

    async def edit(name: str, library: Library, fields: Fields) -> None:
        try:
            outcomes[name] = await library.changes.edit(ID, base, fields)
        except EditConflict as conflict:
            outcomes[name] = conflict

    async with anyio.create_task_group() as group:
        group.start_soon(edit, "held", held, mine)
        await gate.arrived()
        if held.settings.journal_path == other.settings.journal_path:
            group.start_soon(edit, "other", other, others)  # waits for the one that is held
            await anyio.wait_all_tasks_blocked()
        else:
            await edit("other", other, others)
        gate.release()
    return outcomes["held"], outcomes["other"]


@pytest.mark.parametrize("point", POINTS)
async def test_two_processes_of_one_machine_merge_at_every_point(
    open_session: OpenSession, server: DemoServer, point: tuple[str, str]
) -> None:
    async with open_session(origin="tui") as one, open_session(origin="mount") as other:
        base = await read(one)
        mine = msgspec.structs.replace(base, name="Mine", tags=("raw", "mine"))
        others = msgspec.structs.replace(base, description="Others'", tags=("ecephys", "others"))
        outcomes = await edit_while_other_is_held(
            one, other, gate_at(server, point), mine, others, base
        )
    assert [each.state for each in outcomes if isinstance(each, EditResult)] == [State.APPLIED] * 2
    stored = server.store.get(RAW)
    assert (stored.name, stored.description) == ("Mine", "Others'")
    assert set(stored.tags) == {"mine", "others"}


@pytest.mark.parametrize("point", POINTS)
async def test_two_processes_of_one_machine_conflict_in_the_same_field_at_every_point(
    open_session: OpenSession, server: DemoServer, point: tuple[str, str]
) -> None:
    async with open_session(origin="tui") as one, open_session(origin="mount") as other:
        base = await read(one)
        mine = msgspec.structs.replace(base, name="Mine")
        others = msgspec.structs.replace(base, name="Others'")
        first, second = await edit_while_other_is_held(
            one, other, gate_at(server, point), mine, others, base
        )
        (kept,) = await other.log.unsent()
    assert isinstance(first, EditResult)
    assert isinstance(second, EditConflict)
    assert (second.base, second.mine, second.theirs.name) == (base, others, "Mine")
    assert kept.mine == others
    assert server.store.get(RAW).name == "Mine"


async def test_a_new_change_waits_for_its_turn_and_is_given_up_by_no_other_process(
    open_session: OpenSession, server: DemoServer
) -> None:
    """Three begin at once: the first to send has its way, and the others hear of it."""
    outcomes: list[str] = []

    async def change(library: Library, name: str, *, many: bool) -> None:
        if many:
            plan = await library.changes.plan([ID], Change(values={"name": name}))
            (result,) = (await library.changes.apply(plan)).results
            outcomes.append(result.state)
            return
        try:
            await library.changes.edit(ID, base, msgspec.structs.replace(base, name=name))
        except EditConflict:
            outcomes.append(State.CONFLICT)

    async with (
        open_session() as one,
        open_session() as two,
        open_session(origin="mount") as three,
        anyio.create_task_group() as group,
    ):
        base = await read(one)
        for each in (two, three):
            await read(each)
        gate = server.hooks.before("GET", PATH)
        group.start_soon(partial(change, one, "p-1", many=True))
        await gate.arrived()
        group.start_soon(partial(change, two, "p-2", many=True))
        group.start_soon(partial(change, three, "p-3", many=False))
        await anyio.wait_all_tasks_blocked()
        gate.release()
    assert sorted(outcomes) == [State.APPLIED, State.CONFLICT, State.CONFLICT]
    async with open_session() as later:
        assert [each.state for each in await later.log.kept()] == [State.CONFLICT] * 2
    assert server.store.get(RAW).name == "p-1"


@pytest.mark.parametrize("point", [point for point in POINTS if point not in OVERTAKEN])
async def test_two_machines_merge_outside_of_the_window_between_get_and_put(
    open_session: OpenSession, server: DemoServer, point: tuple[str, str]
) -> None:
    async with open_session(machine="one") as one, open_session("colleague", machine="two") as two:
        server.store.update(RAW, roles={server.users[1].email: "editor"})
        base = await read(one)
        mine = msgspec.structs.replace(base, name="Mine", tags=("raw", "mine"))
        others = msgspec.structs.replace(base, description="Others'", tags=("ecephys", "others"))
        await edit_while_other_is_held(one, two, gate_at(server, point), mine, others, base)
    stored = server.store.get(RAW)
    assert (stored.name, stored.description) == ("Mine", "Others'")
    assert set(stored.tags) == {"mine", "others"}


@pytest.mark.parametrize("point", [point for point in POINTS if point not in OVERTAKEN])
async def test_two_machines_conflict_in_the_same_field_outside_of_the_window(
    open_session: OpenSession, server: DemoServer, point: tuple[str, str]
) -> None:
    async with open_session(machine="one") as one, open_session(machine="two") as two:
        base = await read(one)
        outcomes = await edit_while_other_is_held(
            one,
            two,
            gate_at(server, point),
            msgspec.structs.replace(base, name="Mine"),
            msgspec.structs.replace(base, name="Others'"),
            base,
        )
    assert sorted(type(each).__name__ for each in outcomes) == ["EditConflict", "EditResult"]
    winner = "Others'" if point == ("before", "GET") else "Mine"
    assert server.store.get(RAW).name == winner


@pytest.mark.parametrize("point", OVERTAKEN)
async def test_put_of_another_machine_in_the_window_is_the_one_that_goes_unseen(
    open_session: OpenSession, server: DemoServer, point: tuple[str, str]
) -> None:
    """What the API can't prevent, written down: it has no versions and PUT takes all fields."""
    async with open_session(machine="one") as one, open_session(machine="two") as two:
        base = await read(one)
        await edit_while_other_is_held(
            one,
            two,
            gate_at(server, point),
            msgspec.structs.replace(base, name="Mine"),
            msgspec.structs.replace(base, description="Others'"),
            base,
        )
        (entry,) = await two.log.entries()
    stored = server.store.get(RAW)
    assert (stored.name, stored.description) == ("Mine", base.description)
    assert entry.mine is not None
    assert entry.mine.description == "Others'"  # the text is in the log of who wrote it


async def test_edit_whose_reply_was_lost_is_not_reported_as_failed(
    library: Library, server: DemoServer
) -> None:
    base = await read(library)
    server.faults.add("lost", "PUT", times=1)
    result = await library.changes.edit(ID, base, msgspec.structs.replace(base, name="Arrived"))
    assert result.state is State.APPLIED
    assert server.store.get(RAW).name == "Arrived"
    assert len(server.requests("PUT")) == 1


async def test_edit_that_never_arrived_is_sent_again(library: Library, server: DemoServer) -> None:
    base = await read(library)
    server.faults.add(504, "PUT", times=1)
    result = await library.changes.edit(ID, base, msgspec.structs.replace(base, name="Second try"))
    assert result.state is State.APPLIED
    assert len(server.requests("PUT")) == 2
    assert server.store.get(RAW).name == "Second try"


async def test_lost_edit_is_never_sent_over_a_newer_change(
    library: Library, server: DemoServer
) -> None:
    base = await read(library)
    server.faults.add("lost", "PUT", times=1)
    caught: list[EditConflict] = []

    async def edit() -> None:
        try:
            await library.changes.edit(ID, base, msgspec.structs.replace(base, name="Mine"))
        except EditConflict as conflict:
            caught.append(conflict)

    first_get = server.hooks.before("GET", PATH)
    async with anyio.create_task_group() as group:
        group.start_soon(edit)
        await first_get.arrived()
        look = server.hooks.before("GET", PATH)
        first_get.release()
        await look.arrived()  # the PUT was carried out and its reply lost
        server.store.update(RAW, name="Newer")
        look.release()
    (conflict,) = caught
    assert (conflict.mine.name, conflict.theirs.name) == ("Mine", "Newer")
    assert server.store.get(RAW).name == "Newer"
    assert len(server.requests("PUT")) == 1


async def test_lost_edit_beside_a_newer_change_of_another_field_is_done(
    library: Library, server: DemoServer
) -> None:
    base = await read(library)
    server.faults.add("lost", "PUT", times=1)
    first_get = server.hooks.before("GET", PATH)
    results: list[EditResult] = []

    async def edit() -> None:
        mine = msgspec.structs.replace(base, name="Mine")
        results.append(await library.changes.edit(ID, base, mine))

    async with anyio.create_task_group() as group:
        group.start_soon(edit)
        await first_get.arrived()
        look = server.hooks.before("GET", PATH)
        first_get.release()
        await look.arrived()
        server.store.update(RAW, description="Newer")
        look.release()
    assert [result.state for result in results] == [State.APPLIED]
    stored = server.store.get(RAW)
    assert (stored.name, stored.description) == ("Mine", "Newer")
    assert len(server.requests("PUT")) == 1
    assert results[0].changed == ("name",)
    await library.changes.undo()  # which takes back nothing of theirs
    stored = server.store.get(RAW)
    assert (stored.name, stored.description) == (base.name, "Newer")


@pytest.mark.parametrize(("fault", "settled"), [("lost", State.APPLIED), (504, State.UNSENT)])
async def test_unknown_outcome_is_settled_by_a_look_at_the_platform(
    library: Library, server: DemoServer, fault: str | int, settled: State
) -> None:
    base = await read(library)
    server.faults.add(fault, "PUT", times=1)
    server.faults.add(403, "GET", f"data_assets/{RAW}", after=1)
    with pytest.raises(ApiError) as caught:
        await library.changes.edit(ID, base, msgspec.structs.replace(base, name="Perhaps"))
    assert caught.value.outcome_unknown
    (entry,) = await library.log.unsent()
    assert entry.state is State.UNKNOWN
    server.faults.clear()
    (after,) = await library.changes.settle()
    assert after.state is settled
    assert len(server.requests("PUT")) == 1


async def test_next_edit_of_an_asset_settles_the_unknown_one_first(
    library: Library, server: DemoServer
) -> None:
    base = await read(library)
    server.faults.add("lost", "PUT", times=1)
    server.faults.add(403, "GET", f"data_assets/{RAW}", after=1)
    mine = msgspec.structs.replace(base, name="Arrived")
    with pytest.raises(ApiError):
        await library.changes.edit(ID, base, mine)
    server.faults.clear()
    await library.changes.edit(ID, mine, msgspec.structs.replace(mine, description="More"))
    assert await library.log.unsent() == []
    assert server.store.get(RAW).name == "Arrived"


async def test_cancelled_edit_is_unknown_and_not_lost(library: Library, server: DemoServer) -> None:
    base = await read(library)
    mine = msgspec.structs.replace(base, name="Mine")
    gate = server.hooks.after("PUT", PATH)
    async with anyio.create_task_group() as group:
        group.start_soon(library.changes.edit, ID, base, mine)
        await gate.arrived()
        group.cancel_scope.cancel()
    gate.release()
    (entry,) = await library.log.unsent()
    assert (entry.state, entry.mine) == (State.UNKNOWN, mine)
    assert [each.state for each in await library.changes.settle()] == [State.APPLIED]
