"""Every kind of trouble: one clear sentence, the right exit code, nothing lost, no token."""

import pytest

from tests.support.program import Program
from tests.support.server import RAW

READ = ("show", RAW)
WRITE = ("edit", RAW, "--description", "my words")


def assert_one_sentence(err: str) -> None:
    """Check that an error is a sentence, perhaps with a hint below it, and no traceback."""
    lines = err.splitlines()
    assert lines[0].startswith("coexplorer: ")
    assert len(lines) <= 4
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("fault", "options", "code"),
    [
        (401, {}, 3),
        (403, {}, 5),
        (404, {}, 4),
        (400, {"message": "bad request"}, 5),
        (409, {}, 8),
        ("html", {}, 6),
        ("cut", {}, 6),
    ],
)
def test_trouble_with_reading_is_told(
    program: Program, fault: str | int, options: dict[str, str], code: int
) -> None:
    program.ok("sync")
    program.server.faults.add(fault, "GET", f"data_assets/{RAW}", **options)  # type: ignore[arg-type]  # texts only
    done = program(*READ)
    assert (done.code, done.out) == (code, "")
    assert_one_sentence(done.err)


@pytest.mark.parametrize("fault", [500, 502, 503, "reset", "short", "lost"])
def test_trouble_that_passes_is_not_even_seen(program: Program, fault: str | int) -> None:
    program.ok("sync")
    rule = program.server.faults.add(fault, "GET", f"data_assets/{RAW}", times=1)
    program.ok(*READ)
    assert rule.struck == 1


def test_slowing_down_is_obeyed(program: Program) -> None:
    program.ok("sync")
    rule = program.server.faults.add(429, "GET", f"data_assets/{RAW}", times=1, retry_after=0)
    program.ok(*READ)
    assert rule.struck == 1


@pytest.mark.parametrize(("fault", "code"), [(401, 3), (403, 5), (400, 5), (503, 6)])
def test_words_are_kept_when_writing_fails(program: Program, fault: int, code: int) -> None:
    program.ok("sync")
    rule = program.server.faults.add(fault, "PUT", f"data_assets/{RAW}")
    done = program(*WRITE)
    assert done.code == code
    assert_one_sentence(done.err)
    assert "my words" in program.ok("log", "--json").out
    program.server.faults.remove(rule)
    program.ok("retry")
    assert program.server.store.get(RAW).description == "my words"


@pytest.mark.parametrize("fault", ["lost", "reset", "cut", "short"])
def test_a_write_whose_reply_was_lost_is_not_told_as_failed(program: Program, fault: str) -> None:
    program.ok("sync")
    program.server.faults.add(fault, "PUT", f"data_assets/{RAW}", times=1)
    program.ok(*WRITE)
    assert program.server.store.get(RAW).description == "my words"
    assert len(program.server.requests("PUT")) == 1


@pytest.mark.parametrize("fault", [401, 503, "html"])
def test_trouble_with_listing_is_told_and_what_is_known_is_shown(
    program: Program, fault: str | int
) -> None:
    program.server.faults.add(fault, "*", "data_assets**")
    done = program("ls", "--ids")
    assert done.code == {401: 3}.get(fault if isinstance(fault, int) else 0, 6)
    assert_one_sentence(done.err)


def test_a_platform_that_is_not_there_is_told(program: Program) -> None:
    program.server.stop()
    done = program("ls")
    assert done.code == 6
    assert_one_sentence(done.err)


def test_a_wrong_token_is_told(program: Program) -> None:
    program.env["CODEOCEAN_TOKEN"] = "cop_wrong"
    done = program("ls")
    assert done.code == 3
    assert "cop_wrong" not in done.err
    assert_one_sentence(done.err)


def test_a_token_without_the_scope_can_read_and_not_write(program: Program) -> None:
    program.env["CODEOCEAN_TOKEN"] = program.server.users[0].read_token
    program.ok("ls")
    done = program(*WRITE)
    assert done.code in {3, 5}
    assert_one_sentence(done.err)
    assert program.server.store.get(RAW).description != "my words"
