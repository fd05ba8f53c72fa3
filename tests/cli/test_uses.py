"""``uses``: which capsules and pipelines use assets."""

import pytest

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
