"""A delete that nobody can look at is no success, whatever command asked for it."""

import pytest

from tests.support.program import Program
from tests.support.server import OLD, RAW


@pytest.mark.parametrize("status", [401, 403, 405, 409, 413])
def test_a_delete_that_cannot_be_seen_ends_with_six(program: Program, status: int) -> None:
    program.ok("sync")
    rule = program.server.faults.add("ignore", "DELETE", f"data_assets/{OLD}")
    look = program.server.faults.add(status, "GET", f"data_assets/{OLD}", after=2)
    done = program("rm", OLD, "--yes")
    assert done.code == 6, done
    assert "can't be asked whether the asset is gone" in done.err
    assert OLD in program.ok("ls", "--offline", "--ids", "is:archived").out
    program.server.faults.remove(rule)
    program.server.faults.remove(look)
    program.ok("retry", "1")
    assert OLD not in program.ok("ls", "--offline", "--ids", "is:archived").out


@pytest.mark.parametrize(
    ("method", "command"),
    [
        ("PUT", ("edit", RAW, "--add-tag", "x")),
        ("PUT", ("edit", RAW, "--name", "x")),
        ("POST", ("share", RAW, "--everyone", "viewer")),
        ("PATCH", ("archive", RAW)),
        ("DELETE", ("rm", OLD, "-y")),
    ],
)
def test_the_log_goes_on_saying_that_the_platform_answered(
    program: Program, method: str, command: tuple[str, ...]
) -> None:
    program.ok("sync")
    program.server.faults.add("ignore", method)
    assert program(*command).code == 6
    (before,) = program.ok("log", "--entries", "-o", "json").json
    assert before["state"] == "unknown"
    assert before["reason"].startswith("the platform answered that this is ")
    program.server.faults.clear()
    assert program("discard", "1").code in (0, 7)  # it asks the platform first
    (after,) = program.ok("log", "--entries", "-o", "json").json
    answer = before["reason"].partition(",")[0]
    assert after["state"] == "discarded"
    assert after["reason"] == f"{answer}, but shows nothing of it"
