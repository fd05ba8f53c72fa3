"""What arrived without a reply, and a colleague has changed in part since: told part by part."""

import anyio
import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError, Forbidden, Rejected
from coexplorer.fields import Fields
from coexplorer.library import Library
from coexplorer.library.entries import DONE, Entry, State
from coexplorer.models import AssetId
from tests.library.test_settle import leave_unknown
from tests.support.server import OLD, RAW

ID = AssetId(RAW)
PATH = f"data_assets/{RAW}"
MINE: dict[str, object] = {"name": "mine", "description": "mine", "mount": "mine"}
THEIRS: dict[str, dict[str, object]] = {
    "tags": {"tags": ()},
    "description": {"description": "theirs"},
    "name": {"name": "theirs"},
    "mount": {"mount": "theirs"},
    "two": {"tags": ("theirs",), "name": "theirs"},
    "three": {"name": "theirs", "description": "theirs", "mount": "theirs"},
}
CASES = pytest.mark.parametrize("what", THEIRS)


def build_mine(base: Fields) -> Fields:
    return msgspec.structs.replace(base, tags=(*base.tags, "lost"), **MINE)


async def arrive_unheard(library: Library, server: DemoServer, what: str) -> tuple[Fields, Entry]:
    """Let an edit of four fields arrive, lose its reply, and let a colleague change some."""
    base = (await library.platform.fetch(ID)).asset.fields
    await leave_unknown(
        server, "after", "PUT", lambda: library.changes.edit(ID, base, build_mine(base))
    )
    theirs = dict(THEIRS[what])
    if "tags" in theirs:
        theirs["tags"] = tuple({*base.tags, *server.store.get(RAW).tags} - {"lost"})
    server.store.update(RAW, **theirs)
    (entry,) = await library.log.unsent()
    assert entry.state is State.UNKNOWN
    return base, entry


def ensure_taken_back(server: DemoServer, base: Fields, what: str) -> None:
    """Check that what is the colleague's stays, and the rest is as before the edit."""
    stored = server.store.get(RAW)
    assert "lost" not in stored.tags
    for name in MINE:
        wanted = THEIRS[what].get(name, getattr(base, name))
        assert getattr(stored, name) == wanted, name


@CASES
async def test_undo_takes_back_what_is_still_mine_and_names_the_rest(
    library: Library, server: DemoServer, what: str
) -> None:
    base, entry = await arrive_unheard(library, server, what)
    plan = await library.changes.plan_undo(entry.batch_id)
    assert len(plan.items) == 1
    report = await library.changes.undo()
    assert report.given_up == ()
    (result,) = report.results
    assert result.state is State.APPLIED
    assert set(result.skipped_fields) == THEIRS[what].keys() - {"tags"}
    ensure_taken_back(server, base, what)


@CASES
async def test_retry_sends_nothing_and_it_can_be_undone(
    library: Library, server: DemoServer, what: str
) -> None:
    base, entry = await arrive_unheard(library, server, what)
    before = server.store.get(RAW)
    assert (await library.changes.retry(entry.id)).state is State.APPLIED
    assert len(server.requests("PUT")) == 1
    assert server.store.get(RAW) == before
    await library.changes.undo()
    ensure_taken_back(server, base, what)


@CASES
async def test_resume_sends_nothing(library: Library, server: DemoServer, what: str) -> None:
    _, entry = await arrive_unheard(library, server, what)
    (result,) = (await library.changes.resume(entry.batch_id)).results
    assert result.state is State.APPLIED
    assert len(server.requests("PUT")) == 1


@CASES
@pytest.mark.parametrize("whole", [False, True], ids=["entry", "batch"])
async def test_discard_leaves_it_to_undo(
    library: Library,
    server: DemoServer,
    what: str,
    whole: bool,  # noqa: FBT001 # a case
) -> None:
    base, entry = await arrive_unheard(library, server, what)
    if whole:
        assert await library.changes.discard_batch(entry.batch_id) == 0
    else:
        assert (await library.changes.discard(entry.id)).state is State.APPLIED
    assert await library.log.kept() == []
    await library.changes.undo()
    ensure_taken_back(server, base, what)


@pytest.mark.parametrize("whole", [False, True], ids=["entry", "batch"])
async def test_discard_of_what_nobody_can_tell_keeps_it(
    library: Library,
    server: DemoServer,
    whole: bool,  # noqa: FBT001 # a case
) -> None:
    base, entry = await arrive_unheard(library, server, "tags")
    rule = server.faults.add(403, "GET", PATH)
    with pytest.raises(ApiError) as caught:
        await (
            library.changes.discard_batch(entry.batch_id)
            if whole
            else library.changes.discard(entry.id)
        )
    assert "may have arrived" in caught.value.hint
    assert [each.state for each in await library.log.kept()] == [State.UNKNOWN]
    server.faults.remove(rule)
    await library.changes.undo()
    ensure_taken_back(server, base, "tags")


