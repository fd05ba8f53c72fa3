"""Sharing through the one write path: one asset, many, two people at once."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from coexplorer.demo.guesses import Guesses, Unknown
from coexplorer.demo.people import PEOPLE
from coexplorer.demo.server import DemoServer
from coexplorer.errors import Conflict, NotFound, Refused, UndoRefused
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.field_diffs import FieldDiff
from coexplorer.library.results import BatchReport, EditResult
from coexplorer.library.share_plans import LOSES, allow_losses, list_losses
from coexplorer.models import AssetId
from coexplorer.sharing.changes import SharingChange
from coexplorer.sharing.roles import EVERYONE, NONE, Sharing
from tests.library.conftest import OpenSession, many_assets
from tests.support.server import DERIVED, RAW, VIEWED, running_server

MAYA, JONAS, PRIYA = (email for email, _ in PEOPLE)
ID = AssetId(RAW)
POST = ("POST", "*/permissions")


def change(*removals: str, gives_up: bool = False, **roles: str) -> Change:
    """Return a change; ``jonas="viewer"`` is a user, ``Imaging="viewer"`` a group."""
    users = {"jonas": f"user {JONAS}", "priya": f"user {PRIYA}", "maya": f"user {MAYA}"}
    named = {
        EVERYONE if name == EVERYONE else users.get(name, f"group {name}"): role
        for name, role in roles.items()
    }
    return Change(sharing=SharingChange(named, removals, gives_up))


async def share(library: Library, wanted: Change, *ids: str) -> BatchReport:
    assets = [AssetId(each) for each in ids or (RAW,)]
    plan = await library.changes.plan(assets, wanted)
    return await library.changes.apply(plan)


async def read(library: Library, asset: str = RAW) -> Sharing:
    seen = (await library.platform.sharing([AssetId(asset)]))[AssetId(asset)]
    assert isinstance(seen, Sharing)
    return seen


def only(report: BatchReport) -> EditResult:
    (result,) = report.results
    return result


async def test_access_is_given_changed_and_taken_away_and_all_of_it_undone(
    library: Library, server: DemoServer
) -> None:
    before = await read(library)
    first = only(await share(library, change(everyone="viewer", jonas="viewer", Imaging="editor")))
    assert (first.state, first.lacking) == (State.APPLIED, "")
    assert first.changed == (EVERYONE, f"user {JONAS}", "group Imaging")
    assert await read(library) == Sharing(
        {MAYA: "owner", JONAS: "viewer"}, {"Imaging": "editor"}, "viewer"
    )
    only(await share(library, change("imaging", "Imaging", jonas="editor", everyone=NONE)))
    assert await read(library) == Sharing({MAYA: "owner", JONAS: "editor"})
    assert only(await library.changes.undo()).state is State.APPLIED
    assert (await read(library)).groups == {"Imaging": "editor"}
    assert only(await library.changes.redo()).state is State.APPLIED
    assert await read(library) == Sharing({MAYA: "owner", JONAS: "editor"})
    await library.changes.undo()
    await library.changes.undo(first.batch_id)
    assert await read(library) == before
    assert server.requests("PUT") == []


async def test_a_plan_says_what_becomes_of_each_and_leaves_out_what_is_so_already(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    await share(library, change(everyone="viewer", jonas="viewer"))
    plan = await library.changes.plan(
        [ID, AssetId(DERIVED)], change(everyone="viewer", jonas="editor")
    )
    assert plan.title == f"share with everyone as viewer; share with {JONAS} as editor"
    assert [item.diff for item in plan.items] == [
        (FieldDiff(f"user {JONAS}", "viewer", "editor"),),
        (FieldDiff(EVERYONE, NONE, "viewer"),),
    ]
    assert [diff.title for diff in plan.items[0].diff] == [JONAS]
    plan = await library.changes.plan([ID], change(everyone="viewer"))
    assert [(item.reason, item.needless) for item in plan.items] == [("already set", True)]
    posts = len(server.requests(*POST))
    assert only(await library.changes.apply(plan)).needless
    assert len(server.requests(*POST)) == posts


@pytest.mark.parametrize("guess", ["refuse", "ignore"])
async def test_who_is_not_known_there_is_named_whatever_the_platform_does_with_them(
    library: Library, server: DemoServer, guess: Unknown
) -> None:
    server.guesses = Guesses(unknown_group=guess, unknown_user=guess)
    alone = only(await share(library, change(Nobodies="viewer")))
    assert alone.state is State.REFUSED
    assert "Nobodies" in str(alone.error)
    both = only(await share(library, change(Nobodies="viewer", everyone="viewer")))
    if guess == "refuse":
        assert both.state is State.REFUSED
        assert (await read(library)).everyone == NONE
        return
    assert both.state is State.APPLIED
    assert both.lacking == "Nobodies is not known there"
    assert both.changed == (EVERYONE,)
    told = await library.changes.report(both.batch_id)
    assert only(told).lacking == "Nobodies is not known there"  # the log knows it, too
    assert only(told).changed == (EVERYONE,)
    await library.changes.undo()
    assert await read(library) == Sharing({MAYA: "owner"})


async def test_where_lists_are_added_to_what_was_not_taken_away_is_told(
    library: Library, server: DemoServer
) -> None:
    server.guesses = Guesses(permissions="add", empty_permissions="left out")
    await share(library, change(jonas="viewer"))
    result = only(await share(library, change(JONAS)))
    assert result.state is State.UNKNOWN
    assert str(result.error).endswith(f"is saved, but {JONAS} still has the role viewer")


async def test_an_address_is_sent_as_the_platform_spells_it(library: Library) -> None:
    await share(library, change(jonas="viewer"), RAW)
    shouted = Change(sharing=SharingChange({f"user {JONAS.upper()}": "editor"}))
    report = await share(library, shouted, RAW, DERIVED)
    assert [result.lacking for result in report.results] == ["", ""]
    for asset in (RAW, DERIVED):
        assert (await read(library, asset)).users == {MAYA: "owner", JONAS: "editor"}


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ({"jonas": "viewer"}, f"{JONAS} still has no access, not the role viewer"),
        ({"everyone": "viewer"}, "everyone still has no access, not the role viewer"),
        ({"Imaging": "editor"}, "Imaging still has the role viewer, not the role editor"),
        ({"Imaging": NONE}, "Imaging still has the role viewer"),
    ],
)
async def test_a_yes_to_nothing_is_no_word_about_the_name(
    library: Library, server: DemoServer, roles: dict[str, str], told: str
) -> None:
    """Something in between may have answered: nobody says then that a name is not known."""
    await share(library, change(Imaging="viewer"))
    rule = server.faults.add("ignore", "POST", "data_assets/*/permissions")
    wanted = change(**roles)  # type: ignore[arg-type]
    result = only(await share(library, wanted))
    is_new = "jonas" in roles  # who may not be known there: that is not sent again for ever
    assert result.state is (State.REFUSED if is_new else State.UNKNOWN)
    assert str(result.error) == f"the platform answered that this is saved, but {told}"
    assert result.error is not None
    assert "a proxy in between may have answered" in result.error.hint
    if not is_new:
        (settled,) = await library.changes.settle()
        assert settled.state is State.UNSENT
        assert settled.reason == "the platform answered that this is saved, but shows nothing of it"
    (kept,) = await library.log.kept()
    server.faults.remove(rule)
    await library.changes.retry(kept.id)
    assert await library.log.kept() == []
    now = await read(library)
    assert wanted.sharing is not None
    assert {each: now.role_of(each) for each in wanted.sharing.roles} == wanted.sharing.roles


async def test_two_people_at_once_keep_both_changes(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as mine, open_session("colleague") as theirs:
        await share(mine, change(jonas="owner"))
        # Theirs was read before mine is sent, and goes over it afterwards.
        with server.hooks.before(*POST) as late, server.hooks.after(*POST) as early:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(share, theirs, change(Imaging="viewer"))
                await late.arrived()
                tasks.start_soon(share, mine, change(everyone="viewer"))
                await early.arrived()
                late.release()
                await anyio.to_thread.run_sync(
                    partial(server.log.wait_for, 2, *POST, answered=True)
                )
                early.release()
        now = await read(mine)
        assert (now.everyone, now.groups) == ("viewer", {"Imaging": "viewer"})
        plan = await mine.changes.plan([ID], change(priya="viewer"))
        await share(theirs, change(Electrophysiology="viewer"))
        assert only(await mine.changes.apply(plan)).state is State.APPLIED
        now = await read(mine)
        assert now.groups.keys() >= {"Electrophysiology"}
        assert now.users == {MAYA: "owner", JONAS: "owner", PRIYA: "viewer"}


async def test_the_same_member_changed_by_both_is_a_conflict_and_nothing_is_sent(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as mine, open_session("colleague") as theirs:
        await share(mine, change(jonas="owner"))
        plan = await mine.changes.plan([ID], change(priya="viewer", everyone="viewer"))
        await share(theirs, change(priya="editor"))
        posts = len(server.requests(*POST))
        result = only(await mine.changes.apply(plan))
        assert result.state is State.CONFLICT
        assert str(result.error) == f"{PRIYA} was given editor elsewhere, not viewer"
        assert len(server.requests(*POST)) == posts
        (kept,) = await mine.log.unsent()
        await mine.changes.discard(kept.id)
        # What was done to another member since is not undone; what was done to this one is left.
        await share(mine, change(priya="viewer"))
        await share(theirs, change(priya="owner", Imaging="viewer"))
        undone = only(await mine.changes.undo())
        assert undone.state is State.SKIPPED
        assert undone.skipped_fields == (f"user {PRIYA}",)
        told = f"the role of {PRIYA} was changed since, so it was left alone"
        assert str(undone.error) == told
        assert (await read(mine)).groups == {"Imaging": "viewer"}


@pytest.mark.parametrize(("fault", "posts"), [("lost", 1), (502, 2)])
async def test_a_lost_reply_is_judged_by_reading_back(
    library: Library, server: DemoServer, fault: str | int, posts: int
) -> None:
    server.faults.add(fault, "POST", "data_assets/*/permissions", times=1)
    assert only(await share(library, change(everyone="viewer"))).state is State.APPLIED
    assert len(server.requests(*POST)) == posts
    assert (await read(library)).everyone == "viewer"
    await library.changes.undo()
    assert (await read(library)).everyone == NONE


@pytest.mark.parametrize("arrives", [True, False])
async def test_what_is_cut_off_is_settled_by_a_look_and_retried(
    library: Library, server: DemoServer, *, arrives: bool
) -> None:
    plan = await library.changes.plan([ID], change(everyone="viewer"))
    gate = (server.hooks.after if arrives else server.hooks.before)(*POST)
    with gate:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(library.changes.apply, plan)
            await gate.arrived()
            tasks.cancel_scope.cancel()
    server.requests(*POST)
    (kept,) = await library.log.kept()
    assert kept.state is State.UNKNOWN
    if arrives:
        (settled,) = await library.changes.settle()
        assert settled.state is State.APPLIED
    else:
        await library.changes.retry(kept.id)
    assert (await read(library)).everyone == "viewer"
    assert await library.log.kept() == []
    await library.changes.undo(kept.batch_id)
    assert (await read(library)).everyone == NONE


async def test_a_refusal_names_its_cause(
    open_session: OpenSession, library: Library, server: DemoServer
) -> None:
    viewed = only(await share(library, change(priya="viewer"), VIEWED))
    assert viewed.state is State.REFUSED
    assert "only an owner" in str(viewed.error)
    assert "owner" in viewed.error.hint if viewed.error else False
    server.faults.add(
        403,
        "POST",
        "data_assets/*/permissions",
        times=1,
        message="The access token doesn't have permissions to perform the request",
    )
    scope = only(await share(library, change(everyone="viewer")))
    assert scope.state is State.REFUSED
    assert str(scope.error).startswith("your token may not do this")
    assert scope.error is not None
    assert "owner" not in scope.error.hint
    async with open_session("colleague") as theirs:
        with pytest.raises(NotFound):
            await share(theirs, change(everyone="viewer"))


async def test_nobody_loses_their_own_right_unless_they_say_so(
    library: Library, server: DemoServer
) -> None:
    await share(library, change(jonas="owner"))
    server.store.update(RAW, owner=JONAS, roles={MAYA: "owner"})  # who made it stays an owner
    posts = len(server.requests(*POST))
    wanted = change(MAYA)
    plan = await library.changes.plan([ID], wanted)
    assert [item.note for item in plan.items] == [LOSES]
    refused = only(await library.changes.apply(plan))
    assert (refused.state, str(refused.error)) == (State.SKIPPED, LOSES)
    assert len(server.requests(*POST)) == posts
    assert len(list_losses(plan)) == 1
    assert only(await library.changes.apply(allow_losses(plan))).state is State.APPLIED
    assert await library.assets.record(ID) is None  # it is not theirs to see any more


async def test_of_two_changes_that_wait_the_later_has_the_last_word(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    server.faults.add(503, "*", "data_assets/*/permissions", times=100)
    first = await share(library, change(everyone="viewer", jonas="viewer"))
    assert only(first).state is State.UNSENT
    second = await share(library, change(jonas="editor"))
    assert only(second).state is State.UNSENT
    server.faults.clear()
    for entry in await library.log.unsent():
        await library.changes.retry(entry.id)
    assert await read(library) == Sharing({MAYA: "owner", JONAS: "editor"}, {}, "viewer")


async def test_entries_that_nobody_understands_are_not_lost(
    library: Library, server: DemoServer
) -> None:
    server.faults.add(
        200,
        "GET",
        "data_assets/*/permissions",
        times=2,
        body='{"users":[{"id":7,"role":"viewer"}],"groups":[],"everyone":"none"}',
    )
    result = only(await share(library, change(everyone="viewer")))
    assert result.state is State.SKIPPED
    assert "that coexplorer does not know" in str(result.error)
    assert server.requests(*POST) == []


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize("way", ["retry", "resume", "redo"])
async def test_what_waited_goes_over_nothing_that_was_given_meanwhile(
    library: Library, server: DemoServer, way: str, *, is_read: bool
) -> None:
    ids = many_assets(server, 5)
    await library.sync.sweep()
    path, methods = "data_assets/*/permissions", ["POST"] if is_read else ["POST", "GET"]
    rules = [server.faults.add(503, each, path, times=999) for each in methods]
    wanted = change("Imaging", everyone="discoverable", jonas="viewer")
    for each in (ids[2], ids[4]):
        server.store.update(each, groups={"Imaging": "viewer"})
    report = await share(library, wanted, *ids)
    assert not report.applied
    for rule in rules:
        server.faults.remove(rule)
    server.store.update(ids[0], roles={JONAS: "owner"})
    server.store.update(ids[1], everyone="viewer")
    server.store.update(ids[2], groups={"Imaging": "editor"})
    given = {each: server.store.get(each) for each in ids}
    if way == "redo":
        await library.changes.undo()
        await library.changes.redo()
    if way == "resume":
        await library.changes.resume(report.batch_id)
    for entry in await library.log.kept():
        with contextlib.suppress(Conflict):
            await library.changes.retry(entry.id)
    now = {each: server.store.get(each) for each in ids}
    assert now[ids[0]].roles == {JONAS: "owner"}
    assert now[ids[1]].everyone == "viewer"
    assert now[ids[2]].groups == {"Imaging": "editor"}
    # Who could see the last one before is no surprise, if that could be read.
    assert now[ids[4]].groups == ({} if is_read else {"Imaging": "viewer"})
    assert (now[ids[3]].roles, now[ids[3]].everyone) == ({JONAS: "viewer"}, "discoverable")
    if way != "redo":  # which leaves alone what is not as it was, and does the rest
        kept = await library.log.kept()
        left = {entry.asset_id for entry in kept}
        assert left == {*ids[:3], *([] if is_read else ids[4:])}
        assert {entry.state for entry in kept} == {State.CONFLICT}
        assert {each: now[each] for each in left} == {each: given[each] for each in left}


async def test_many_are_shared_stopped_gone_on_with_and_undone(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 40)
    await library.sync.sweep()
    plan = await library.changes.plan("tag:bulk", change(everyone="viewer"))
    done = 0

    def stopping() -> bool:
        nonlocal done
        done += 1
        return done > 15

    report = await library.changes.apply(plan, stopping=stopping)
    assert 15 <= len(report.applied) < len(ids)
    assert len(report.stopped) == len(ids) - len(report.applied)
    await library.changes.resume(report.batch_id)
    assert {server.store.get(each).everyone for each in ids} == {"viewer"}
    undo = await library.changes.plan_undo()
    assert {item.diff for item in undo.todo} == {(FieldDiff(EVERYONE, "viewer", NONE),)}
    assert len((await library.changes.apply(undo)).applied) == len(ids)
    assert {server.store.get(each).everyone for each in ids} == {NONE}


async def test_what_no_longer_fits_its_query_is_left_out(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 2)
    await library.sync.sweep()
    plan = await library.changes.plan("tag:bulk", change(everyone="viewer"))
    server.store.update(ids[0], tags=("private",))
    report = await library.changes.apply(plan)
    assert [each.asset_id for each in report.outdated] == [ids[0]]
    assert server.store.get(ids[0]).everyone == NONE
    assert server.store.get(ids[1]).everyone == "viewer"


class TestBefore43:
    """A platform that does not tell who can see an asset."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[DemoServer]:
        with running_server(tmp_path / "server", "current", version=(4, 2)) as running:
            yield running

    async def test_access_can_be_given_with_a_warning_but_not_undone(
        self, library: Library, server: DemoServer
    ) -> None:
        await library.sync.sweep()
        plan = await library.changes.plan([ID], change(everyone="viewer"))
        assert "does not tell who can see an asset" in plan.caution
        report = await library.changes.apply(plan)
        assert only(report).state is State.APPLIED
        assert server.store.get(RAW).everyone == "viewer"
        with pytest.raises(UndoRefused, match="can't be undone"):
            await library.changes.undo()
        assert len(server.requests(*POST)) == 1

    @pytest.mark.parametrize("wanted", [change(JONAS), change(everyone=NONE)])
    async def test_nothing_is_taken_away_unseen(
        self, library: Library, server: DemoServer, wanted: Change
    ) -> None:
        await library.sync.sweep()
        with pytest.raises(Refused, match="no access can be taken away"):
            await library.changes.plan([ID], wanted)
        assert server.requests(*POST) == []

    async def test_a_lost_reply_is_sent_again_as_that_does_no_harm(
        self, library: Library, server: DemoServer
    ) -> None:
        await library.sync.sweep()
        server.faults.add("lost", "POST", "data_assets/*/permissions", times=1)
        assert only(await share(library, change(jonas="viewer"))).state is State.APPLIED
        assert JONAS in server.store.get(RAW).roles
