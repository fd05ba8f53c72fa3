"""A platform on a socket whose lists can be cut off, spoiled, refused or endless, one by one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.rawserver import Asked, reply

Row = dict[str, Any]
View = Callable[[list[Row], Row], bytes]
"""Answers a search: told which rows there are, and what was asked."""

IDS = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in range(1, 7)]


def row(asset_id: str, **more: object) -> Row:
    named = {"name": f"asset {asset_id[7]}", "type": "dataset", "state": "ready", "created": 1}
    return {"id": asset_id, **named, **more}


def whole(rows: list[Row], asked: Row) -> bytes:
    return reply(200, {"results": rows if not asked.get("offset") else [], "has_more": False})


def cut(rows: list[Row], asked: Row) -> bytes:
    """The first row, and then nothing although there is more."""
    offset = asked.get("offset", 0)
    return reply(200, {"results": rows[offset : offset + 1][: offset == 0], "has_more": True})


def in_circles(rows: list[Row], _: Row) -> bytes:
    """The first row, again and again."""
    return reply(200, {"results": rows[:1], "has_more": True, "next_token": "same"})


def spoiled(rows: list[Row], _: Row) -> bytes:
    """All rows, but the ids of all but the first can't be read."""
    bad = [{**each, "id": None} for each in rows[1:]]
    return reply(200, {"results": [*rows[:1], *bad], "has_more": False})


def refused(_rows: list[Row], _asked: Row) -> bytes:
    return reply(400, {"message": "no such filter"})


class Endless:
    """New rows with every page.

    Args:
        page: Rows of one.
        bare: Rows say nothing but their ids.
    """

    def __init__(self, page: int = 50, *, bare: bool = False) -> None:
        self._page = page
        self._bare = bare
        self._numbers = itertools.count(10)

    def __call__(self, _rows: list[Row], _asked: Row) -> bytes:
        numbers = itertools.islice(self._numbers, self._page)
        rows = [row(f"{number:08x}-0000-4000-8000-{number:012x}") for number in numbers]
        rows = [{"id": each["id"]} for each in rows] if self._bare else rows
        token = f"after {rows[-1]['id']}"
        return reply(200, {"results": rows, "has_more": True, "next_token": token})


class Lists:
    """Six assets; the first four are favorites, the user's own, and shared. Changes are taken.

    What is archived leaves the list of assets for the archived ones; nothing else changes a row.

    Attributes:
        views: How each list is shown: ``assets``, ``archived``, ``favorite``, ``owned``,
            ``shared``; those that are not named are shown whole.
        changed: Ids of the assets that were written to.
        archived: Those that were archived.
    """

    def __init__(self, **views: View) -> None:
        self.views: dict[str, View] = dict(views)
        self.changed: list[str] = []
        self.archived: set[str] = set()
        self.rows = [row(each) for each in IDS]

    def __call__(self, asked: Asked) -> Iterable[bytes]:
        if asked.path.endswith("/search"):
            return [self._search(json.loads(asked.body))]
        if "/data_assets/" not in asked.path:
            return [reply(404)]
        asset_id = asked.path.split("/")[4]
        if asked.method != "GET":
            self.changed.append(asset_id)
            if "archive=true" in asked.target:
                self.archived.add(asset_id)
            return [reply(200)]
        found = [each for each in self.rows if each["id"] == asset_id]
        return [reply(200, found[0]) if found else reply(404)]

    def _search(self, asked: Row) -> bytes:
        name = asked.get("ownership") or ("favorite" if asked.get("favorite") else "")
        name = name or ("archived" if asked.get("archived") else "assets")
        name = {"private": "owned", "created": "owned", "mine": "owned"}.get(name, name)
        put_away = [each for each in self.rows if each["id"] in self.archived]
        shown = [each for each in self.rows if each["id"] not in self.archived]
        rows = {"archived": put_away, "assets": shown}.get(name, self.rows[:4])
        return self.views.get(name, whole)(rows, asked)
