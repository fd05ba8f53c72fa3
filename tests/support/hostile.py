"""Assets with text that would take over a terminal, if any of it were interpreted."""

from __future__ import annotations

import random
from collections.abc import Iterator

from coexplorer.demo.asset import StoredAsset

CONTROLS = "\x00\x05\x07\x08\r\n\t\x0b\x0e\x1b\x7f\x80\x84\x85\x90\x9b\x9d"
INVISIBLE = "\u2028\u202e\u2066\ufeff"
PIECES = (
    *CONTROLS,
    *INVISIBLE,
    "\x1b[35m",
    "\x1b]52;c;b3duZWQ=\x07",
    "\x9b2J",
    "[bold]x[/]",
    "[/v1]",
    "日本語",
    "e\u0301",
    "\U0001f9e0",
    "plain",
)


def hostile_assets(count: int, owner: str) -> Iterator[StoredAsset]:
    """Yield assets with such names and tags; the last one is the newest."""
    pick = random.Random(3)
    for number in range(count):
        yield StoredAsset(
            id=f"{number:08x}-0000-4000-8000-{number:012x}",
            name=f"asset {number} " + "".join(pick.choices(PIECES, k=8)),
            owner=owner,
            created=1_690_000_000 + number,
            tags=tuple({"".join(pick.choices(PIECES, k=3)) for _ in range(2)}),
            mount="m",
        )


NO_IDS = (
    "",
    " ",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "a b",
    "a\x00b",
    "a\nb",
    "a\r",
    "a\tb",
    "\x1b]0;owned\x07",
    "\u2028",
    "a\u202eb",
    "\ufeffa",
    "\ud800",
    "-rf",
    "--yes",
    "x" * 201,
    "x" * 100_000,
)
"""Texts that can't be the id of an asset, whoever says so."""
