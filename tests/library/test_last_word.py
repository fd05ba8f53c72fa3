"""The last change to an asset wins, sent or not; and nothing is called unneeded without asking."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
import pytest

from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import UndoRefused, Unreachable
from coexplorer.fields import Fields, Value, replace_values
from coexplorer.library import Library
from coexplorer.library.bulk import CONCURRENCY
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import Action, Entry, EntryDraft, State
from coexplorer.library.results import BatchReport
from coexplorer.library.succession import (
    ALL,
    go_on_from,
    go_on_from_shown,
    leave_to_later,
    overrides,
    parts_of,
)
from coexplorer.models import AssetId
from tests.library.conftest import OpenSession, many_assets

A = AssetId("id-a")
BASE = Fields("n", "d", ("x", "y"), "m")


def edit_entry(values: Mapping[str, Value], asked: tuple[str, ...] = (), number: int = 1) -> Entry:
    return Entry(
        id=number,
        batch_id=number,
        at=0.0,
        origin="cli",
        asset_id=A,
        asset_name="n",
        action=Action.EDIT,
        state=State.UNSENT,
        base=BASE,
        mine=replace_values(BASE, values),
        asked=asked,
    )


def test_a_change_touches_texts_and_single_tags_and_all_that_was_asked_for() -> None:
    assert parts_of(edit_entry({"tags": ("x", "z"), "name": "other"})) == {
        ("tags", "y"),
        ("tags", "z"),
        ("name", ""),
    }
    assert parts_of(edit_entry({}, asked=("tags", "description"))) == {
        ("tags", ALL),
        ("description", ""),
    }


@pytest.mark.parametrize(
    ("earlier", "later", "left"),
    [
        ({"description": "v1"}, {"description": "v2"}, None),
        ({"description": "v1", "name": "v1"}, {"description": "v2"}, {"name": "v1"}),
        ({"description": "v1"}, {"name": "v2"}, {"description": "v1"}),
        ({"tags": ("x", "y", "z")}, {"tags": ("x", "z")}, None),
        ({"tags": ("x",)}, {"tags": ("y",)}, {"tags": ("x",)}),
        ({"tags": ("x", "y", "z", "w")}, {"tags": ("x", "y", "z")}, {"tags": ("x", "y", "w")}),
        ({"tags": ("x", "y", "z"), "mount": "v1"}, {"mount": ""}, {"tags": ("x", "y", "z")}),
    ],
)
def test_what_a_later_change_asks_for_is_taken_out_of_the_earlier(
    earlier: Mapping[str, Value], later: Mapping[str, Value], left: Mapping[str, Value] | None
) -> None:
    found = leave_to_later(edit_entry(earlier), [edit_entry(later, number=2)])
    if left is None:
        assert found is None
    else:
        assert found is not None
        assert found.mine is not None
        wanted = replace_values(BASE, left)
        assert set(found.mine.tags) == set(wanted.tags)
        assert replace_values(found.mine, {"tags": ()}) == replace_values(wanted, {"tags": ()})


def test_a_text_made_from_an_unsent_one_is_based_on_what_the_platform_has() -> None:
    unsent = edit_entry({"description": "v1", "name": "v1"})
    assert unsent.mine is not None
    draft = EntryDraft(
        A, "n", Action.EDIT, unsent.mine, replace_values(unsent.mine, {"description": "v2"})
    )
    assert go_on_from(draft, [unsent], []).base == replace_values(unsent.mine, {"description": "d"})


def test_a_text_that_was_written_before_is_no_unsent_one() -> None:
    unsent = edit_entry({"mount": "v1"})
    written = msgspec.structs.replace(
        edit_entry({"mount": "v1"}), state=State.APPLIED, before=BASE, after=unsent.mine
    )
    assert unsent.mine is not None
    draft = EntryDraft(
        A, "n", Action.EDIT, unsent.mine, replace_values(unsent.mine, {"mount": "v2"})
    )
    assert go_on_from(draft, [unsent], [written]) == draft


def test_an_undo_takes_back_the_text_that_was_shown_whatever_it_is_merged_from() -> None:
    waiting = edit_entry({"description": "v1", "name": "v1"}, number=5)
    assert waiting.mine is not None
    older = replace_values(waiting.mine, {"description": "v0"})
    draft = EntryDraft(A, "n", Action.EDIT, waiting.mine, older, reverses=1)
    based = go_on_from(draft, [waiting], [])
    assert (based.base, based.shown) == (
        replace_values(waiting.mine, {"description": "d"}),
        waiting.mine,
    )
    assert overrides(based, waiting) == {("description", "")}


def test_what_the_user_was_shown_is_no_conflict_if_the_platform_has_it() -> None:
    entry = msgspec.structs.replace(
        edit_entry({"description": "v2", "name": "v2"}),
        shown=replace_values(BASE, {"description": "v1", "name": "v1"}),
    )
    theirs = replace_values(BASE, {"description": "v1", "name": "other"})
    found = go_on_from_shown(entry, BASE, theirs)
    assert found == replace_values(BASE, {"description": "v1"})


WORDS: dict[str, tuple[Change, Change, Callable[[DemoServer, str], object], object]] = {
    "a description": (
        Change(values={"description": "v1 typo"}),
        Change(values={"description": "v2 right"}),
        lambda server, asset: server.store.get(asset).description,
        "v2 right",
    ),
    "a description as it was": (
        Change(values={"description": "v1 typo"}),
        Change(values={"description": ""}),
        lambda server, asset: server.store.get(asset).description,
        "",
    ),
    "a name": (
        Change(values={"name": "v1 typo"}),
        Change(values={"name": "v2 right"}),
        lambda server, asset: server.store.get(asset).name,
        "v2 right",
    ),
    "a mount": (
        Change(values={"mount": "v1"}),
        Change(values={"mount": "v2"}),
        lambda server, asset: server.store.get(asset).mount,
        "v2",
    ),
    "a tag and away": (
        Change(add_tags=("later",)),
        Change(remove_tags=("later",)),
        lambda server, asset: server.store.get(asset).tags,
        ("bulk",),
    ),
    "a tag away and back": (
        Change(remove_tags=("bulk",)),
        Change(add_tags=("bulk",)),
        lambda server, asset: server.store.get(asset).tags,
        ("bulk",),
    ),
    "a tag and all of them": (
        Change(add_tags=("later",)),
        Change(values={"tags": ("bulk",)}),
        lambda server, asset: server.store.get(asset).tags,
        ("bulk",),
    ),
    "two tags and one away": (
        Change(add_tags=("one", "two")),
        Change(remove_tags=("one",)),
        lambda server, asset: set(server.store.get(asset).tags),
        {"bulk", "two"},
    ),
    "mixed kinds": (
        Change(add_tags=("later",), values={"description": "v1"}),
        Change(values={"description": "v2"}),
        lambda server, asset: {*server.store.get(asset).tags, server.store.get(asset).description},
        {"bulk", "later", "v2"},
    ),
    "archive and unarchive": (
        Change(archive=True),
        Change(archive=False),
        lambda server, asset: server.store.get(asset).archived,
        False,
    ),
    "an edit and archive": (
        Change(values={"description": "v1"}),
        Change(archive=True),
        lambda server, asset: (
            server.store.get(asset).archived,
            server.store.get(asset).description,
        ),
        (True, "v1"),
    ),
}


async def change(library: Library, asset: str, what: Change) -> BatchReport:
    return await library.changes.apply(await library.changes.plan([AssetId(asset)], what))


async def read_assets(library: Library, server: DemoServer, count: int) -> list[str]:
    ids = many_assets(server, count)
    await library.sync.sweep()
    return ids


async def stop(server: DemoServer, library: Library) -> None:
    server.stop()
    await is_down(library)


async def is_down(library: Library) -> None:
    """Let the session find out, as every command does before it plans."""
    with pytest.raises(Unreachable):
        await library.platform.ping()


@pytest.mark.parametrize("second", ["down", "up"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("word", WORDS)
async def test_the_last_word_wins_whenever_and_in_whichever_order_both_are_sent(
    library: Library, server: DemoServer, word: str, order: int, second: str
) -> None:
    one, two, look, wanted = WORDS[word]
    (asset,) = await read_assets(library, server, 1)
    await stop(server, library)
    first = await change(library, asset, one)
    assert [each.state for each in first.results] == [State.UNSENT]
    if second == "up":
        server.start()
        await library.sync.sweep()
    report = await change(library, asset, two)
    assert bool(report.waiting) is (second == "down")
    server.start()
    for entry in (await library.log.kept())[::order]:
        result = await library.changes.retry(entry.id)
        assert result.state in (State.APPLIED, State.UNCHANGED, State.DISCARDED)
    assert look(server, asset) == wanted
    assert await library.log.kept() == []


Step: TypeAlias = Change | int | str
"""A change; to undo the change of this number; or ``down``, ``up``, ``undo``, ``redo``."""

PARTLY_COVERED: dict[str, tuple[list[Step], dict[str, object]]] = {
    "a text of an undo that waits": (
        [
            Change(values={"description": "d1"}),
            Change(values={"description": "d2", "name": "n2"}),
            *("down", 2, "up", 1),
        ],
        {"description": "", "name": "session 00000"},
    ),
    "a text of an undo that waits, both without the platform": (
        [
            Change(values={"description": "d1"}),
            Change(values={"description": "d2", "name": "n2"}),
            *("down", 2, 1, "up"),
        ],
        {"description": "", "name": "session 00000"},
    ),
    "a tag, by a change that was undone": (
        [
            "down",
            Change(values={"name": "n1"}, add_tags=("two",)),
            "up",
            Change(add_tags=("three",), remove_tags=("two",)),
            "undo",
        ],
        {"name": "n1", "tags": ("bulk",)},
    ),
    "a text of a redo that was done in part before": (
        [
            Change(values={"name": "n1", "mount": "m1"}),
            "undo",
            Change(values={"name": "n2"}),
            *("redo", "down", "redo"),
            Change(values={"mount": "m2"}),
            *("undo", "redo", "up"),
        ],
        {"name": "n2", "mount": "m2"},
    ),
    "a text that another undo will leave alone": (
        [
            Change(values={"description": "d1", "name": "n1"}),
            Change(values={"description": "d2"}),
            Change(values={"description": "d3"}),
            *("down", 1, 3, "redo", 3, "up"),
        ],
        {"description": "d2", "name": "session 00000"},
    ),
    "a text that another undo has taken back meanwhile": (
        [
            Change(values={"description": "d1"}),
            "undo",
            Change(values={"description": "d3"}),
            *("down", 2, 3, "up"),
        ],
        {"description": ""},
    ),
    "a text under one that was given up": (
        [
            Change(values={"description": "d1"}),
            Change(values={"description": "d2"}),
            "down",
            Change(values={"description": "d3", "name": "n3"}),
            Change(values={"description": "d4"}),
            *("undo", 2, "up"),
        ],
        {"description": "d1", "name": "n3"},
    ),
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("case", PARTLY_COVERED)
async def test_a_change_that_is_covered_in_part_loses_no_later_word(
    library: Library, server: DemoServer, case: str, order: int
) -> None:
    steps, wanted = PARTLY_COVERED[case]
    (asset,) = await read_assets(library, server, 1)
    for step in steps:
        if isinstance(step, Change):
            await change(library, asset, step)
        elif isinstance(step, int):
            await library.changes.undo(step)
        elif step == "down":
            await stop(server, library)
        elif step == "up":
            server.start()
            await library.sync.sweep()
        else:
            await (library.changes.undo() if step == "undo" else library.changes.redo())
    for entry in (await library.log.kept())[::order]:
        await library.changes.retry(entry.id)
    assert await library.log.kept() == []
    stored = server.store.get(asset)
    assert {name: getattr(stored, name) for name in wanted} == wanted


async def test_a_change_says_what_it_took_the_place_of(
    library: Library, server: DemoServer
) -> None:
    one, two = await read_assets(library, server, 2)
    await stop(server, library)
    await change(library, one, Change(add_tags=("later",)))
    await change(library, two, Change(add_tags=("later",)))
    report = await change(library, one, Change(remove_tags=("later",)))
    assert [(each.asset_id, each.state) for each in report.given_up] == [(one, State.DISCARDED)]
    assert [entry.asset_id for entry in await library.log.kept()] == [two, one]


@pytest.mark.parametrize(
    ("theirs", "what", "state"),
    [
        ({"tags": ("bulk", "SECRET")}, Change(remove_tags=("SECRET",)), State.APPLIED),
        ({"tags": ()}, Change(add_tags=("bulk",)), State.APPLIED),
        ({"tags": ("bulk", "SECRET")}, Change(values={"tags": ("bulk",)}), State.CONFLICT),
        ({"description": "theirs"}, Change(values={"description": ""}), State.CONFLICT),
        ({"archived": True}, Change(archive=False), State.APPLIED),
        ({}, Change(remove_tags=("SECRET",)), State.UNCHANGED),
        ({}, Change(values={"tags": ("bulk",), "description": ""}), State.UNCHANGED),
        ({}, Change(archive=False), State.UNCHANGED),
    ],
)
async def test_what_the_platform_was_not_asked_for_is_not_called_so_already(
    open_session: OpenSession,
    server: DemoServer,
    theirs: Mapping[str, object],
    what: Change,
    state: State,
) -> None:
    (asset,) = many_assets(server, 1)
    async with open_session() as library:
        await library.sync.sweep()
    server.store.update(asset, **theirs)
    server.stop()
    async with open_session() as library:
        await is_down(library)
        report = await change(library, asset, what)
        assert [each.state for each in report.results] == [State.UNSENT]
        server.start()
        resumed = await library.changes.resume(report.batch_id)
        assert [each.state for each in resumed.results] == [state]


async def test_an_old_catalog_is_not_believed_that_a_change_is_not_needed(
    open_session: OpenSession, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = many_assets(server, 12)
    async with open_session() as library:
        await library.sync.sweep()
    for asset in assets:
        server.store.update(asset, tags=("bulk", "SECRET"))
    monkeypatch.setattr("coexplorer.library.context.TRUST_S", 0.0)
    async with open_session() as library:
        plan = await library.changes.plan(
            [AssetId(each) for each in assets], Change(remove_tags=("SECRET",))
        )
        assert all(item.is_unsure for item in plan.todo)
        report = await library.changes.apply(plan)
    assert len(report.of(State.APPLIED)) == 12
    assert all(server.store.get(asset).tags == ("bulk",) for asset in assets)


@pytest.mark.parametrize("trouble", ["killed", "signed out"])
async def test_what_was_not_tried_says_the_real_reason(
    library: Library, server: DemoServer, trouble: str
) -> None:
    count = CONCURRENCY * 2 + 3
    many_assets(server, count)
    await library.sync.sweep()
    plan = await library.changes.plan("tag:bulk", Change(add_tags=("new",)))
    if trouble == "killed":
        server.stop()
    else:
        server.faults.add(401, "*", "**")
    report = await library.changes.apply(plan)
    assert len(report.of(State.UNSENT)) == count
    kinds = {type(each.error) for each in report.results}
    assert len(kinds) == 1, "all ended alike"
    read = await library.changes.report(report.batch_id)
    for each in (*report.results, *read.results):
        assert each.error is not None
        assert "interrupted" not in each.error.message
    untried = [each for each in report.results if "not tried" in str(each.error)]
    assert len(untried) >= count - CONCURRENCY


# --- Undo


async def test_undo_takes_single_tags_back_and_leaves_the_others(
    library: Library, server: DemoServer
) -> None:
    (asset,) = await read_assets(library, server, 1)
    first = await change(library, asset, Change(add_tags=("a1",), remove_tags=("bulk",)))
    await change(library, asset, Change(add_tags=("a2",)))
    server.store.update(asset, tags=(*server.store.get(asset).tags, "theirs"))
    report = await library.changes.undo(first.batch_id)
    assert [(each.state, each.skipped_fields) for each in report.results] == [(State.APPLIED, ())]
    assert set(server.store.get(asset).tags) == {"a2", "theirs", "bulk"}
    await library.changes.undo()
    assert set(server.store.get(asset).tags) == {"theirs", "bulk"}


@pytest.mark.parametrize("with_one_before", [True, False])
async def test_undo_never_takes_an_older_change_for_the_last(
    library: Library, server: DemoServer, *, with_one_before: bool
) -> None:
    one, two = await read_assets(library, server, 2)
    number = 0
    if with_one_before:
        yesterday = await change(library, one, Change(values={"description": "yesterday"}))
        number = yesterday.batch_id
    server.faults.add(403, "PUT", "**")
    today = await change(library, two, Change(add_tags=("today",)))
    server.faults.clear()
    with pytest.raises(UndoRefused, match=f"number {today.batch_id} .*did not go through") as said:
        await library.changes.undo()
    assert f"coexplorer undo {today.batch_id}" in said.value.hint
    if with_one_before:
        assert server.store.get(one).description == "yesterday"
        assert f"coexplorer undo {number} (set description)" in said.value.hint
        given_up = await library.changes.undo(today.batch_id)
        assert [each.withdrawn for each in given_up.results] == [True]
        await library.changes.undo()
        assert server.store.get(one).description == ""


@pytest.mark.parametrize("by_number", [True, False])
@pytest.mark.parametrize("word", [name for name in WORDS if name != "a description as it was"])
async def test_undo_gives_up_what_was_not_sent_and_redo_lets_it_wait_again(
    library: Library, server: DemoServer, word: str, *, by_number: bool
) -> None:
    (asset,) = await read_assets(library, server, 1)
    before = server.store.get(asset)
    await stop(server, library)
    report = await change(library, asset, WORDS[word][0])
    undone = await library.changes.undo(report.batch_id if by_number else None)
    assert [(each.state, each.withdrawn) for each in undone.results] == [(State.APPLIED, True)]
    assert [each.id for each in undone.given_up] == [report.results[0].entry_id]
    assert await library.log.kept() == []
    redone = await library.changes.redo()
    assert [each.is_restored for each in redone.results] == [True]
    server.start()
    assert server.store.get(asset) == before
    (kept,) = await library.log.kept()
    assert (await library.changes.retry(kept.id)).state is State.APPLIED
    after = server.store.get(asset)
    assert after != before
    await library.changes.undo()
    again = server.store.get(asset)
    assert (again.name, again.description, again.tags, again.mount, again.archived) == (
        *(before.name, before.description, before.tags, before.mount, before.archived),
    )


async def test_redo_gives_up_the_undo_that_was_not_sent_and_goes_past_none(
    library: Library, server: DemoServer
) -> None:
    one, two = await read_assets(library, server, 2)
    await change(library, one, Change(add_tags=("older",)))
    await library.changes.undo()
    await change(library, two, Change(values={"description": "newer"}))
    await stop(server, library)
    undo = await library.changes.undo()
    redo = await library.changes.redo()
    assert [each.batch_id for each in redo.given_up] == [undo.batch_id]
    server.start()
    assert await library.log.kept() == []
    assert "older" not in server.store.get(one).tags
    assert server.store.get(two).description == "newer"
    await library.changes.undo()
    assert server.store.get(two).description == ""


async def test_redo_never_takes_an_older_undo_for_the_last(
    library: Library, server: DemoServer
) -> None:
    one, two = await read_assets(library, server, 2)
    await change(library, one, Change(add_tags=("older",)))
    older = await library.changes.undo()
    await change(library, two, Change(values={"description": "mine"}))
    server.store.update(two, description="theirs")
    last = await library.changes.undo()
    assert last.of(State.SKIPPED)
    with pytest.raises(UndoRefused, match=f"the last undo, number {last.batch_id}") as said:
        await library.changes.redo()
    assert f"coexplorer undo {older.batch_id}" in said.value.hint
    assert "older" not in server.store.get(one).tags


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Change(values={"description": "first"}), Change(values={"description": "second"})),
        (Change(values={"name": "first"}), Change(values={"name": "second"})),
        (Change(values={"mount": "first"}), Change(values={"mount": "second"})),
    ],
)
@pytest.mark.parametrize("by", ["me", "a colleague", "me, not sent yet"])
async def test_an_undo_tells_who_changed_a_text_since(
    library: Library, server: DemoServer, first: Change, second: Change, by: str
) -> None:
    (asset,) = await read_assets(library, server, 1)
    done = await change(library, asset, first)
    (field,) = first.values
    if by == "a colleague":
        server.store.update(asset, **second.values)
    else:
        rule = server.faults.add(503, "*", "**") if "not sent" in by else None
        await change(library, asset, second)
        server.faults.clear()
        assert rule is None or await library.log.kept()
    report = await library.changes.undo(done.batch_id)
    (result,) = report.results
    assert result.state is State.SKIPPED
    assert result.error is not None
    told = f"you changed the {field} since (change {done.batch_id + 1})"
    if by == "a colleague":  # who may be the same person, in a browser
        told = f"the {field} was changed elsewhere since"
    assert result.error.message == f"{told}, so it was left alone"
    assert result.asset_name == server.store.get(asset).name


async def test_a_text_that_was_edited_after_a_lost_reply_is_no_conflict_with_oneself(
    library: Library, server: DemoServer
) -> None:
    (asset,) = await read_assets(library, server, 1)
    server.faults.add(FaultKind.LOST, "PUT", "data_assets/*", nth=1)
    server.faults.add(503, "GET", "**", after=1)
    first = await change(library, asset, Change(values={"description": "first"}))
    assert [each.state for each in first.results] == [State.UNKNOWN]
    await stop(server, library)
    await change(library, asset, Change(values={"description": "second"}))
    server.faults.clear()
    server.start()
    assert server.store.get(asset).description == "first"
    for entry in await library.log.kept():
        assert (await library.changes.retry(entry.id)).state is State.APPLIED
    assert server.store.get(asset).description == "second"


async def test_what_waits_is_given_up_with_its_asset(library: Library, server: DemoServer) -> None:
    (asset,) = many_assets(server, 1, archived=True)
    await library.sync.sweep()
    await stop(server, library)
    await change(library, asset, Change(values={"description": "waits"}))
    server.start()
    report = await change(library, asset, Change(delete=True))
    assert [each.action for each in report.given_up] == [Action.EDIT]
    assert await library.log.kept() == []


async def test_undo_gives_up_what_of_the_change_was_not_sent(
    library: Library, server: DemoServer
) -> None:
    ids = await read_assets(library, server, 3)
    plan = await library.changes.plan("tag:bulk", Change(add_tags=("new",)))
    for asset in ids[1:]:
        server.faults.add(503, "*", f"**{asset}")
    report = await library.changes.apply(plan)
    assert (len(report.applied), len(report.waiting)) == (1, 2)
    server.faults.clear()
    undone = await library.changes.undo()
    assert {each.asset_id for each in undone.given_up} == set(ids[1:])
    assert await library.log.kept() == []
    assert [server.store.get(asset).tags for asset in ids] == [("bulk",)] * 3


async def test_what_an_undo_left_alone_is_named_when_it_goes_out_later(
    library: Library, server: DemoServer
) -> None:
    (asset,) = await read_assets(library, server, 1)
    await change(library, asset, Change(values={"description": "mine", "name": "mine"}))
    server.stop()
    await library.changes.undo()
    server.start()
    server.store.update(asset, description="theirs")
    (entry,) = await library.log.kept()
    result = await library.changes.retry(entry.id)
    assert (result.state, result.skipped_fields) == (State.APPLIED, ("description",))
    read = await library.changes.report(entry.batch_id)
    assert [each.skipped_fields for each in read.results] == [("description",)]