async def test_discard_of_what_did_not_arrive_gives_it_up(
    library: Library, server: DemoServer
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    await leave_unknown(
        server, "before", "PUT", lambda: library.changes.edit(ID, base, build_mine(base))
    )
    (entry,) = await library.log.unsent()
    assert (await library.changes.discard(entry.id)).state is State.DISCARDED
    assert await library.log.kept() == []
    assert not server.requests("PUT") or "lost" not in server.store.get(RAW).tags


@CASES
async def test_newer_edit_leaves_it_to_undo(
    library: Library, server: DemoServer, what: str
) -> None:
    base, entry = await arrive_unheard(library, server, what)
    now = (await library.platform.fetch(ID)).asset.fields
    newer = msgspec.structs.replace(now, tags=(*now.tags, "newer"))
    assert (await library.changes.edit(ID, now, newer)).state is State.APPLIED
    assert await library.log.kept() == []
    await library.changes.undo(entry.batch_id)
    ensure_taken_back(server, base, what)
    assert "newer" in server.store.get(RAW).tags


@CASES
async def test_colleague_is_faster_than_the_look_after_a_lost_reply(
    library: Library, server: DemoServer, what: str
) -> None:
    """Within one edit, too: nothing is sent again over what a colleague took away."""
    base = (await library.platform.fetch(ID)).asset.fields
    server.faults.add("lost", "PUT", PATH, nth=1)
    await_look = server.hooks.before("GET", f"*/{RAW}")
    results = []

    async def edit() -> None:
        results.append(await library.changes.edit(ID, base, build_mine(base)))

    async with anyio.create_task_group() as group:
        group.start_soon(edit)
        await await_look.arrived()  # the look before the write
        look = server.hooks.before("GET", f"*/{RAW}")
        await_look.release()
        await look.arrived()  # the look after it
        theirs = dict(THEIRS[what])
        if "tags" in theirs:
            theirs["tags"] = base.tags
        server.store.update(RAW, **theirs)
        look.release()
    (result,) = results
    assert result.state is State.APPLIED
    assert set(result.differs) == THEIRS[what].keys()
    assert len(server.requests("PUT")) == 1
    report = await library.changes.undo()
    assert set(report.results[0].skipped_fields) == THEIRS[what].keys() - {"tags"}
    ensure_taken_back(server, base, what)


@pytest.mark.parametrize("first", [429, 503])
@pytest.mark.parametrize("then", [400, 403])
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT"])
async def test_what_is_refused_for_good_after_a_wait_is_refused(
    library: Library, server: DemoServer, first: int, then: int, method: str
) -> None:
    await library.sync.sweep()
    old = AssetId(OLD)
    base = (await library.platform.fetch(old)).asset.fields
    writes = {
        "DELETE": lambda: library.changes.delete(old),
        "PATCH": lambda: library.changes.archive(old, archived=False),
        "PUT": lambda: library.changes.edit(old, base, msgspec.structs.replace(base, name="mine")),
    }
    server.faults.add(first, method, nth=1, retry_after=0)
    struck = server.faults.add(then, method, after=1)
    with pytest.raises((Forbidden, Rejected)):
        await writes[method]()
    assert struck.struck == 1
    assert [each.state for each in await library.log.kept()] == [State.REFUSED]
    assert await library.log.unsent() == []


@pytest.mark.parametrize("then", [400, 403])
async def test_delete_that_was_done_before_it_was_refused_is_done(
    library: Library, server: DemoServer, then: int
) -> None:
    await library.sync.sweep()
    server.faults.add("lost", "DELETE", nth=1)
    server.faults.add(then, "DELETE", after=1)
    assert (await library.changes.delete(AssetId(OLD))).state in DONE
    assert await library.log.kept() == []


@pytest.mark.parametrize("then", [400, 403])
async def test_delete_stays_unknown_where_no_look_tells(
    library: Library, server: DemoServer, then: int
) -> None:
    await library.sync.sweep()
    server.faults.add(503, "DELETE", nth=1, retry_after=0)
    server.faults.add(then, "DELETE", after=1)
    # It is read before it is deleted, and before it is deleted again.
    look = server.faults.add(403, "GET", f"data_assets/{OLD}", after=2)
    with pytest.raises((Forbidden, Rejected)):
        await library.changes.delete(AssetId(OLD))
    assert look.struck
    assert [each.state for each in await library.log.unsent()] == [State.UNKNOWN]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("check", [True, False])
async def test_a_newer_text_never_replaces_one_that_may_have_arrived(
    library: Library, server: DemoServer, moment: str, *, check: bool
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    mine = build_mine(base)
    await leave_unknown(server, moment, "PUT", lambda: library.changes.edit(ID, base, mine))
    (entry,) = await library.log.unsent()
    newer = msgspec.structs.replace(mine, name="newer")
    assert not await library.changes.amend(entry.id, base, newer, check=check)
    assert (await library.log.unsent()) == [entry], "nobody has looked yet"
    await library.changes.edit(ID, base, newer)
    assert server.store.get(RAW).name == "newer"
    for kept in await library.log.kept():
        await library.changes.retry(kept.id)
    assert server.store.get(RAW).name == "newer", "the older text has not come back"
    # Each of them is taken back by its own undo, back to what was there before.
    while await library.log.undoable() is not None:
        await library.changes.undo()
    assert server.store.get(RAW).name == base.name


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_newer_text_is_kept_beside_one_that_nobody_can_judge(
    library: Library, server: DemoServer, *, arrived: bool
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    mine = build_mine(base)
    await leave_unknown(
        server,
        "after" if arrived else "before",
        "PUT",
        lambda: library.changes.edit(ID, base, mine),
    )
    (entry,) = await library.log.unsent()
    newer = msgspec.structs.replace(mine, name="newer")
    server.stop()
    assert not await library.changes.amend(entry.id, base, newer)
    with pytest.raises(ApiError):
        await library.changes.edit(ID, base, newer)
    assert len(await library.log.kept()) == 2
    server.start()
    for each in await library.log.kept():
        await library.changes.retry(each.id)
    assert server.store.get(RAW).name == "newer"
    # What did not arrive, and the newer text does not have, stays until somebody gives it up.
    left = [(each.id, each.state) for each in await library.log.kept()]
    assert left == ([] if arrived else [(entry.id, State.REFUSED)])
