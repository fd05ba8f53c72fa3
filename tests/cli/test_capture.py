"""``create`` from runs, workstations and other assets, ``runs`` and ``run``."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.program import Program, find_leaks
from tests.support.server import (
    EMPTY_RUN,
    FAILED_RUN,
    FINISHED,
    MY_CAPSULE,
    OUTSIDE,
    RAW,
    RUNNING,
    SESSION,
    make_id,
)


def test_runs_are_listed_the_newest_first(program: Program) -> None:
    rows = program.ok("runs", "Spike sorting", "--sizes", "--json").json
    assert {row["id"] for row in rows} >= {FINISHED, FAILED_RUN, RUNNING, EMPTY_RUN}
    assert SESSION not in {row["id"] for row in rows}
    (finished,) = (row for row in rows if row["id"] == FINISHED)
    assert finished["size"] > 0
    assert (finished["capsule"], finished["end_status"]) == (MY_CAPSULE, "succeeded")
    table = program.ok("runs", MY_CAPSULE, "-n", "2").lines
    assert table[0].split() == ["ID", "STATE", "CREATED", "TIME", "RESULTS", "NAME"]
    assert len(table) == 3
    assert program("runs", "no such capsule").code == 4
    assert program("runs", FINISHED).code == 5


def test_run_capture_tag_share_and_wait(program: Program) -> None:
    (run,) = program.ok(
        *("run", "Spike sorting", "--attach", OUTSIDE),
        *("--parameter", "threshold=7", "--wait", "-o", "ids"),
    ).lines
    started = program.server.store.workshop.find_computation(run)
    assert started is not None
    assert [each.value for each in started.parameters] == ["7"]
    (made,) = program.ok(
        *("create", "sorted", "--from-computation", run, "--tag", "derived"),
        *("--everyone", "viewer", "--user", f"{program.server.users[1].email}:editor"),
        *("--wait", "--json"),
    ).json
    stored = program.server.store.get(made["id"])
    assert (stored.state, stored.type, stored.everyone) == ("ready", "result", "viewer")
    assert stored.tags == ("derived",)
    assert len(program.server.requests("POST", "*/data_assets")) == 1


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        ((), 2, "what is it made from?"),
        (("--bucket", "b", "--gcp", "c"), 2, "give only one of --bucket and --gcp"),
        (("--bucket", "b", "--path", "p"), 2, "--path goes with --from-computation"),
        (("--bucket", "b", "--target", "s3://b"), 2, "--target goes with"),
        (("--from-computation", FINISHED, "--target", "s3://"), 2, "expected s3://BUCKET"),
        (("--from-computation", FINISHED, "--target", "foo"), 2, "expected s3://BUCKET"),
        (("--from-computation", FINISHED, "--target", "foo/bar"), 2, "expected s3://BUCKET"),
        (("--from-computation", FINISHED, "--target", "s3:/foo/bar"), 2, "expected s3://BUCKET"),
        (("--from-computation", FINISHED, "--target", "https://b/p"), 2, "expected s3://BUCKET"),
        (("--from-computation", FINISHED, "--target", "s3://a b"), 2, "expected s3://BUCKET"),
        (("--from-workstation", "f", "--workstation", SESSION), 5, "give the whole path"),
        (("--from-workstation", "~/f", "--workstation", SESSION), 5, "give the whole path"),
        (("--from-workstation", "../f", "--workstation", SESSION), 5, "give the whole path"),
        (("--from-computation", ""), 2, ""),
        (("--from-computation", FINISHED, "--path", ""), 2, ""),
        (("--from-computation", FINISHED, "--path", "no/such"), 4, "there is no 'no/such'"),
        (("--from-computation", FINISHED, "--everyone", "owner"), 2, "everyone"),
        (("--from-computation", FINISHED, "--user", "x"), 2, "expected NAME:ROLE"),
        (("--from-computation", RUNNING), 5, "has no results yet: it is running"),
        (("--from-computation", FAILED_RUN), 5, "has no results"),
        (("--from-computation", "no-such-run"), 4, "coexplorer runs CAPSULE"),
        (("--from-workstation", "figures"), 5, "this is no cloud workstation"),
        (("--from-workstation", "figures", "--workstation", FINISHED), 5, "no cloud workstation"),
        (("--combine", OUTSIDE), 2, "two different assets"),
        (("--combine", OUTSIDE, "--combine", RAW), 5, "it is not external"),
        (("--bucket", "b", "--made-by", "nobody"), 4, "no capsule, pipeline"),
        (("--bucket", "b", "--commit", "abc"), 2, "--commit goes with --made-by"),
    ],
)
def test_what_can_not_be_captured_is_one_sentence(
    program: Program, args: tuple[str, ...], code: int, told: str
) -> None:
    done = program("create", "bad", *args)
    assert (done.code, done.out) == (code, "")
    assert told in " ".join(done.err.split())
    assert program.server.requests("POST", "*/data_assets") == []


def test_a_folder_of_the_workstation_of_a_capsule_and_combined_assets(program: Program) -> None:
    store = program.server.store
    store.insert([replace(store.get(OUTSIDE), id=make_id(33), name="second", mount="second")])
    done = program.ok(
        "create", "both", "--combine", "-", "--json", stdin=f"{OUTSIDE}\n{make_id(33)}\n"
    )
    assert store.get(done.json[0]["id"]).type == "combined"
    where = ("--workstation", "Spike sorting", "--run-script", "code/plot.py")
    done = program.ok("create", "figures", "--from-workstation", "/figures", *where, "--json")
    provenance = store.get(done.json[0]["id"]).provenance
    assert provenance is not None
    assert (provenance.computation, provenance.run_script) == (SESSION, "code/plot.py")


def test_keys_of_google_stay_nowhere(program: Program, tmp_path: Path) -> None:
    (program.server.make_bucket("lab", keys=("my-id", "hush-of-google")) / "a.txt").write_text("a")
    done = program.ok(
        *("create", "google", "--gcp", "lab", "--ask-keys", "--wait", "--json"),
        stdin="my-id\nhush-of-google\n",
    )
    assert done.json[0]["state"] == "ready"
    assert [text for text in program.said if "hush-of-google" in text] == []
    assert find_leaks("hush-of-google", tmp_path / "home") == []


def test_what_is_made_and_not_shared_says_so(program: Program) -> None:
    program.server.faults.add(400, "POST", "data_assets/*/permissions", times=1)
    args = ("create", "x", "--from-computation", FINISHED, "--everyone", "viewer", "--json")
    done = program(*args)
    assert done.code == 7
    assert "x is made, but not shared as asked" in done.err
    stored = program.server.store.get(done.json[0]["id"])
    assert stored.everyone == "none"


def test_a_run_that_is_waited_for_no_time_is_not_waited_for(program: Program) -> None:
    done = program("run", "Spike sorting", "--wait", "--timeout", "0", "-o", "ids")
    assert done.code == 11
    for each in done.lines:
        assert program.server.store.workshop.find_computation(each) is not None


def test_an_undo_says_of_a_refused_sharing_that_the_platform_does_not_have_it(
    program: Program,
) -> None:
    program.server.faults.add(400, "POST", "data_assets/*/permissions", times=1)
    program("create", "x", "--from-computation", FINISHED, "--everyone", "viewer")
    done = program("undo")
    assert "gives up one that the platform does not have: share x" in done.err
    assert "not sent" not in done.err
