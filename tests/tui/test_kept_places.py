"""Rows that stay where they are after an edit."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.models import AssetId
from coexplorer.query import Query, SortKey
from coexplorer.tui.feeds.kept_places import MOST, KeptPlaces, Places
from tests.support.tui import Running, running_app
from tests.tui.test_pure import make_row

LIST = Query()


def locate(keeping: KeptPlaces, order: list[AssetId], query: Query = LIST) -> Places:
    async def position(each: AssetId) -> int | None:
        return order.index(each) if each in order else None

    async def count() -> int:
        return len(order)

    return asyncio.run(keeping.locate(query, position, count))


def test_another_row_may_be_edited_while_the_catalog_is_asked() -> None:
    first, second, third = (make_row(number).id for number in range(3))
    keeping = KeptPlaces()
    keeping.keep(first, second, LIST)

    async def position(each: AssetId) -> int | None:
        keeping.keep(second, third, LIST)
        return [second, third, first].index(each)

    async def count() -> int:
        return 3

    places = asyncio.run(keeping.locate(LIST, position, count))
    assert places.kept == (first,)
    assert locate(keeping, [third, second, first]).kept == (first, second)


@given(st.integers(1, 30), st.integers(0, 12), st.randoms(use_true_random=False))
def test_what_is_kept_stays_between_its_neighbors_and_all_else_is_in_order(
    total: int, edits: int, chance: random.Random
) -> None:
    rows = {row.id: row for row in map(make_row, range(total))}
    order, shown, keeping = list(rows), list(rows), KeptPlaces()
    for _ in range(edits):
        at = chance.randrange(total)
        keeping.keep(shown[at], shown[at + 1] if at + 1 < total else None, LIST)
        order.remove(shown[at])
        order.insert(chance.randrange(total), shown[at])
        places = locate(keeping, order)

        def read(offset: int, limit: int, places: Places = places) -> list[AssetId]:
            start, span = places.find_span(offset, limit)
            part = [rows[each] for each in order[start : start + span]]
            return [row.id for row in places.merge(offset, limit, part, rows)]

        assert read(0, total + 5) == shown
        first = chance.randrange(total)
        assert read(first, 4) == shown[first : first + 4]
        for each in order:
            place = places.find(each)
            found = places.place_of(order.index(each)) if place is None else place
            assert shown[found] == each


def test_what_is_gone_or_in_another_list_is_not_kept_nor_are_too_many() -> None:
    order = [AssetId(f"{number:03}") for number in range(100)]
    keeping = KeptPlaces()
    keeping.keep(order[2], order[3], LIST)
    keeping.keep(order[5], order[6], LIST)
    assert locate(keeping, order[:2] + order[3:]).kept == (order[5],)
    assert not locate(keeping, [order[2], order[5]]).kept, "what is below them is gone"
    for at in range(90, 40, -1):  # each above one that is kept, of which the first are let go
        keeping.keep(order[at], order[at + 1], LIST)
    places = locate(keeping, [*order[:41], *order[91:], *order[41:91]])
    assert places.kept == tuple(order[41 : 41 + MOST])
    assert places.shown == tuple(range(41, 41 + MOST))
    assert not locate(keeping, order, Query(sort=(SortKey("size"),))).kept


async def rename(app: Running, name: str) -> None:
    await app.press("r", "ctrl+u")
    await app.type(name)
    await app.press("enter")
    await app.until(lambda: any(a.name == name for a in app.server.store.assets()), name)
    await app.until(lambda: not app.main.rows.windows.ahead, "the end of it")
    await app.until(lambda: not app.main.feeds.list.is_reading, "the list")


def shown(app: Running) -> list[str]:
    return [row.name for _, row in sorted(app.main.rows.windows.iter_known())]


async def test_a_series_of_renames_down_a_list_by_name_comes_to_every_row(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("s")
        await app.until_shown("sort by")
        app.burst("n")
        await app.until(lambda: app.main.state.browsing.order.field == "name", "the order")
        await app.press("g")
        await app.until(lambda: app.main.rows.cursor == 0, "the first row")
        before = shown(app)
        for at, name in enumerate(("zz last", "00 first", "zy last but one")):
            row = app.main.rows.current
            assert row is not None
            assert (app.main.rows.cursor, row.name) == (at, before[at])
            await rename(app, name)
            assert shown(app)[at] == name
            assert app.main.rows.cursor == at
            await app.press("j")
        assert shown(app)[3:] == before[3:]
        app.burst("v")
        app.burst("kkk")
        app.burst("v")
        await app.until(lambda: len(app.main.state.marked) == 4, "the range as it is shown")
        await app.press("R")
        await app.until(lambda: shown(app) == sorted(shown(app), key=str.casefold), "in order")
