"""What is said about changes that were not sent, and with which exit code."""

import json
import os
import signal
import subprocess

import pytest

from tests.cli.test_kept import is_there
from tests.library.conftest import many_assets
from tests.support.program import TIMEOUT_S, Program, program_command
from tests.support.server import DERIVED, OLD, RAW


@pytest.fixture(autouse=True)
def _old_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every command that can ask the platform for news do so."""
    monkeypatch.setattr("coexplorer.cli.freshness.FRESH_S", 0.0)


@pytest.mark.parametrize(
    "command",
    [
        ("edit", RAW, "--remove-tag", "SECRET", "--yes"),
        ("edit", RAW, DERIVED, "--add-tag", "ecephys", "--yes"),
        ("edit", RAW, "--mount", "ecephys_655019_2023-04-03_18-17-07"),
        ("edit", "--query", "tag:ecephys", "--remove-tag", "SECRET", "--yes"),
        ("archive", OLD),
        ("unarchive", RAW),
        ("archive", "--query", "tag:SECRET", "--yes"),
        ("edit", "--query", "tag:SECRET", "--name", "found", "--yes"),
        ("tags", "rename", "SECRET", "public", "--yes"),
    ],
)
def test_nothing_is_called_so_already_while_the_platform_is_down(
    program: Program, command: tuple[str, ...]
) -> None:
    server = program.server
    program.ok("sync")
    server.store.update(RAW, tags=(*server.store.get(RAW).tags, "SECRET"))
    server.stop()
    done = program(*command)
    assert done.code == 6, done
    assert "left as they were" not in done.out
    server.start()
    if "coexplorer retry" in done.out:
        program.ok("retry")
        assert ("SECRET" in server.store.get(RAW).tags) is ("--remove-tag" not in command)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("archive", RAW), ("unarchive", RAW)),
        (("edit", RAW, "--add-tag", "later"), ("edit", RAW, "--remove-tag", "later")),
        (("edit", RAW, "--name", "later"), ("edit", RAW, "--name", "right")),
        (("edit", RAW, "--description", "later"), ("edit", RAW, "--description", "right")),
    ],
)
@pytest.mark.parametrize("second_is_down", [True, False])
def test_the_last_command_wins(
    program: Program, first: tuple[str, ...], second: tuple[str, ...], *, second_is_down: bool
) -> None:
    server = program.server
    program.ok("sync")
    server.stop()
    assert program(*first).code == 6
    if not second_is_down:
        server.start()
        assert "gives up one that the platform does not have" in program.ok(*second).err
    else:
        done = program(*second)
        assert done.code == 6
        assert "gives up one that the platform does not have" in done.err
        server.start()
    program.ok("retry")
    assert not is_there(server)
    raw = server.store.get(RAW)
    if "right" in second:
        assert "right" in (raw.name, raw.description)
    assert "Waiting for you" not in program.ok("log").out


def test_undo_names_what_is_older_and_takes_nothing(program: Program) -> None:
    program.ok("sync")
    program.ok("edit", RAW, "--description", "yesterday")
    program.server.faults.add(403, "PUT")
    assert program("edit", DERIVED, "--add-tag", "today").code == 5
    program.server.faults.clear()
    done = program("undo")
    assert done.code == 5
    assert "the last change, number 2 (add tag today), did not go through: 1 refused" in done.err
    assert "give it up: coexplorer undo 2" in done.err
    assert "coexplorer undo 1 (set description)" in done.err
    assert program.server.store.get(RAW).description == "yesterday"
    assert "gave up 1 change that was not on the platform" in program.ok("undo", "2").out
    program.ok("undo", "1")
    assert program.server.store.get(RAW).description != "yesterday"


@pytest.mark.parametrize("number", [(), ("2",)])
def test_undo_gives_up_what_was_not_sent_and_says_so(
    program: Program, number: tuple[str, ...]
) -> None:
    program.ok("sync")
    program.ok("edit", RAW, "--description", "yesterday")
    program.server.stop()
    assert program("edit", DERIVED, "--add-tag", "today").code == 6
    shown = program.ok("undo", *number, "--dry-run").out
    assert "undo: add tag today" in shown
    done = program.ok("undo", *number)
    assert done.out == (
        "undo: add tag today (change 2): gave up 1 change that was not on the platform"
        " (take it back: coexplorer redo)\n"
    )
    program.server.start()
    assert program.ok("retry").out == "nothing is waiting to be sent\n"
    assert program.server.store.get(RAW).description == "yesterday"
    assert (
        "redo: add tag today (change 3): 1 change that the undo gave up" in program.ok("redo").out
    )
    assert "change 4 was brought back, 1 not sent" in program.ok("retry").out
    assert "today" not in program.server.store.get(DERIVED).tags
    program.ok("retry", "--batch", "4")
    assert "today" in program.server.store.get(DERIVED).tags


@pytest.mark.parametrize("number", [(), ("1",)])
@pytest.mark.parametrize("arrived", [True, False])
def test_undo_of_a_change_whose_reply_was_lost_waits_for_the_platform(
    program: Program, number: tuple[str, ...], *, arrived: bool
) -> None:
    program.ok("sync")
    before = program.server.store.get(RAW).description
    program.server.faults.add("lost" if arrived else 504, "PUT")
    program.server.faults.add("reset", "GET", f"data_assets/{RAW}", after=2)
    assert program("edit", RAW, "--description", "perhaps").code == 6
    assert "1 unknown" in program.ok("log").out
    program.server.faults.clear()
    program.server.stop()
    for options in ((), ("--dry-run",)):
        done = program("undo", *number, *options)
        assert done.code == 6, done
        assert "nobody knows yet whether change 1 arrived, so nothing was taken back" in done.err
    assert "1 unknown" in program.ok("log").out
    program.server.start()
    said = program.ok("undo", *number).out
    assert ("gave up 1 change" in said) is not arrived
    assert program.server.store.get(RAW).description == before
    assert program.ok("retry").out == "nothing is waiting to be sent\n"
    program.ok("redo")
    if not arrived:  # it never was there, so only its number sends it
        assert program.server.store.get(RAW).description == before
        program.ok("retry", "--batch", "3")
    assert program.server.store.get(RAW).description == "perhaps"


@pytest.mark.parametrize(
    "command",
    [
        ("edit", RAW, "--add-tag", "later"),
        ("edit", RAW, "--description", "later"),
        ("archive", RAW),
    ],
)
def test_what_was_only_given_up_is_not_called_applied(
    program: Program, command: tuple[str, ...]
) -> None:
    program.ok("sync")
    program.server.stop()
    assert program(*command).code == 6
    (row,) = json.loads(program.ok("undo", "-o", "json").out)
    assert (row["state"], row["changed"]) == ("given_up", [])
    assert json.loads(program.ok("log", "2", "-o", "json").out)[0]["state"] == "given_up"
    assert {each["state"] for each in json.loads(program.ok("log", "-o", "json").out)} == {
        "given_up",
        "discarded",
    }
    shown = program.ok("log").out
    assert "1 given up" in shown
    assert "applied" not in shown
    assert "given up" in program.ok("log", "2").out
    program.server.start()
    program.ok("redo")
    program.ok("retry", "--batch", "3")
    assert "1 applied" in program.ok("log").out


@pytest.mark.parametrize("theirs", [{"tags": ()}, {"description": "theirs"}])
@pytest.mark.parametrize("first", ["undo", "discard", "retry"])
def test_what_arrived_without_a_reply_is_told_part_by_part(
    program: Program, theirs: dict[str, object], first: str
) -> None:
    program.ok("sync")
    before = program.server.store.get(RAW).description
    program.server.faults.add("lost", "PUT")
    program.server.faults.add("reset", "GET", f"data_assets/{RAW}", after=2)
    assert program("edit", RAW, "--description", "words", "--add-tag", "lost").code == 6
    program.server.faults.clear()
    assert "lost" in program.server.store.get(RAW).tags
    program.server.store.update(RAW, **theirs)
    if first == "discard":
        done = program("discard", "1")
        assert done.code == 7, done
        assert "entry 1 had arrived, so it was not given up" in done.out
        assert "coexplorer undo 1" in done.out
    elif first == "retry":
        program.ok("retry", "1")
        assert ("lost" in program.server.store.get(RAW).tags) is ("tags" not in theirs)
    done = program("undo")
    assert done.code == (7 if "description" in theirs else 0), done
    assert "gave up" not in done.out
    stored = program.server.store.get(RAW)
    assert "lost" not in stored.tags
    assert stored.description == theirs.get("description", before)
    assert ("description" in done.err) is ("description" in theirs)


def test_discard_of_what_may_have_arrived_keeps_it_while_nobody_can_tell(program: Program) -> None:
    program.ok("sync")
    before = program.server.store.get(RAW).description
    program.server.faults.add("lost", "PUT")
    program.server.faults.add("reset", "GET", f"data_assets/{RAW}", after=2)
    assert program("edit", RAW, "--description", "words").code == 6
    program.server.faults.clear()
    program.server.stop()
    for what in ("1", "--all"):
        done = program("discard", what)
        assert done.code == 6, done
        assert "it may have arrived, so it was not given up" in done.err
    assert "1 unknown" in program.ok("log").out
    program.server.start()
    program.ok("undo")
    assert program.server.store.get(RAW).description == before


def test_undo_after_a_change_without_effect_names_what_it_takes_back(program: Program) -> None:
    program.ok("sync")
    program.ok("edit", RAW, "--description", "yesterday")
    program.ok("edit", DERIVED, "--add-tag", "ecephys")
    assert "undo: set description" in program.ok("undo", "--dry-run").out
    done = program.ok("undo")
    assert "undo: set description (change 1): changed" in done.out
    assert done.err == "", "what changed nothing is no change of the log"


def test_an_undo_that_was_overtaken_is_no_failure_of_retry(program: Program) -> None:
    program.ok("sync")
    program.ok("edit", RAW, "--name", "first", "--description", "first")
    program.server.stop()
    assert program("undo").code == 6
    program.server.start()
    assert (
        "gives up one that the platform does not have"
        not in program.ok("edit", RAW, "--name", "second").err
    )
    assert "changed second" in program.ok("retry").out
    raw = program.server.store.get(RAW)
    assert raw.name == "second"
    assert raw.description.startswith("Raw **Neuropixels**")
    program.ok("edit", RAW, "--name", "third")
    program.server.stop()
    assert program("undo").code == 6
    program.server.start()
    assert (
        "this change gives up one that the platform does not have: edit third"
        in program.ok("edit", RAW, "--name", "fourth").err
    )
    assert program.ok("retry").out == "nothing is waiting to be sent\n"
    assert program.server.store.get(RAW).name == "fourth"


def test_a_dry_run_ends_as_the_real_run_does(program: Program) -> None:
    server = program.server
    program.ok("sync")
    program.ok("edit", RAW, "--name", "first", "--description", "first")
    server.store.update(RAW, name="a colleague's")
    foretold, done = program("undo", "--dry-run"), program("undo")
    assert (foretold.code, done.code) == (7, 7)
    server.store.update(OLD, archived=False)
    program.ok("sync", "--force")
    both = ("rm", RAW, DERIVED, "--yes")
    server.store.update(DERIVED, archived=True)
    program.ok("sync", "--force")
    foretold, done = program(*both, "--dry-run"), program(*both)
    assert (foretold.code, done.code) == (7, 7)


def test_a_dry_run_counts_apart_what_seems_to_be_so_already(program: Program) -> None:
    program.ok("sync")
    for command, seems in (
        (("unarchive", RAW), "seems not to be archived"),
        (("archive", OLD), "seems to be archived already"),
    ):
        done = program.ok(*command, "--dry-run")
        assert f"{seems}; the platform is asked" in done.out
        verb = command[0].capitalize()
        assert done.lines[-1].startswith(f"{verb} 0 assets, ask the platform about 1")
        (row,) = program.ok(*command, "--dry-run", "-o", "json").json
        assert seems in row["note"]


def test_a_redo_says_beforehand_what_it_does_not_send(program: Program) -> None:
    ids = many_assets(program.server, 3)
    program.ok("sync")
    program.server.faults.add(403, "PUT", f"data_assets/{ids[0]}*", times=1)
    assert program("edit", "--query", "tag:bulk", "--add-tag", "new", "--yes").code == 7
    program("undo")
    rows = program("redo", "--dry-run", "-o", "json").json
    assert [row["sent"] for row in rows if row["id"] != ids[0]] == [True, True]
    (kept,) = (row for row in rows if row["id"] == ids[0])
    assert (kept["sent"], kept["left_out"], kept["gives_up"]) == (False, None, False)
    assert "it waits until you send it" in kept["note"]
    told = program("redo", "--dry-run").lines[-1]
    assert told == ("Edit 2 assets, put 1 change that the undo gave up back into the log, unsent")
    done = program("redo")
    assert "1 change that the undo gave up waits again, unsent: coexplorer retry" in done.out


def test_many_are_not_sent_again_where_nobody_can_be_asked(program: Program) -> None:
    ids = many_assets(program.server, 21)
    program.ok("sync")
    program.server.stop()
    assert program("edit", "--query", "tag:bulk", "--add-tag", "new", "--yes").code == 6
    program.server.start()
    done = program.spawn("retry")  # a process without a terminal
    assert done.code == 2
    assert "21 assets of change 1" in done.err
    assert "add --yes" in done.err
    assert not any("new" in program.server.store.get(each).tags for each in ids)
    program.ok("retry", "--yes")
    assert all("new" in program.server.store.get(each).tags for each in ids)


def test_retry_counts_what_it_has_sent_itself(program: Program) -> None:
    ids = many_assets(program.server, 5)
    program.ok("sync")
    program.server.faults.add(503, "*", f"data_assets/{ids[3]}*")
    assert program("edit", "--query", "tag:bulk", "--add-tag", "new", "--yes").code in (6, 7)
    program.server.faults.clear()
    left = sum("new" not in program.server.store.get(each).tags for each in ids)
    out = program.ok("retry", "--batch", "1").out
    assert f"changed {left} asset" in out or (left == 1 and "changed session" in out)


def test_undo_says_what_of_the_change_it_gave_up(program: Program) -> None:
    program.ok("sync")
    program.server.faults.add(503, "*", f"**{DERIVED}")
    assert program("edit", "--query", "tag:ecephys", "--add-tag", "keep", "--yes").code == 7
    program.server.faults.clear()
    done = program.ok("undo")
    assert "gives up one that the platform does not have: edit" in done.err
    assert program.ok("retry").out == "nothing is waiting to be sent\n"
    assert "keep" not in program.server.store.get(DERIVED).tags
    assert "keep" not in program.server.store.get(RAW).tags


def test_an_undo_that_goes_out_later_says_what_it_left_alone(program: Program) -> None:
    program.ok("edit", RAW, "--name", "mine", "--description", "mine")
    program.server.stop()
    assert program("undo").code == 6
    program.server.start()
    program.server.store.update(RAW, description="theirs")
    done = program("retry")
    assert done.code == 7
    assert "the description was changed elsewhere since; left alone" in done.err


@pytest.mark.parametrize("how", ["a list", "a query"])
def test_many_that_were_not_tried_end_alike(program: Program, how: str) -> None:
    ids = many_assets(program.server, 20)
    program.ok("sync")
    program.server.stop()
    target = ("-",) if how == "a list" else ("--query", "tag:bulk")
    done = program("edit", *target, "--add-tag", "new", "--yes", stdin="\n".join(ids))
    assert done.code == 6
    assert "interrupted" not in done.err + program.ok("log", "1").out
    assert "not tried: " in done.err
    program.server.start()
    program.ok("retry")
    assert all("new" in program.server.store.get(each).tags for each in ids)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("retry",), 0),
        (("retry", "--refused"), 0),
        (("discard", "--all"), 0),
        (("discard", "--refused"), 0),
        (("retry", "--batch", "1"), 0),
        (("redo",), 5),
        (("retry", "99"), 4),
        (("retry", "--batch", "99"), 4),
    ],
)
def test_nothing_to_do_is_no_failure(program: Program, command: tuple[str, ...], code: int) -> None:
    program.ok("edit", RAW, "--add-tag", "done")
    assert program(*command).code == code


def test_a_refused_delete_is_not_nothing(program: Program) -> None:
    program.ok("sync")
    program.server.faults.add(403, "DELETE", "**")
    assert program("rm", OLD, "--yes").code == 5
    done = program.ok("retry", "--refused")
    assert "not deleted unless you name them: coexplorer retry 1" in done.err
    assert "nothing waits" not in done.out


def test_what_fails_again_names_its_asset(program: Program) -> None:
    program.ok("sync")
    program.server.stop()
    for asset in (RAW, DERIVED):
        assert program("edit", asset, "--description", "mine").code == 6
    done = program("retry")
    assert done.code == 6
    for asset in (RAW, DERIVED):
        assert f"{program.server.store.get(asset).name} ({asset[:8]}): " in done.err
    program.server.start()
    program.server.store.update(RAW, description="theirs")
    done = program("retry")
    assert f"{program.server.store.get(RAW).name} ({RAW[:8]}): the " in done.err


def test_a_conflict_says_what_ends_it(program: Program) -> None:
    program.ok("sync")
    program.server.stop()
    assert program("edit", RAW, DERIVED, "--description", "mine", "--yes").code == 6
    program.server.start()
    program.server.store.update(RAW, description="theirs")
    done = program("retry", "--batch", "1")
    assert done.code == 7
    assert "1 in conflict: edit again, or coexplorer discard" in done.out
    assert "retry" not in done.out
    assert "description (theirs): theirs" in done.err
    shown = program.ok("log", "1").out
    assert "→ mine" in shown or "+ mine" in shown
    assert "coexplorer discard 1" in shown
    program.ok("edit", RAW, "--description", "mine")
    assert program.ok("retry").out == "nothing is waiting to be sent\n"
    assert program.server.store.get(RAW).description == "mine"


def test_what_was_archived_and_not_deleted_is_said(program: Program) -> None:
    program.ok("sync")
    program.server.faults.add(503, "DELETE", "**")
    done = program("rm", RAW, "--archive-first", "--yes")
    assert done.code == 6
    assert "it is archived now" in done.err
    assert "1 archived but not deleted" in done.out
    assert program.server.store.get(RAW).archived


@pytest.mark.parametrize("undone", [True, False])
def test_what_a_colleague_has_unarchived_is_not_said_to_be_archived(
    program: Program, *, undone: bool
) -> None:
    program.ok("sync")
    program.server.faults.add(503, "DELETE", "**")
    assert program("rm", RAW, DERIVED, "--archive-first", "--yes").code == 6
    if undone:
        program.server.faults.clear()
    program.server.store.update(RAW, archived=False)
    done = program("retry", "--batch", "1")
    (line,) = [line for line in done.err.splitlines() if RAW[:8] in line]
    assert "it is archived now" not in line
    assert ("1 archived but not deleted" in done.out) is not undone
    assert program.server.store.find(RAW) is not None
    assert (program.server.store.find(DERIVED) is None) is undone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("without_ctrl_c", [False, True])
def test_a_signal_ends_a_batch_as_ctrl_c_does(
    program: Program, number: signal.Signals, *, without_ctrl_c: bool
) -> None:
    program.ok("sync")
    rule = program.server.faults.add("silence", "PUT", f"data_assets/{DERIVED}")
    command = program_command("edit", "--query", "tag:ecephys", "--add-tag", "keep", "--yes")
    if without_ctrl_c:  # as a shell starts what ends with &
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    with subprocess.Popen(
        command, env={**os.environ, **program.env}, stderr=subprocess.PIPE, text=True
    ) as process:
        program.server.faults.wait_struck(rule)
        process.send_signal(number)
        _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + number
    assert "stopped: " in said
    assert "coexplorer retry --batch 1" in said
    assert "Traceback" not in said
    program.server.faults.clear()
    log = program.ok("log").out
    assert "change 1 was stopped, " in log
    assert " may still arrive: coexplorer retry --batch 1 goes on" in log
    before = program.server.store.get(DERIVED)
    said = program.ok("retry").out
    assert "change 1 was stopped, " in said
    assert program.server.store.get(DERIVED) == before, "nobody has named it"
    program.ok("retry", "--batch", "1")
    assert "keep" in program.server.store.get(DERIVED).tags


def test_an_ignored_signal_stays_ignored(program: Program) -> None:
    program.ok("sync")
    rule = program.server.faults.add("latency", "PUT", f"data_assets/{RAW}", seconds=1)
    command = program_command("edit", RAW, "--add-tag", "keep")
    with subprocess.Popen(
        ["nohup", *command],
        env={**os.environ, **program.env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        program.server.faults.wait_struck(rule)
        process.send_signal(signal.SIGHUP)
        assert process.wait(TIMEOUT_S) == 0
    assert "keep" in program.server.store.get(RAW).tags


@pytest.mark.parametrize("trouble", ["away", "signed out"])
def test_what_would_meet_every_other_change_is_met_once(program: Program, trouble: str) -> None:
    program.ok("sync")
    program.server.stop()
    for number in range(5):
        assert program("edit", RAW, "--add-tag", f"tag{number}").code == 6
    if trouble == "signed out":
        program.server.start()
        program.server.faults.add(401, "*", "**")
        program.server.log.clear()
    done = program("retry")
    assert done.code in (3, 6)
    assert done.err.count(": not tried; it is kept as it was") == 4
    assert len(json.loads(program.ok("log", "-o", "json").out)) == 5
    if trouble == "signed out":
        assert len(program.server.requests()) < 8
    else:
        program.server.start()
    program.server.faults.clear()
    program.ok("retry")
    assert {f"tag{number}" for number in range(5)} <= set(program.server.store.get(RAW).tags)
