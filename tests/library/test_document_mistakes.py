"""One mistake in one line of the editor's text changes at most that asset, or is refused."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from coexplorer.errors import DocumentError
from coexplorer.fields import Fields
from coexplorer.library.document import build_document, find_edits
from coexplorer.models import AssetId

MISTAKES = 20_000
IDS = [AssetId(f"{number:08x}-0000-4000-8000-00000000000{number}") for number in range(1, 6)]
PLAIN = (
    "Reads of mouse 7.",
    "",
    "# About",
    "made from data",
    "    indented",
    "- item",
    "ende",
    "ä 日",
)
NASTY = (
    "===",
    "====",
    "==",
    "=== end",
    " === end",
    "== end",
    "\\",
    "\\=== end",
    "name: other",
    "name:",
    "tags: a, b",
    "tags:",
    "mount: m",
    "mount:",
    "description:",
    "description: x",
    "x: y",
    '"',
    "=",
)
Owner = AssetId | None
Mistake = Callable[[random.Random, list[str], list[Owner]], tuple[list[str], set[Owner]]]
"""Makes a mistake in lines; returns them, and the assets that it may change."""


def build_case(rng: random.Random) -> list[tuple[AssetId, Fields]]:
    ids = rng.sample(IDS, rng.randint(2, 4))
    cases: list[tuple[AssetId, Fields]] = []
    for asset_id in ids:
        lines = rng.choices(PLAIN, k=rng.randint(0, 4)) + rng.choices(NASTY, k=rng.randint(0, 5))
        lines += rng.choices([f"=== {each}" for each in IDS] + list(IDS), k=rng.randint(0, 2))
        rng.shuffle(lines)
        if cases and rng.random() < 0.3:  # the whole part of another asset, as a text
            lines += build_document([rng.choice(cases)]).split("\n")[4:]
        cases.append(
            (
                asset_id,
                Fields(
                    rng.choice(["", "reads", "name: x", "=== end", "reads", '"quoted"']),
                    "\n".join(lines),
                    tuple(rng.sample(["rna", "a, b", "=== x", "tags:"], rng.randint(0, 2))),
                    rng.choice([None, "reads", "m"]),
                ),
            )
        )
    return cases


def find_owners(lines: list[str], ids: list[AssetId]) -> list[Owner]:
    """Say of each line of a document as written which asset it belongs to."""
    owners: list[Owner] = []
    owner: Owner = None
    waiting = [f"=== {asset_id}" for asset_id in ids]
    for line in lines:
        if waiting and line == waiting[0]:
            owner = AssetId(waiting.pop(0).removeprefix("=== "))
        owners.append(None if line == "=== end" else owner)
    return owners


def delete(
    rng: random.Random, lines: list[str], owners: list[Owner]
) -> tuple[list[str], set[Owner]]:
    at = choose(rng, lines)
    return lines[:at] + lines[at + 1 :], {owners[at]}


def mistype(
    rng: random.Random, lines: list[str], owners: list[Owner]
) -> tuple[list[str], set[Owner]]:
    at = choose(rng, lines)
    line = lines[at]
    place = min(rng.randint(0, 6), len(line)) if rng.random() < 0.6 else rng.randint(0, len(line))
    typed = rng.choice(
        ["", "x", "=", "#", "\\", " ", "\t", ":", '"', ",", "end", "\ufeff", "\u00a0"]
    )
    return replace(lines, at, line[:place] + typed + line[place + rng.randint(0, 2) :]), {
        owners[at]
    }


def indent(
    rng: random.Random, lines: list[str], owners: list[Owner]
) -> tuple[list[str], set[Owner]]:
    at = choose(rng, lines)
    return replace(lines, at, rng.choice([" ", "    ", "\t", "> ", "# ", "- "]) + lines[at]), {
        owners[at]
    }


def duplicate(
    rng: random.Random, lines: list[str], owners: list[Owner]
) -> tuple[list[str], set[Owner]]:
    at = choose(rng, lines)
    return [*lines[: at + 1], *lines[at:]], {owners[at]}


def swap(rng: random.Random, lines: list[str], owners: list[Owner]) -> tuple[list[str], set[Owner]]:
    one = choose(rng, lines)
    two = choose(rng, lines) if rng.random() < 0.4 else min(one + 1, len(lines) - 1)
    return replace(replace(lines, one, lines[two]), two, lines[one]), {owners[one], owners[two]}


def move(rng: random.Random, lines: list[str], owners: list[Owner]) -> tuple[list[str], set[Owner]]:
    at, rest = choose(rng, lines), list(lines)
    line = rest.pop(at)
    to = rng.randint(1, len(rest))
    below = owners[to - 1] if to <= at else owners[to]
    return [*rest[:to], line, *rest[to:]], {owners[at], below}


def cut(rng: random.Random, lines: list[str], owners: list[Owner]) -> tuple[list[str], set[Owner]]:
    at = choose(rng, lines)
    short = lines[at][: rng.randint(0, len(lines[at]))]
    if rng.random() < 0.5:
        return replace(lines, at, short), {owners[at]}
    return [*lines[:at], short], {owners[at]}  # and all below it


def insert(
    rng: random.Random, lines: list[str], owners: list[Owner]
) -> tuple[list[str], set[Owner]]:
    at = rng.randint(1, len(lines))
    line = rng.choice([*NASTY, *PLAIN, *lines])
    return [*lines[:at], line, *lines[at:]], {owners[at - 1]}


def merge(
    rng: random.Random, lines: list[str], owners: list[Owner]
) -> tuple[list[str], set[Owner]]:
    at = min(choose(rng, lines), len(lines) - 2)
    joined = lines[at] + rng.choice(["", " "]) + lines[at + 1]
    return [*lines[:at], joined, *lines[at + 2 :]], {owners[at], owners[at + 1]}


def choose(rng: random.Random, lines: list[str]) -> int:
    """Choose a line: half of the time one that holds the document together."""
    frame = [at for at, line in enumerate(lines) if line.startswith("===") or line == ""]
    return rng.choice(frame) if rng.random() < 0.5 else rng.randrange(len(lines))


def replace(lines: list[str], at: int, line: str) -> list[str]:
    return [*lines[:at], line, *lines[at + 1 :]]


KINDS: tuple[Mistake, ...] = (delete, mistype, indent, duplicate, swap, move, cut, insert, merge)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_mistake_in_one_line_changes_that_asset_at_most_or_is_refused(kind: Mistake) -> None:
    rng = random.Random(kind.__name__)  # the same cases each time
    counts: Counter[str] = Counter()
    for _ in range(MISTAKES // len(KINDS) // 4):
        cases = build_case(rng)
        written = build_document(cases)
        lines = written.split("\n")
        owners = find_owners(lines, [asset_id for asset_id, _ in cases])
        assert [(edit.base, edit.mine) for edit in find_edits(written, written)] == [
            (fields, fields) for _, fields in cases
        ]
        for _ in range(4):
            mistaken, allowed = kind(rng, lines, owners)
            try:
                edits = find_edits(written, "\n".join(mistaken))
            except DocumentError as error:
                counts["refused" if 1 <= error.line <= len(mistaken) else "no such line"] += 1
                continue
            changed = {edit.asset_id for edit in edits if edit.mine != edit.base}
            counts["changed" if changed else "nothing"] += 1
            assert changed <= allowed, "\n".join(mistaken)
    assert counts["no such line"] == 0
    assert counts["refused"] > 0
    assert counts["changed"] > 0
