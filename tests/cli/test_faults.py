"""Every kind of trouble: one clear sentence, the right exit code, nothing lost, no token."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from coexplorer.api import Client, Timeouts
from coexplorer.demo.guesses import Guesses
from tests.support.program import Program
from tests.support.server import OLD, RAW, VIEWED

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
        (401, {}, 5),  # of this asset alone: the token is good
        (403, {}, 5),
        (404, {}, 4),
        (400, {"message": "bad request"}, 5),
        (409, {}, 6),
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


def test_a_token_that_is_refused_everywhere_is_a_question_of_signing_in(program: Program) -> None:
    program.ok("sync")
    program.server.faults.add(401, "*", "data_assets/**")
    done = program(*READ)
    assert (done.code, done.out) == (3, "")
    assert_one_sentence(done.err)


@pytest.mark.parametrize("fault", [400, 405, 407, 418, 451, "page-403", "page-405"])
def test_an_edit_that_could_not_even_be_read_for_is_kept_unsent(
    program: Program, fault: str | int
) -> None:
    program.ok("sync")
    kind = int(fault) if isinstance(fault, int) else "html"
    status = int(str(fault).rpartition("-")[2])
    for method in ("GET", "POST"):
        program.server.faults.add(kind, method, "data_assets/**", status=status)
    done = program(*WRITE)
    assert done.code == 5
    assert "kept unsent, to send: coexplorer retry" in done.out
    program.server.faults.clear()
    program.ok("retry")
    assert program.server.store.get(RAW).description == "my words"


@pytest.mark.parametrize("status", [403, 405, 407])
def test_an_edit_that_a_proxy_refuses_is_kept_unsent(program: Program, status: int) -> None:
    program.ok("sync")
    program.server.faults.add("html", "PUT", "data_assets/*", status=status)
    assert program(*WRITE).code == 5
    program.server.faults.clear()
    program.ok("retry")
    assert program.server.store.get(RAW).description == "my words"


def test_an_edit_that_the_platform_refuses_to_read_for_is_kept_as_refused(
    program: Program,
) -> None:
    program.ok("sync")
    program.server.faults.add(403, "GET", "data_assets/*")
    assert program(*WRITE).code == 5
    assert "refused" in program.ok("log", "--entries").out
    assert "my words" in program.ok("log", "--entries", "-o", "json").out


def test_a_yes_that_did_nothing_is_no_success(program: Program) -> None:
    program.ok("sync")
    before = program.server.store.get(RAW)
    rule = program.server.faults.add("ignore", "PUT", f"data_assets/{RAW}")
    done = program(*WRITE)
    assert done.code == 6
    assert "the platform answered that this is saved, but the asset still shows" in done.err
    assert "changed ecephys" not in done.out
    assert "my words" in program.ok("log", "--entries", "-o", "json").out
    program.server.faults.remove(rule)
    program.ok("retry")
    assert program.server.store.get(RAW).description == "my words"
    program.server.faults.add("ignore", "PUT", f"data_assets/{RAW}", times=1)
    assert program("undo").code == 6
    program.ok("undo")
    assert program.server.store.get(RAW).description == before.description


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


@pytest.mark.parametrize(("fault", "requests"), [(503, 5), (504, 5), ("reset", 5), (429, 7)])
def test_trouble_that_does_not_pass_is_told_after_the_attempts_that_are_due(
    program: Program, fault: str | int, requests: int
) -> None:
    program.ok("sync")
    options = {"retry_after": 0.0} if fault == 429 else {}
    rule = program.server.faults.add(fault, "GET", f"data_assets/{RAW}", **options)  # type: ignore[arg-type]  # numbers only
    done = program(*READ)
    assert (done.code, done.out, rule.struck) == (6, "", requests)
    assert_one_sentence(done.err)


@pytest.mark.parametrize(
    ("fault", "options"), [("latency", {"seconds": 0.1}), ("drip", {"seconds": 0.0})]
)
def test_a_slow_platform_is_waited_for(
    program: Program, fault: str, options: dict[str, float]
) -> None:
    program.ok("sync")
    rule = program.server.faults.add(fault, "GET", f"data_assets/{RAW}", **options)  # type: ignore[arg-type]  # numbers only
    assert RAW in program.ok(*READ).out
    assert rule.struck == 1


@pytest.fixture
def _soon_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait a minute for the next byte."""
    monkeypatch.setitem(
        Client.__init__.__kwdefaults__ or {}, "timeouts", Timeouts(read_s=0.3, write_s=0.6)
    )


@pytest.mark.usefixtures("_soon_lost")
def test_silence_is_asked_again_and_then_told(program: Program) -> None:
    program.ok("sync")
    rule = program.server.faults.add("silence", "GET", f"data_assets/{RAW}", times=1)
    assert RAW in program.ok(*READ).out
    assert rule.struck == 1
    rule = program.server.faults.add("silence", "GET", f"data_assets/{RAW}")
    done = program(*READ)
    assert (done.code, done.out, rule.struck) == (6, "", 3)
    assert_one_sentence(done.err)
    assert "stopped answering" in done.err or "no complete answer within" in done.err


