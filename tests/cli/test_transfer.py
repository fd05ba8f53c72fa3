"""``transfer``: for administrators, once, followed to its end, and never sent again."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coexplorer.cli import exits
from coexplorer.demo.hooks import TRANSFER
from tests.library.conftest import many_assets
from tests.support.program import Program, program_command
from tests.support.server import (
    COMBINED,
    DERIVED,
    DRAFT,
    MY_PIPELINE,
    RAW,
    make_id,
    running_server,
)


@pytest.fixture
def admin(program: Program) -> Program:
    """The command line of an administrator, and a bucket called ``elsewhere``."""
    program.server.admins = frozenset({program.server.users[0].email})
    program.server.make_bucket("elsewhere")
    return program


def sent(program: Program) -> int:
    return len(program.server.requests("POST", "*/transfer"))


def state_of(program: Program, change: int = 1) -> tuple[str, str | None]:
    row = program.ok("log", str(change), "-o", "json").json[0]
    return row["state"], row["error"]


def test_files_move_and_nothing_takes_that_back(admin: Program) -> None:
    to = ("transfer", DERIVED, "--to", "s3://elsewhere/2024")
    dry = admin.ok(*to, "--dry-run")
    assert "storage" in dry.out
    assert "→ s3://elsewhere/2024" in dry.out
    assert "can't be undone" in dry.out
    plan = admin.ok(*to, "--dry-run", "-o", "json").json[0]
    assert (plan["action"], plan["changes"][0]["field"]) == ("transfer", "storage")
    assert sent(admin) == 0
    done = admin.ok(*to, "-y", "--wait")
    assert done.out.startswith("transferred ")
    assert "undo" not in done.out
    assert sent(admin) == 1
    asset = admin.server.store.find(DERIVED)
    assert asset is not None
    assert asset.source is not None
    assert (asset.source.bucket, asset.source.prefix) == ("elsewhere", "2024")
    assert "already" in admin.ok(*to, "-y").out
    assert sent(admin) == 1
    assert state_of(admin) == ("applied", None)
    refused = admin("undo", "1")
    assert refused.code != 0
    assert "transferring the files of" in refused.err
    assert "can't be undone" in refused.err
    assert admin("undo").code != 0
    assert sent(admin) == 1


def test_only_administrators_may(program: Program) -> None:
    done = program("transfer", DERIVED, "--to", "s3://elsewhere/x", "-y")
    assert done.code != 0
    assert "only administrators of the platform can transfer assets" in done.err
    assert "log" not in done.out
    assert state_of(program)[0] == "refused"


def test_the_platforms_reason_is_told(admin: Program) -> None:
    done = admin("transfer", DERIVED, "--to", "s3://nowhere/x", "-y", "--wait", "-o", "json")
    assert done.code != 0
    assert "NoSuchBucket" in done.err
    assert (done.json[0]["state"], done.json[0]["moving"]) == ("refused", False)
    assert "NoSuchBucket" in str(state_of(admin)[1])
    assert sent(admin) == 1


@pytest.mark.parametrize("is_cleared", [True, False])
def test_the_error_of_an_earlier_try_tells_nothing(admin: Program, *, is_cleared: bool) -> None:
    """It fails with the same error as before: known only where that was gone in between."""
    server, error = admin.server, "NoSuchBucket: as before"
    server.store.update(DERIVED, transfer_error=error)
    gate = server.hooks.before(TRANSFER)

    def fail() -> None:
        gate.wait()
        if not is_cleared:
            server.store.update(DERIVED, transfer_error=error)
        # For the plan, before it is sent, right after that, and twice while it waits.
        server.log.wait_for(5, "GET", f"*/data_assets/{DERIVED}", answered=True)
        server.store.update(DERIVED, transfer_error=error)

    with gate, ThreadPoolExecutor() as pool:
        failing = pool.submit(fail)
        done = admin("transfer", DERIVED, "--to", "s3://nowhere/x", "-y", "--wait")
        failing.result()
    assert done.code != 0
    assert error in done.err
    assert state_of(admin)[0] == ("refused" if is_cleared else "unknown")
    assert sent(admin) == 1


def test_without_wait_it_is_said_that_it_goes_on(admin: Program) -> None:
    to = ("transfer", DERIVED, "--to", "s3://elsewhere/x", "-y")
    with admin.server.hooks.before(TRANSFER) as gate:
        done = admin(*to, "--wait", "--timeout", "1", "-o", "json")
        assert done.code == exits.TIMED_OUT
        assert (done.json[0]["state"], done.json[0]["moving"]) == ("applied", True)
        assert "the platform still moves the files of 1 asset" in done.err
        assert "was not done yet" in admin.ok("log", "1").out
        second = admin(*to)
        assert second.code == exits.REFUSED
        assert "change 1 has begun to move its files" in second.err
        assert "--again" in second.err
        assert sent(admin) == 1
        with admin.server.hooks.after(TRANSFER) as end:
            gate.release()
            end.wait()
    assert "there already" in admin.ok(*to).out
    assert state_of(admin) == ("applied", None)
    assert sent(admin) == 1


@pytest.mark.parametrize("bucket", ["elsewhere", "nowhere"])
def test_a_lost_reply_is_settled_by_a_look_and_sends_nothing(admin: Program, bucket: str) -> None:
    admin.server.faults.add("lost", "POST", "data_assets/*/transfer", times=1)
    to = ("transfer", DERIVED, "--to", f"s3://{bucket}/x", "-y")
    with admin.server.hooks.before(TRANSFER) as gate:
        done = admin(*to)
        assert done.code != 0
        assert "not sent again" in done.err
        entry = admin.ok("log", "1", "-o", "json").json[0]["entry"]
        for again in (("retry",), ("retry", "--batch", "1"), ("retry", str(entry)), to):
            assert admin(*again).code != 0, again
            assert state_of(admin)[0] == "unknown"
        with admin.server.hooks.after(TRANSFER) as end:
            gate.release()
            end.wait()
    told = admin("retry", "--batch", "1", "--refused")
    state, error = state_of(admin)
    if bucket == "elsewhere":
        assert (told.code, state) == (0, "applied")
    else:
        assert (told.code != 0, state) == (True, "refused")
        assert "NoSuchBucket" in str(error)
    assert sent(admin) == 1


def test_a_killed_program_has_sent_it_once(admin: Program) -> None:
    server = admin.server
    words = program_command("transfer", DERIVED, "--to", "s3://elsewhere/x", "-y", "--wait")
    with server.hooks.before(TRANSFER) as gate, server.hooks.after("POST", "*/transfer") as reply:
        with subprocess.Popen(words, env={**os.environ, **admin.env}) as killed:
            reply.wait()
            killed.kill()
        reply.release()
        assert admin("retry").code != 0
        assert state_of(admin)[0] == "unknown"
        with server.hooks.after(TRANSFER) as end:
            gate.release()
            end.wait()
    admin.ok("retry")
    assert state_of(admin)[0] == "applied"
    assert sent(admin) == 1


def test_what_nobody_knows_of_can_be_given_up_or_sent_again(admin: Program) -> None:
    admin.server.faults.add("lost", "POST", "data_assets/*/transfer", times=1)
    to = ("transfer", DERIVED, "-y", "--to")
    with admin.server.hooks.before(TRANSFER), admin.server.hooks.before(TRANSFER):
        admin(*to, "s3://elsewhere/x")
        admin.ok(*to, "s3://elsewhere/y", "--again")
        assert sent(admin) == 2
        assert state_of(admin)[0] == "unknown"
        entry = admin.ok("log", "1", "-o", "json").json[0]["entry"]
        admin.ok("discard", str(entry))
        assert state_of(admin)[0] == "discarded"


def test_what_was_not_sent_is_sent_by_a_retry(admin: Program) -> None:
    admin.ok("ls")
    rule = admin.server.faults.add(503, "GET", f"data_assets/{DERIVED}")
    done = admin("transfer", "--query", f"id:{DERIVED}", "--to", "s3://elsewhere/x", "-y")
    assert (state_of(admin)[0], sent(admin)) == ("unsent", 0), done
    admin.server.faults.remove(rule)
    admin.ok("retry")
    assert (state_of(admin)[0], sent(admin)) == ("applied", 1)


@pytest.mark.parametrize(
    ("asset", "why"), [(COMBINED, "made of other assets"), (DRAFT, "in state draft")]
)
def test_what_cannot_be_transferred_is_left_out(admin: Program, asset: str, why: str) -> None:
    done = admin("transfer", asset, "--to", "s3://elsewhere/x", "-y")
    assert done.code != 0
    assert why in done.err
    assert sent(admin) == 0


def test_a_released_pipeline_wants_force(admin: Program) -> None:
    admin.server.store.workshop.update_capsule(MY_PIPELINE, status="release")
    refused = admin("transfer", RAW, "--to", "s3://elsewhere/x", "-y")
    assert "--force" in refused.err
    admin.ok("transfer", RAW, "--to", "s3://elsewhere/x", "-y", "--force")


def test_many_need_a_place_each(admin: Program) -> None:
    ids = many_assets(admin.server, 3)
    refused = admin("transfer", "--query", "tag:bulk", "--to", "s3://elsewhere/x", "-y")
    assert refused.code != 0
    assert "{id}" in refused.err
    rows = admin(
        *("transfer", "--query", "tag:bulk", "--to", "s3://elsewhere/all/{id}"),
        *("--dry-run", "-o", "json"),
    ).json
    assert sorted(row["changes"][0]["after"] for row in rows) == sorted(
        f"s3://elsewhere/all/{each}" for each in ids
    )


@pytest.mark.parametrize("target", ["", "s3://", "https://elsewhere/x", "s3:///x", "elsewhere/x"])
def test_a_place_that_is_none_is_refused(admin: Program, target: str) -> None:
    assert admin("transfer", DERIVED, "--to", target, "-y").code == 2
    assert sent(admin) == 0


def test_a_platform_that_is_too_old_says_from_which_version(legacy_program: Program) -> None:
    done = legacy_program("transfer", make_id(2), "--to", "s3://elsewhere/x", "-y")
    assert done.code != 0
    assert "takes version 3.1" in done.err
    assert sent(legacy_program) == 0


def test_a_platform_of_3_0_is_too_old_and_nothing_is_kept(tmp_path: Path) -> None:
    with running_server(tmp_path / "oldest", "3.0") as server:
        program = Program(server)
        done = program("transfer", RAW, "--to", "s3://archive/x", "--yes")
        assert (done.code, "that takes version 3.1" in done.err) == (5, True)
        assert program.ok("log", "--entries", "-o", "json").json == []


@pytest.mark.parametrize("bucket", ["elsewhere", "nowhere"])
@pytest.mark.parametrize("is_lost", [False, True])
def test_waiting_is_taken_up_again_and_sends_nothing(
    admin: Program, bucket: str, *, is_lost: bool
) -> None:
    server = admin.server
    if is_lost:
        server.faults.add("lost", "POST", "data_assets/*/transfer", times=1)
    with server.hooks.before(TRANSFER) as gate, ThreadPoolExecutor() as pool:
        admin("transfer", DERIVED, "--to", f"s3://{bucket}/x", "-y")
        late = admin("transfer", "--wait", DERIVED, "--timeout", "1", "-o", "json")
        assert late.code == exits.TIMED_OUT
        assert f"coexplorer transfer --wait {DERIVED[:8]}" in late.err
        assert ("nobody knows whether" in late.err) is is_lost
        assert (late.json[0]["state"], late.json[0]["moving"]) == (
            ("unknown", False) if is_lost else ("applied", True)
        )
        seen = len(server.requests("GET", f"*/data_assets/{DERIVED}"))
        waiting = pool.submit(admin, "transfer", "--wait", DERIVED, RAW)
        server.log.wait_for(seen + 1, "GET", f"*/data_assets/{DERIVED}", answered=True)
        gate.release()
        done = waiting.result()
    assert "1 other asset of these: no transfer is on its way" in done.err
    if bucket == "elsewhere":
        assert (done.code, state_of(admin)) == (0, ("applied", None)), done
        assert done.out.startswith("transferred ")
    else:
        assert (done.code != 0, state_of(admin)[0]) == (True, "refused"), done
        assert "NoSuchBucket" in done.err
    assert sent(admin) == 1
    over = admin("transfer", "--wait", DERIVED)
    assert over.code == exits.REFUSED
    assert "no transfer of it" in over.err
    assert sent(admin) == 1


def test_a_signal_says_that_the_platform_goes_on(admin: Program) -> None:
    server = admin.server
    words = program_command("transfer", DERIVED, "--to", "s3://elsewhere/x", "-y", "--wait")
    with server.hooks.before(TRANSFER):
        seen = f"*/data_assets/{DERIVED}"
        with subprocess.Popen(
            words, env={**os.environ, **admin.env}, stderr=subprocess.PIPE, text=True
        ) as stopped:
            server.log.wait_for(1, "POST", "*/transfer", answered=True)
            before = len(server.requests("GET", seen))
            server.log.wait_for(before + 3, "GET", seen, answered=True)
            stopped.send_signal(signal.SIGINT)
            _, told = stopped.communicate()
    assert "the platform still moves the files of 1 asset" in told
    assert f"coexplorer transfer --wait {DERIVED[:8]}" in told
    assert state_of(admin)[0] == "applied"


@pytest.mark.parametrize("words", [(), ("--wait", "--force"), ("--wait", "--dry-run")])
def test_where_to_must_be_said(admin: Program, words: tuple[str, ...]) -> None:
    done = admin("transfer", DERIVED, *words)
    assert done.code == exits.USAGE
    assert "--to" in done.err
    assert sent(admin) == 0
