"""``uses``: which capsules and pipelines use assets."""

import pytest

from coexplorer.cli import exits
from tests.library.conftest import many_assets
from tests.support.program import Program
from tests.support.server import DERIVED, HIDDEN_CAPSULE, MY_CAPSULE, RAW


def test_several_assets_as_a_table_and_as_rows(program: Program) -> None:
    table = program.ok("uses", RAW, DERIVED)
    for part in ("Spike sorting", "Sort and curate", "pipeline", "Viewed"):
        assert part in table.out
    assert "Hidden" not in table.out
    assert "nothing that you can see uses ecephys_655019_2023-04-03" in table.out
    assert f"({DERIVED[:8]})" in table.out
    rows = program.ok("uses", RAW, DERIVED, "-o", "json").json
    assert {row["id"] for row in rows} == {RAW}
    assert f"capsules/{MY_CAPSULE}" in {row["workplace"] for row in rows}
    assert f"capsules/{HIDDEN_CAPSULE}" not in {row["workplace"] for row in rows}
    assert program.ok("uses", f"id:{RAW}", "-o", "json").json == rows
    assert program.ok("uses", DERIVED, "-o", "json").json == []


@pytest.mark.parametrize("kind", ["capsules", "pipelines"])
@pytest.mark.parametrize("style", ["table", "json"])
def test_what_is_not_known_is_said_and_never_called_unused(
    program: Program, kind: str, style: str
) -> None:
    program.server.faults.add(403, "POST", f"*{kind}/search")
    done = program("uses", DERIVED, "-o", style)
    assert (done.code, "nothing" in done.out) == (7, False)
    assert f"which {kind} use" in done.err
    assert "is not known" in done.err
    program.server.faults.add(403, "POST", "*/search")
    both = program("uses", DERIVED, "-o", style)
    assert (both.code, "nothing" in both.out) == (5, False)
    assert "which capsules and pipelines use" in both.err


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("no such asset",), 4, "there is no asset"),
        ((), 2, "which assets?"),
        (("--query", "is:any tag:"), 2, "tag"),
    ],
)
def test_bad_input_is_one_sentence(
    program: Program, args: tuple[str, ...], code: int, told: str
) -> None:
    done = program("uses", *args)
    assert (done.code, told in done.err) == (code, True), done


@pytest.mark.parametrize("command", ["archive", "rm --archive-first"])
def test_a_plan_that_asks_names_what_uses_its_assets(program: Program, command: str) -> None:
    asked = program(*command.split(), RAW, DERIVED, stdin="n\n")
    assert asked.code == exits.USAGE  # nobody is there to say yes; the plan is told all the same
    assert "used by" in asked.err
    assert "pipeline 'Sort and curate'" in asked.err
    assert "nothing that you can see uses it" in asked.err
    rows = program.ok(*command.split(), RAW, DERIVED, "--dry-run", "-o", "json").json
    raw, derived = ({row["id"]: row for row in rows}[each] for each in (RAW, DERIVED))
    assert {
        "workplace": f"capsules/{MY_CAPSULE}",
        "workplace_name": "Spike sorting",
    } in raw["used_by"]
    assert (derived["used_by"], derived["use_not_known"]) == ([], None)
    before = len(program.server.requests("POST", "*capsules/search"))
    program.ok(*command.split(), RAW, "--dry-run", "--no-uses")
    program.ok("archive", RAW, "-y")
    assert len(program.server.requests("POST", "*capsules/search")) == before


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("command", ["archive", "rm --archive-first"])
def test_a_failure_is_told_as_not_known_and_stops_nothing(
    program: Program, command: str, status: int
) -> None:
    for kind in ("capsules", "pipelines"):
        program.server.faults.add(status, "POST", f"*{kind}/search")
    (row,) = program.ok(*command.split(), DERIVED, "--dry-run", "-o", "json").json
    assert row["used_by"] is None
    assert "not known" in row["use_not_known"]
    done = program.ok(*command.split(), DERIVED, "--uses", "-y")
    assert "what uses it is not known" in done.err
    assert "nothing that you can see" not in done.err


def test_many_are_asked_about_only_on_request(program: Program) -> None:
    ids = many_assets(program.server, 21)
    told = program.ok("archive", *ids, "--dry-run")
    assert "uses it" not in told.out
    few = program.ok("archive", *ids[1:], "--dry-run").out
    assert few.count("nothing that you can see uses it") == 20
    told = program.ok("archive", *ids, "--uses", "-y")
    assert "nothing that you can see uses 21 assets" in told.err
