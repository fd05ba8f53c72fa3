"""A delete that nobody can look at is no success, whatever command asked for it."""

import pytest

from tests.support.program import Program
from tests.support.server import OLD


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
