"""Bars of ``stats``, and lineages as trees and graphs."""

import re

import pytest

from coexplorer.cli.format import draw_bar
from coexplorer.demo.asset import Contained, Provenance, StoredAsset
from coexplorer.text import width
from tests.support.program import Program
from tests.support.server import RAW, make_id

ROOT, LEFT, RIGHT, JOIN, LAST, BOX = (make_id(0xE0 + number) for number in range(6))


@pytest.fixture
def family(program: Program) -> Program:
    """A diamond with a tail: root → left, right → join → last; a box contains join."""
    me = program.server.users[0].email
    names = {
        ROOT: "root",
        LEFT: 'left "quoted" <b>',
        RIGHT: "right\x1b[31m",
        JOIN: "join",
        LAST: "last",
        BOX: "box",
    }
    inputs = {LEFT: (ROOT,), RIGHT: (ROOT,), JOIN: (LEFT, RIGHT), LAST: (JOIN,)}
    program.server.store.insert(
        StoredAsset(
            id=each,
            name=name,
            owner=me,
            created=1_700_000_000 + at,
            mount="m",
            type="result",
            provenance=Provenance(data_assets=inputs[each]) if each in inputs else None,
            contained=(Contained(JOIN, "m", 1),) if each == BOX else (),
        )
        for at, (each, name) in enumerate(names.items())
    )
    program.ok("sync")
    return program


def test_tree_shows_each_branch_once(family: Program) -> None:
    lines = family.ok("lineage", JOIN, "--tree", "--depth", "5").lines
    assert lines[0] == f"{JOIN[:8]}  join"
    assert lines[1] == "made from:"
    assert [line[:5] for line in lines[2:6]] == ["  ├─ ", "  │  ", "  └─ ", "     "]
    assert sum(ROOT[:8] in line for line in lines) == 2, "both sides come from it"
    assert "results:" in lines
    assert any(BOX[:8] in line and "(contained)" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_depth_says_how_far(family: Program) -> None:
    def find(*args: str) -> dict[str, int]:
        rows = family.ok("lineage", ROOT, *args, "-o", "json").json
        return {row["id"]: row["depth"] for row in rows}

    assert find() == {LEFT: 1, RIGHT: 1}
    assert find("--depth", "2") == {LEFT: 1, RIGHT: 1, JOIN: 2}
    everything = {LEFT: 1, RIGHT: 1, JOIN: 2, LAST: 3, BOX: 3}
    assert find("--depth", "3") == find("--depth", str(2**62)) == everything
    rows = family.ok("lineage", ROOT, "--depth", "3", "-o", "json").json
    assert len(rows) == 6, "join was made from two"
    assert family.ok("lineage", ROOT, "--depth", "2").lines[1] == "made from: unknown"


def test_mermaid_and_dot_say_the_same_edges(family: Program) -> None:
    mermaid = family.ok("lineage", ROOT, "--mermaid").out
    dot = family.ok("lineage", ROOT, "--dot").out
    edges = [
        set(re.findall(pattern, text))
        for pattern, text in (
            (r"n(\d+) -(?:\.-|-)> n(\d+)", mermaid),
            (r"n(\d+) -> n(\d+)", dot),
        )
    ]
    assert edges[0] == edges[1]
    assert len(edges[0]) == 6
    assert mermaid.startswith("graph LR\n")
    assert "left #34;quoted#34; #60;b#62;" in mermaid
    assert "-.->" in mermaid
    assert 'label="left \\"quoted\\" <b>\\n' in dot
    assert dot.endswith("}\n")
    assert "\x1b" not in mermaid + dot


@pytest.mark.parametrize(
    "args",
    [
        ("--tree", "-o", "json"),
        ("--mermaid", "--columns", "id"),
        ("--depth", "0"),
        ("--depth", "x"),
    ],
)
def test_what_does_not_go_together_is_refused(family: Program, args: tuple[str, ...]) -> None:
    done = family("lineage", ROOT, *args)
    assert (done.code, done.out) == (2, "")


def test_assets_that_were_made_from_each_other_end(program: Program) -> None:
    me = program.server.users[0].email
    ring = [make_id(0xF0 + number) for number in range(3)]
    program.server.store.insert(
        StoredAsset(
            id=each,
            name=f"ring {at}",
            owner=me,
            created=1_700_000_000,
            mount="m",
            provenance=Provenance(data_assets=(ring[at - 1],)),
        )
        for at, each in enumerate(ring)
    )
    program.ok("sync")
    lines = program.ok("lineage", ring[0], "--tree", "--depth", "100").lines
    assert len(lines) < 12
    assert any("see above" in line for line in lines)


@pytest.mark.parametrize(
    ("part", "bar"),
    [(0, ""), (1, "▏"), (125, "█"), (500, "████"), (563, "████▌"), (1000, "████████")],
)
def test_bar(part: int, bar: str) -> None:
    assert draw_bar(part, 1000, 8) == bar


def test_stats_have_bars_and_months(program: Program) -> None:
    lines = program.ok("stats", "--by", "month").lines
    assert lines[0].split() == ["MONTH", "ASSETS", "SIZE"]
    months = [line.split()[0] for line in lines[1:]]
    assert months == sorted(months)
    assert "█" * 20 in "\n".join(lines)
    rows = program.ok("stats", "--by", "month", "-o", "json").json
    assert [row["value"] for row in rows] == months
    assert sum(row["assets"] for row in rows) == 9
    assert {row["by"] for row in program.ok("stats", "-o", "json").json} >= {
        "month",
        "tag",
        "total",
    }
    assert "\u2588" not in program.spawn("stats", env={"PYTHONIOENCODING": "latin-1"}).out


def test_stats_by_what_there_is_not(program: Program) -> None:
    done = program("stats", "--by", "mnth")
    assert (done.code, done.out) == (2, "")
    assert "did you mean month?" in done.err
    assert width(draw_bar(3, 3, 5)) == 5


@pytest.mark.parametrize(
    "shapes", [("--tree", "--dot"), ("--dot", "--mermaid"), ("--tree", "--mermaid", "--dot")]
)
def test_only_one_picture_is_drawn(program: Program, shapes: tuple[str, ...]) -> None:
    done = program("lineage", RAW, *shapes)
    assert (done.code, done.out) == (2, "")
    assert "give only one of" in done.err
