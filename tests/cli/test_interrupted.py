"""What a command says of a change that a signal ends, and which rows it prints."""

import csv
import io
import json
import os
import signal
import subprocess
from collections import Counter

import pytest

from tests.support.program import TIMEOUT_S, Done, Program, program_command
from tests.support.server import DERIVED, FINISHED, MY_CAPSULE, RAW


def interrupt(program: Program, number: signal.Signals, *command: str, request: str) -> Done:
    """Run a command until its second change hangs and the first is done; send it a signal."""
    method, path = request.split()
    program.server.log.clear()
    rule = program.server.faults.add("silence", method, path, nth=2)
    with subprocess.Popen(
        program_command(*command),
        env={**os.environ, **program.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            program.server.faults.wait_struck(rule)
            program.server.log.wait_for(1, method, f"*/{path}", answered=True)
        finally:
            process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT_S)
    program.server.faults.clear()
    program.said += [out, err]
    assert "Traceback" not in err
    assert process.returncode == 128 + number
    return Done(process.returncode, out, err)


def read_rows(text: str, style: str) -> list[dict[str, str]]:
    """Return the rows of an answer, which has to be whole."""
    match style:
        case "json":
            rows: list[dict[str, str]] = json.loads(text)
        case "jsonl":
            rows = [json.loads(line) for line in text.splitlines()]
        case _:
            rows = list(csv.DictReader(io.StringIO(text)))
    return rows


TAGGED = ("--query", "tag:ecephys", "-y")
PUT = "PUT data_assets/*"


@pytest.mark.parametrize(
    ("number", "style", "before", "command", "request_"),
    [
        (signal.SIGINT, "jsonl", [], ["edit", *TAGGED, "--add-tag", "x"], PUT),
        (signal.SIGHUP, "csv", [], ["tags", "rename", "ecephys", "ephys", "-y"], PUT),
        (
            *(signal.SIGTERM, "json", []),
            ["share", *TAGGED, "--everyone", "viewer"],
            "POST data_assets/*/permissions",
        ),
        (
            *(signal.SIGINT, "json", []),
            ["archive", *TAGGED],
            "PATCH data_assets/*/archive",
        ),
        (
            *(signal.SIGTERM, "jsonl", [["edit", *TAGGED, "--add-tag", "x"]]),
            ["undo"],
            PUT,
        ),
        (
            *(signal.SIGINT, "json", [["edit", *TAGGED, "--add-tag", "x"], ["undo"]]),
            ["redo"],
            PUT,
        ),
    ],
)
def test_rows_of_what_was_done_are_printed_before_the_end(
    program: Program,
    number: signal.Signals,
    style: str,
    before: list[list[str]],
    command: list[str],
    request_: str,
) -> None:
    program.ok("sync")
    for each in before:
        program.ok(*each)
    done = interrupt(program, number, *command, "-o", style, request=request_)
    rows = read_rows(done.out, style)
    counts = Counter(row["state"] for row in rows)
    assert counts["applied"] == len(rows) - 1
    assert counts["applied"] + counts["unknown"] == len(rows) == len({RAW, DERIVED})
    log = program.ok("log", str(rows[0]["change"]), "-o", "json").json
    assert Counter(row["state"] for row in log) == counts
    assert f"stopped: {counts['applied']} done, " in done.err
    assert f"go on with: coexplorer retry --batch {rows[0]['change']}" in done.err
    again = program("retry", "--batch", str(rows[0]["change"]), "-o", style)
    assert [row["state"] for row in read_rows(again.out, style)] == ["applied"], again


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_retry_that_is_stopped_says_what_it_has_done(
    program: Program, number: signal.Signals
) -> None:
    program.ok("sync")
    program.server.stop()
    for each in (RAW, DERIVED):
        assert program("edit", each, "--add-tag", "x").code == 6
    program.server.start()
    done = interrupt(program, number, "retry", "-o", "json", request=PUT)
    assert "stopped: 1 done, 1 not sent; go on with: coexplorer retry\n" in done.err
    states = [(row["id"], row["state"]) for row in json.loads(done.out)]
    assert states == [(RAW, "applied"), (DERIVED, "unsent")]
    entry = json.loads(done.out)[1]["entry"]
    (row,) = program.ok("retry", str(entry), "-o", "json").json
    assert (row["id"], row["state"]) == (DERIVED, "applied")
    nothing = program.ok("retry", "-o", "json")
    assert nothing.json == []
    assert "nothing is waiting" in nothing.err


def test_rows_of_a_retry_tell_failures_too(program: Program) -> None:
    program.ok("sync")
    program.server.stop()
    for each in (RAW, DERIVED):
        assert program("edit", each, "--add-tag", "x").code == 6
    program.server.start()
    program.server.faults.add(403, "PUT", f"data_assets/{DERIVED}")
    done = program("retry", "-o", "jsonl")
    assert done.code == 7
    rows = read_rows(done.out, "jsonl")
    assert [(row["id"], row["state"], bool(row["error"])) for row in rows] == [
        (RAW, "applied", False),
        (DERIVED, "refused", True),
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("path", "command", "told"),
    [
        ("data_assets", ["create", "X", "--from-computation", FINISHED], "create it again"),
        ("computations", ["run", MY_CAPSULE], f"run it again: coexplorer runs {MY_CAPSULE}"),
    ],
)
def test_what_may_have_been_made_is_told_before_it_is_made_twice(
    program: Program, number: signal.Signals, path: str, command: list[str], told: str
) -> None:
    gate = program.server.hooks.before("POST", f"*/v1/{path}")
    with subprocess.Popen(
        program_command(*command),
        env={**os.environ, **program.env},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            gate.wait(TIMEOUT_S)
        finally:
            process.send_signal(number)
        _, err = process.communicate(timeout=TIMEOUT_S)
    gate.release()
    assert process.returncode == 128 + number
    assert f"look before you {told}" in err