@pytest.mark.usefixtures("_soon_lost")
def test_words_are_kept_when_the_platform_is_silent_about_them(program: Program) -> None:
    program.ok("sync")
    rule = program.server.faults.add("silence", "PUT", f"data_assets/{RAW}")
    done = program(*WRITE)
    assert done.code == 6
    assert_one_sentence(done.err)
    assert "my words" in program.ok("log", "--json").out
    program.server.faults.remove(rule)
    program.ok("retry")
    assert program.server.store.get(RAW).description == "my words"


def test_a_token_that_expires_is_told_and_the_words_are_kept(program: Program) -> None:
    program.ok("sync")
    program.server.faults.add("expire", after=2)  # the reading before the change is still let in
    done = program(*WRITE)
    assert done.code == 3
    assert_one_sentence(done.err)
    assert program(*READ).code == 3
    assert "my words" in program.ok("log", "--json").out
    program.server.faults.clear()
    program.server.sign_in.renew()
    program.ok("retry")
    assert program.server.store.get(RAW).description == "my words"


@pytest.mark.parametrize(
    ("fault", "code"), [(401, 3), (403, 5), (400, 5), (404, 6), (409, 8), (503, 6)]
)
def test_words_are_kept_when_writing_fails(program: Program, fault: int, code: int) -> None:
    program.ok("sync")
    rule = program.server.faults.add(fault, "PUT", f"data_assets/{RAW}")
    done = program(*WRITE)
    assert done.code == code
    assert_one_sentence(done.err)
    assert "my words" in program.ok("log", "--json").out
    program.server.faults.remove(rule)
    if fault in (400, 403):
        assert "1 change was refused" in program.ok("retry").out, "it is not sent unasked"
        assert "my words" not in program.server.store.get(RAW).description
        program.ok("retry", "--refused")
    else:
        program.ok("retry")
    assert program.server.store.get(RAW).description == "my words"


@pytest.mark.parametrize("fault", ["lost", "reset", "cut", "short"])
def test_a_write_whose_reply_was_lost_is_not_told_as_failed(program: Program, fault: str) -> None:
    program.ok("sync")
    program.server.faults.add(fault, "PUT", f"data_assets/{RAW}", times=1)
    program.ok(*WRITE)
    assert program.server.store.get(RAW).description == "my words"
    assert len(program.server.requests("PUT")) == 1


@pytest.mark.parametrize("fault", ["lost", 503, 429])
def test_what_may_be_repeated_is(program: Program, fault: str | int) -> None:
    program.ok("sync")
    options = {"retry_after": 0.0} if fault == 429 else {}
    for method, path in (("PATCH", f"data_assets/{RAW}/archive"), ("DELETE", "data_assets/*")):
        program.server.faults.add(fault, method, path, times=1, **options)  # type: ignore[arg-type]  # numbers only
    program.ok("archive", RAW)
    assert len(program.server.requests("PATCH")) == 2
    program.ok("rm", RAW, "--yes")
    # It is looked at before it is deleted again: what is gone need not be.
    assert len(program.server.requests("DELETE")) == (1 if fault == "lost" else 2)
    assert program.server.store.find(RAW) is None


def test_a_create_without_a_sensible_reply_is_not_repeated(program: Program) -> None:
    program.ok("sync")
    program.server.faults.add("html", "POST", "data_assets", times=1)
    done = program("create", "only once", "--bucket", "lab-data", "--public")
    assert done.code == 6
    assert "before you create it again" in done.err
    assert_one_sentence(done.err)
    assert len(program.server.requests("POST", "*/data_assets")) == 1


@pytest.mark.parametrize("fault", ["lost", "reset", "cut"])
def test_a_create_whose_reply_was_lost_is_found_and_never_repeated(
    program: Program, fault: str
) -> None:
    program.ok("sync")
    (program.server.make_bucket("lab-data") / "a.txt").write_text("a")
    before = program.server.store.count()
    program.server.faults.add(fault, "POST", "data_assets", times=1)
    program.ok("create", "only once", "--bucket", "lab-data", "--wait")
    assert len(program.server.requests("POST", "*/data_assets")) == 1
    assert program.server.store.count() == before + 1


@pytest.mark.parametrize("fault", ["no-token", "same-token"])
def test_paging_that_never_ends_ends(program: Program, fault: str) -> None:
    program.server.faults.add(fault, "POST", "data_assets/search")
    done = program("ls", "--ids")
    assert (done.code, len(done.lines)) == (7, 8)
    assert "this is about a part of the assets: at least 9 are known" in done.err


@pytest.mark.parametrize("fault", [401, 503, "html"])
def test_trouble_with_listing_is_told_and_what_is_known_is_shown(
    program: Program, fault: str | int
) -> None:
    program.server.faults.add(fault, "*", "data_assets**")
    done = program("ls", "--ids")
    assert done.code == {401: 3}.get(fault if isinstance(fault, int) else 0, 6)
    assert_one_sentence(done.err)


