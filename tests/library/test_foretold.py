"""A preview of an undo or redo says what it does: in any history, the platform up or down."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from coexplorer.cli.outcomes import summarize
from coexplorer.cli.retry import is_open
from coexplorer.demo.server import DemoServer
from coexplorer.errors import UndoRefused
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import KEPT, Purpose, State
from coexplorer.library.plans import Plan, PlanItem
from coexplorer.library.results import BatchReport, EditResult
from coexplorer.models import AssetId
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession, many_assets
from tests.library.test_own_words import Person

STEPS = 12


class Foretold:
    """A library that says beforehand what each undo and redo will do, and must be right."""

    def __init__(self, library: Library, server: DemoServer) -> None:
        self._library = library
        self._server = server
        self.log, self.sync, self.platform = library.log, library.sync, library.platform
        self.changes = self

    def __getattr__(self, name: str) -> object:
        return getattr(self._library.changes, name)

    async def undo(self, batch_id: int | None = None) -> BatchReport:
        return await self._check(
            batch_id, Purpose.UNDO, lambda: self._library.changes.undo(batch_id)
        )

    async def redo(self) -> BatchReport:
        return await self._check(None, Purpose.REDO, self._library.changes.redo)

    async def _check(
        self,
        batch_id: int | None,
        purpose: Purpose,
        do: Callable[[], Awaitable[BatchReport]],
    ) -> BatchReport:
        before = await self._library.log.entries(limit=1000)
        try:
            plan = await self._library.changes.plan_undo(batch_id, purpose=purpose)
        except UndoRefused as foretold:
            said = (foretold.message, foretold.hint)
            with pytest.raises(UndoRefused) as refused:
                await do()
            if said != (refused.value.message, refused.value.hint):
                pytest.fail(f"{said} was foretold, not {refused.value}")
            await self._follow(foretold.hint)
            raise
        after = await self._library.log.entries(limit=1000)
        assert {e.id for e in after} == {e.id for e in before}, "a preview writes nothing"
        report = await do()
        number = (await self._library.log.batch(report.batch_id)).reverses
        assert (plan.title, plan.about) == (report.title, number)
        self._compare(plan, report)
        is_redone = (await self._library.log.batch(number or 0)).purpose is Purpose.UNDO
        again = f"coexplorer undo {report.batch_id}"
        await self._follow(summarize(report, again if is_redone else "coexplorer redo"))
        if not is_redone and "coexplorer redo" in summarize(report, "coexplorer redo"):
            redone = await self._library.changes.plan_undo(purpose=Purpose.REDO)
            assert redone.about == report.batch_id
        return report

    async def _follow(self, said: str) -> None:
        """Check that what a hint names can be done."""
        for number in map(int, re.findall(r"coexplorer undo (\d+)", said)):
            assert (await self._library.changes.plan_undo(number)).todo, said
        for number in map(int, re.findall(r"coexplorer retry --batch (\d+)", said)):
            batch = await self._library.log.batch(number)
            assert is_open(batch, refused=False), said

    def _compare(self, plan: Plan, report: BatchReport) -> None:
        results = {result.asset_id: result for result in report.results}
        for item in plan.items:
            last = [each for each in plan.items if each.asset_id == item.asset_id][-1]
            if item is last:
                self._compare_one(item, results[item.asset_id])
        assert {each.id for each in plan.given_up} <= {each.id for each in report.given_up}

    def _compare_one(self, item: PlanItem, result: EditResult) -> None:
        why = f"{item} and {result}"
        if item.waits:
            assert result.state is State.UNSENT, why
        elif item.restores:
            assert result.is_restored, why
        elif item.withdraws:
            assert result.withdrawn, why
        elif item.needless:
            assert result.state is State.UNCHANGED, why
        elif item.reason:
            assert result.state is State.SKIPPED, why
            assert result.error is not None
            assert result.error.message == item.reason, why
        else:
            assert (result.state, result.withdrawn) == (State.APPLIED, False), why
            assert bool(item.note) == bool(result.skipped_fields), why
            if item.diff:
                stored = self._server.store.get(item.asset_id)
                assert set(stored.tags) == set(item.mine.tags), why
                assert stored.name == item.mine.name, why
                assert (stored.description or "") == (item.mine.description or ""), why


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("seed", range(100, 130))
async def test_a_preview_says_what_will_be_done(
    library: Library, server: DemoServer, seed: int
) -> None:
    await library.sync.sweep()
    person = Person(cast("Library", Foretold(library, server)), server, seed)
    await library.sync.sweep()
    for _ in range(STEPS):
        await person.step()
    await person.end()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("seed", range(200, 220))
async def test_counts_add_up_in_any_history(
    library: Library, server: DemoServer, seed: int
) -> None:
    await library.sync.sweep()
    person = Person(library, server, seed)
    await library.sync.sweep()
    for _ in range(STEPS):
        await person.step()
        for batch in await library.log.batches():
            entries = await library.log.entries_of(batch.id, limit=1000)
            assert batch.total == len(entries)
            assert batch.undone == sum(each.was_undone for each in entries)
            assert 0 <= batch.standing <= batch.counts.get(State.APPLIED, 0), batch
            assert sum(batch.given_up.values()) == sum(e.outcome == "given_up" for e in entries)
            assert batch.kept == sum(each.state in KEPT for each in entries)
            told = [int(word.replace(",", "")) for word in _numbers(batch.outcome)]
            assert sum(told) == batch.total, batch.outcome
            report = await library.changes.report(batch.id)
            assert len(report.results) == len({each.asset_id for each in entries})
            parts = (report.applied, report.failed, report.skipped, report.of(State.DISCARDED))
            assert sum(map(len, parts)) == len(report.results)
    await person.end()


def _numbers(outcome: str) -> list[str]:
    """Return the counts of an outcome, but for how many were undone."""
    words = outcome.replace(";", "").partition(" (")
    rest = words[2].partition(")")[2]
    return [word for word in f"{words[0]} {rest}".split() if word.replace(",", "").isdigit()]


async def test_a_preview_sees_what_others_did(
    open_session: OpenSession, server: DemoServer
) -> None:
    """Overwritten, in part or wholly, deleted, archived, or so already: each is foretold."""
    ids = [AssetId(each) for each in many_assets(server, 6)]
    async with open_session() as library:
        await library.sync.sweep()
        change = Change(values={"description": "mine"}, add_tags=("new",))
        await library.changes.apply(await library.changes.plan(parse_query("tag:bulk"), change))
        server.store.update(ids[0], description="theirs")
        server.store.update(ids[1], description="theirs", tags=("bulk",))
        server.store.delete(ids[2])
        server.store.update(ids[3], description="", tags=("bulk",))
        foretold = Foretold(library, server)
        plan = await library.changes.plan_undo()
        notes = {item.asset_id: item for item in plan.items}
        assert "description" in notes[ids[0]].note
        assert notes[ids[1]].reason
        assert notes[ids[2]].reason
        assert notes[ids[3]].needless
        assert len(plan.todo) == 3
        await foretold.undo()
        await foretold.redo()


@pytest.mark.parametrize("archived", [True, False])
async def test_a_preview_of_archiving_sees_what_others_did(
    library: Library, server: DemoServer, *, archived: bool
) -> None:
    ids = [AssetId(each) for each in many_assets(server, 3, archived=not archived)]
    await library.sync.sweep()
    await library.changes.apply(await library.changes.plan(ids, Change(archive=archived)))
    server.store.update(ids[0], archived=not archived)
    server.store.delete(ids[1])
    foretold = Foretold(library, server)
    assert len((await library.changes.plan_undo()).todo) == 1
    await foretold.undo()


async def test_a_redo_and_its_preview_mean_the_same_undo(
    library: Library, server: DemoServer
) -> None:
    """Of an undo that was left out wholly, and an older one that was not."""
    first, second = (AssetId(each) for each in many_assets(server, 2))
    await library.sync.sweep()
    one = await library.changes.apply(
        await library.changes.plan([first], Change(values={"description": "a"}))
    )
    two = await library.changes.apply(
        await library.changes.plan([second], Change(values={"description": "b"}))
    )
    await library.changes.undo(one.batch_id)
    server.store.update(second, description="theirs")
    assert not (await library.changes.undo(two.batch_id)).applied
    foretold = Foretold(library, server)
    report = await foretold.redo()  # an undo that did nothing hides no other
    assert [(each.asset_id, each.state) for each in report.results] == [(first, State.APPLIED)]
    assert server.store.get(first).description == "a"
    with pytest.raises(UndoRefused, match="there is nothing to redo"):
        await foretold.redo()