@pytest.mark.parametrize("fault", [400, 403, 404, 503, "html"])
@pytest.mark.parametrize("command", [("ls", "--ids"), ("tags",), ("stats",), ("lineage", RAW)])
def test_what_is_known_is_shown_whatever_keeps_the_platform_from_telling(
    program: Program, monkeypatch: pytest.MonkeyPatch, fault: str | int, command: tuple[str, ...]
) -> None:
    program.ok("sync")
    known = program.ok(*command).out
    monkeypatch.setattr("coexplorer.cli.freshness.FRESH_S", 0.0)
    program.server.faults.add(fault, "*", "**")
    done = program(*command)
    assert (done.code, done.out) == (0, known)
    assert "; showing what was known at " in done.err
    assert "--offline shows" in done.err
    assert program("ls", "--refresh").code in (5, 6)


def test_a_platform_that_is_not_there_is_told(program: Program) -> None:
    program.server.stop()
    done = program("ls")
    assert done.code == 6
    assert_one_sentence(done.err)


@pytest.mark.parametrize("command", [("whoami",), ("ls", "--refresh"), ("show", RAW)])
def test_who_has_a_token_from_elsewhere_is_not_told_to_sign_in(
    program: Program, command: tuple[str, ...]
) -> None:
    program.env["CODEOCEAN_TOKEN"] = "cop_wrong"
    done = program(*command)
    assert done.code == 3
    assert "the token comes from CODEOCEAN_TOKEN: put one there that works" in done.err
    assert "coexplorer login" not in done.err


def test_a_wrong_token_is_told(program: Program) -> None:
    program.env["CODEOCEAN_TOKEN"] = "cop_wrong"
    done = program("ls")
    assert done.code == 3
    assert "cop_wrong" not in done.err
    assert_one_sentence(done.err)


BUCKET = ("--bucket", "institute-open-data", "--public")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (WRITE, ("your token may not do this", "coexplorer login")),
        (("archive", RAW, "--yes"), ("your token may not do this", "coexplorer login")),
        (("create", "new", *BUCKET), ("your token may not do this", "coexplorer login")),
    ],
)
def test_a_token_without_the_scope_can_read_and_not_write(
    program: Program, command: tuple[str, ...], told: tuple[str, ...]
) -> None:
    """The platform itself says so: nothing here is about whose asset it is."""
    program.env["CODEOCEAN_TOKEN"] = program.server.users[0].read_token
    before, count = program.server.store.get(RAW), program.server.store.count()
    program.ok("ls")
    done = program(*command)
    assert done.code == 5
    assert all(words in done.err for words in told)
    assert "owner" not in done.err
    assert (program.server.store.get(RAW), program.server.store.count()) == (before, count)


@pytest.mark.parametrize(
    "command",
    [WRITE, ("archive", RAW, "--yes"), ("share", RAW, "--everyone", "viewer", "--yes")],
)
def test_a_missing_scope_is_told_though_the_platform_gives_no_cause(
    program: Program, command: tuple[str, ...]
) -> None:
    """The asset is the user's own, so no owner can help."""
    program.ok("ls")
    program.env["CODEOCEAN_TOKEN"] = program.server.users[0].read_token
    program.server.guesses = Guesses(refusals="alike")
    done = program(*command)
    assert done.code == 5
    assert "your token may not do this" in done.err
    assert "coexplorer login" in done.err
    assert "owner" not in done.err


def test_an_asset_of_somebody_else_may_be_refused_for_either_cause(program: Program) -> None:
    program.ok("ls")
    program.server.guesses = Guesses(refusals="alike")
    done = program("edit", VIEWED, "--add-tag", "x", "--yes")
    assert done.code == 5
    assert "you can read but not change this asset" in done.err
    assert "ask its owner for access; if it is yours, create a token" in done.err


def test_an_asset_of_somebody_else_is_a_question_for_its_owner(program: Program) -> None:
    for command in (("edit", VIEWED, "--add-tag", "x", "--yes"), ("archive", VIEWED, "--yes")):
        done = program(*command)
        assert done.code == 5
        assert "you can read but not change this asset" in done.err
        assert "ask its owner" in done.err
        assert "token" not in done.err
    program.server.store.update(VIEWED, archived=True)
    program.ok("sync")
    done = program("rm", VIEWED, "--yes")
    assert (done.code, "ask its owner" in done.err) == (5, True)


def test_a_delete_of_what_was_taken_out_of_the_archive_says_so(program: Program) -> None:
    with ThreadPoolExecutor(1) as pool, program.server.hooks.before("DELETE") as gate:
        command = pool.submit(program.spawn, "rm", OLD, "--yes")
        gate.wait()
        program.server.store.update(OLD, archived=False)  # by a colleague, at the last moment
        gate.release()
        done = command.result()
    assert done.code == 5
    assert "only archived assets can be deleted" in done.err
    assert "archive it first" in done.err
    assert "owner" not in done.err
    assert program.server.store.find(OLD) is not None
