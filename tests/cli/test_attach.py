"""``attach``, ``detach`` and ``attached``: from a workstation's shell, and onto capsules."""

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from msgspec.structs import replace

from coexplorer.cli.commands import cli
from coexplorer.demo.asset import Role
from coexplorer.library import settle, workplaces
from coexplorer.library.completions import find_workplaces
from tests.library.conftest import many_assets
from tests.support.program import Program
from tests.support.server import (
    DERIVED,
    FINISHED,
    HIDDEN_CAPSULE,
    MY_CAPSULE,
    MY_PIPELINE,
    RAW,
    RELEASED_CAPSULE,
    SESSION,
    VIEWED,
    VIEWED_CAPSULE,
)


@pytest.fixture
def shell(program: Program) -> Program:
    """A shell in my workstation."""
    program.env["CO_COMPUTATION_ID"] = SESSION
    return program


def mounts(program: Program, computation: str = SESSION) -> dict[str, str]:
    found = program.server.store.workshop.find_computation(computation)
    assert found is not None
    return {each.id: each.mount for each in found.data_assets}


def test_200_are_found_attached_seen_detached_and_taken_back(shell: Program) -> None:
    ids = many_assets(shell.server, 200)
    found = shell.ok("ls", "tag:bulk", "-o", "ids").out
    dry = shell.ok("attach", "-", "--dry-run", stdin=found)
    assert "folder      → session_0" in dry.out
    assert f"Attach 200 assets to this workstation ({SESSION[:8]})" in dry.out
    assert shell.server.requests("POST", "*/data_assets") == []
    done = shell.ok("attach", "--query", "tag:bulk", "-y", "--wait")
    assert "attached 200 assets to workstation (session-) (take it back" in done.out
    again = shell.ok("attach", "--query", "tag:bulk", "-y")
    assert "200 attached already" in again.out
    table = shell.ok("attached")
    assert "201 assets attached to this workstation" in table.out
    assert "session 00199" in table.out
    rows = shell.ok("attached", "-o", "json").json
    assert {row["id"] for row in rows} == {RAW, *ids}
    assert rows[-1]["folder"].startswith("session_")
    assert rows[-1]["workplace"] == f"computations/{SESSION}"
    listed = shell.ok("attached", "-o", "ids").out
    gone = shell.ok("detach", "-", "-y", stdin=listed)
    assert "detached 201 assets" in gone.out
    assert "nothing is attached to this workstation" in shell.ok("attached").out
    shell.ok("undo")
    assert len(mounts(shell)) == 201
    assert mounts(shell)[ids[7]] == "session_7"
    told = shell.ok("log", "1", "-o", "json").json
    assert {row["workplace"] for row in told} == {f"computations/{SESSION}"}


def test_a_capsule_is_named_and_its_running_workstation_is_used(
    program: Program, tmp_path: Path
) -> None:
    done = program.ok("attach", DERIVED, "--onto", "Spike sorting", "--mount", "sorted")
    assert f"to workstation 'Cloud workstation' ({SESSION[:8]})" in done.out
    assert mounts(program)[DERIVED] == "sorted"
    program.server.store.workshop.update_computation(
        SESSION, state="completed", end_status="stopped"
    )
    row = program.ok("attach", VIEWED, "--onto", MY_CAPSULE, "-o", "json").json[0]
    assert (row["state"], row["workplace"], row["folder"], row["mounting"]) == (
        *("applied", f"capsules/{MY_CAPSULE}", "reference"),
        False,
    )
    rows = program.ok("attached", "Spike sorting", "-o", "json").json
    assert [(row["name"], row["kind"]) for row in rows][1:] == [("RNA-seq reference", "internal")]
    completer = ShellComplete(cli, {}, "coexplorer", "_COEXPLORER_COMPLETE")
    for command in (["attached"], ["attach", "--onto"], ["detach", "--from"]):
        offered = [item.value for item in completer.get_completions(command, "")]
        assert offered in ([MY_CAPSULE, SESSION], [])
    (journal,) = tmp_path.rglob("journals/*.sqlite3")
    offered = [each.text for each in find_workplaces(journal, "")]
    assert offered == [MY_CAPSULE, SESSION]
    offered = [each.text for each in find_workplaces(journal, "", to_run=True)]
    assert offered == [MY_CAPSULE]


def test_a_workstation_says_where_the_files_are(
    shell: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workplaces, "DATA_FOLDERS", (tmp_path / "none", tmp_path))
    path = str(tmp_path / "ecephys_655019_sorted")
    assert path in shell.ok("attach", DERIVED, "--wait").out
    assert path not in shell.ok("detach", DERIVED).out
    assert (
        f"attached to this workstation ({SESSION[:8]}), in {tmp_path}" in shell.ok("attached").out
    )
    assert shell.ok("attach", DERIVED, "-o", "json").json[0]["folder"] == "ecephys_655019_sorted"
    many_assets(shell.server, 6)
    many = shell.ok("attach", "--query", "tag:bulk", "-y")
    assert f"their files are in {tmp_path}\n" in many.out
    assert str(tmp_path) not in shell.ok("attach", VIEWED, "--onto", MY_PIPELINE).out
    del shell.env["CO_COMPUTATION_ID"]
    assert str(tmp_path) not in shell.ok("attach", VIEWED, "--onto", SESSION).out


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("attach", RAW), 5, "CO_COMPUTATION_ID is not set"),
        (("attached",), 5, "CO_COMPUTATION_ID is not set"),
        (("attach", RAW, "--onto", FINISHED), 5, "is a run, and not a cloud workstation"),
        (("attach", DERIVED, "--onto", VIEWED_CAPSULE), 5, "capsule"),
        (("attach", RAW, "--onto", HIDDEN_CAPSULE), 4, "there is no capsule"),
        (("attach", RAW, "--onto", "Spike"), 4, "did you mean Spike sorting"),
        (("attach", RAW, DERIVED, "-y", "--onto", SESSION, "--mount", "x"), 5, "one mount folder"),
        (("attach", DERIVED, "--onto", SESSION, "--mount", "/a/../b"), 2, "mount"),
        (("attach", DERIVED, "--onto", SESSION, "--mount", ""), 2, "it is empty; leave it out"),
        (("attach", "--onto", SESSION), 2, "which assets?"),
        (("detach", "no such asset", "--from", SESSION), 4, "there is no asset"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_done(
    program: Program, args: tuple[str, ...], code: int, told: str
) -> None:
    before = mounts(program)
    done = program(*args)
    assert done.code == code, done
    assert told in done.err
    assert "Traceback" not in done.err
    assert mounts(program) == before


def test_a_name_that_fits_two_an_asset_without_a_mount_and_an_old_platform(
    shell: Program,
) -> None:
    mine = shell.server.store.workshop.find_capsule(MY_CAPSULE)
    assert mine is not None
    shell.server.store.workshop.insert([replace(mine, id="twin")], [])
    two = shell("attach", RAW, "--onto", "Spike sorting")
    assert (two.code, "matches several capsules" in two.err) == (4, True)
    assert "twin" in two.err
    shell.server.store.update(DERIVED, mount="")
    bare = shell("attach", DERIVED)
    assert (bare.code, "attach it alone, with --mount FOLDER" in bare.err) == (5, True)
    shell.server.store.workshop.update_computation(SESSION, state="completed", end_status="x")
    over = shell("attach", VIEWED)
    assert (over.code, "is over" in over.err) == (5, True)
    shell.server.store.workshop.update_computation(SESSION, state="running", end_status="")
    shell.server.faults.add(404, "POST", "*/*/data_assets", message="Not Found")
    old = shell("attach", VIEWED)
    assert (old.code, "version 4.2" in old.err) == (5, True)


def test_waiting_ends_with_the_files_or_with_the_time(shell: Program) -> None:
    shell.server.mounting_s = 2.0
    done = shell.ok("attach", DERIVED)
    assert "1 still being mounted" in done.out
    late = shell("attach", VIEWED, "--wait", "--timeout", "0.9")
    assert (late.code, "not mounted yet" in late.err) == (11, True)
    shell.ok("undo", "2")
    shell.server.mounting_s = 0.3
    there = shell.ok("attach", VIEWED, "--wait")
    assert "still" not in there.out


def test_a_plain_retry_sends_what_waits_together_and_says_what_still_fails(shell: Program) -> None:
    ids = many_assets(shell.server, 120)
    rule = shell.server.faults.add(503, "POST", "computations/*/data_assets")
    first = shell("attach", "--query", "tag:bulk", "-y")
    assert first.code != 0
    still = shell("retry", "-y")
    assert still.code == 6
    assert "120 assets: " in still.err
    assert "120 unsent" in shell("log").out
    shell.server.faults.remove(rule)
    before = len(shell.server.requests("POST", "*/data_assets"))
    done = shell.ok("retry", "-y")
    assert len(shell.server.requests("POST", "*/data_assets")) - before == 2
    assert done.out.count("attached session") == 120
    assert set(ids) <= set(mounts(shell))
    assert "120 applied" in shell.ok("log").out
    shell.ok("undo", "--yes")
    assert not set(ids) & set(mounts(shell))


def test_a_create_that_was_not_made_is_not_offered_to_be_sent_again(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.server.faults.add(503, "POST", "data_assets")
    new = ("create", "X", "--from-computation", FINISHED, "--everyone", "viewer")
    assert program(*new).code == 6
    for again in (program("retry", "--batch", "1"), program("retry"), program("discard", "1")):
        assert again.code in (6, 7), again
        assert "may still arrive" in again.err
    monkeypatch.setattr(settle, "LATE_S", 0.0)
    program("retry")
    again = program("retry", "--batch", "1")
    assert (again.code, "its asset was not made" in again.err) == (5, True)
    log = program("log").out
    assert "1 not made, 1 skipped" in log
    assert "1 new asset was not made: coexplorer log --refused shows why" in log
    assert program("edit", VIEWED, "--description", "x").code == 5
    told = "1 change was refused, 1 new asset was not made: coexplorer log --refused"
    assert told in program("log").out
    assert told in program("retry").out
    assert "not made" in program("log", "1").out
    assert "--refused" not in again.err


@pytest.mark.parametrize("how", ["list", "whole", "start", "json"])
@pytest.mark.parametrize("place", [SESSION, MY_CAPSULE])
def test_what_its_owner_no_longer_shares_is_detached(
    program: Program, place: str, how: str
) -> None:
    program.ok("attach", VIEWED, DERIVED, "--onto", place, "-y")
    program.server.store.update(VIEWED, roles={}, everyone="none")
    assert program("show", VIEWED).code == 4
    style = "json" if how == "json" else "ids"
    listed = program.ok("attached", place, "-o", style).out
    assert VIEWED in listed
    if how in ("list", "json"):
        done = program.ok("detach", "-", "-y", "--from", place, stdin=listed)
        assert "detached 3 assets" in done.out
    else:
        done = program.ok("detach", VIEWED if how == "whole" else VIEWED[:8], "--from", place)
        assert VIEWED[:8] in done.out or "RNA-seq" in done.out
    left = program.ok("attached", place, "-o", "ids").lines
    assert VIEWED not in left
    assert (left == []) is (how in ("list", "json"))
    assert program("detach", "0badf00d-0000-4000-8000-000000000000", "--from", place).code == 4


def test_the_first_command_of_all_names_what_is_attached(shell: Program) -> None:
    """The platform does not name the assets of a computation."""
    table = shell.ok("attached")
    assert "ecephys_655019_2023-04-03_18-17-07" in table.out
    assert "not known" not in table.out
    assert len(shell.server.requests("GET", "*/data_assets/*")) == 1
    shell.ok("attached")
    assert len(shell.server.requests("GET", "*/data_assets/*")) == 1
    shell.server.store.update(VIEWED, roles={}, everyone="none")
    rule = shell.server.faults.add(403, "GET", "data_assets/*")
    here = shell.server.store.workshop.find_computation(SESSION)
    assert here is not None
    shell.server.store.workshop.update_computation(
        SESSION, data_assets=(*here.data_assets, replace(here.data_assets[0], id=VIEWED))
    )
    assert "(name not known here)" in shell.ok("attached").out
    shell.server.faults.remove(rule)


def test_whose_folder_it_is_is_said_by_name(shell: Program) -> None:
    shell.server.store.update(DERIVED, mount="reference")
    both = shell("attach", DERIVED, VIEWED, "-y", "--dry-run")
    assert "'reference' is also wanted by ecephys_655019_2023" in both.out
    assert "taken there" not in both.out
    shell.ok("attach", VIEWED)
    refused = shell("attach", DERIVED)
    assert f"is taken there by RNA-seq reference ({VIEWED[:8]})" in refused.err


@pytest.mark.parametrize(
    ("args", "version"),
    [
        (("attach", RAW), "4.2"),
        (("detach", RAW), "4.2"),
        (("create", "x", "--from-workstation", "/f"), "4.2"),
        (("create", "x", "--from-workstation", "/f", "--workstation", "Spike"), "4.2"),
        (("attached",), "2.18"),
        (("attach", RAW, "--onto", "Spike"), "3.1"),
        (("attach", RAW, "--onto", MY_CAPSULE), "3.1"),
        (("attach", RAW, "--onto", RAW), "2.18"),
    ],
    ids=str,
)
def test_an_old_platform_is_told_the_version_that_can_do_it(
    legacy_program: Program, args: tuple[str, ...], version: str
) -> None:
    legacy_program.env["CO_COMPUTATION_ID"] = SESSION
    done = legacy_program(*args)
    assert done.code == 5, done
    assert f"that takes version {version}" in " ".join(done.err.split())


def test_what_does_nothing_leaves_nothing_in_the_log(shell: Program) -> None:
    shell.server.store.update(VIEWED, mount="")
    shell.ok("sync")
    shell.ok("attach", DERIVED)
    for _ in range(2):
        shell.ok("attach", DERIVED, RAW, "-y")
        mixed = shell("attach", DERIVED, RAW, VIEWED, "-y")
        assert mixed.code != 0
        assert "no mount folder" in mixed.err
    assert "Attach 0 assets, leave 1 out" in shell("attach", RAW, "--dry-run").out
    assert [row["change"] for row in shell.ok("log", "-o", "json").json] == [1]


def pipeline_of_a_colleague(program: Program, role: Role) -> str:
    """Make a pipeline that a colleague owns, and in which I have a role."""
    me, colleague = program.server.users[:2]
    program.server.store.workshop.update_capsule(
        MY_PIPELINE, owner=colleague.email, roles={me.email: role}, groups={}, everyone="none"
    )
    return colleague.email


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_a_dry_run_says_that_one_may_only_see_it(program: Program, command: str) -> None:
    owner = pipeline_of_a_colleague(program, Role.VIEWER)
    asset, place = (DERIVED, "--onto") if command == "attach" else (RAW, "--from")
    words = (command, asset, place, MY_PIPELINE)
    told = "you can see this pipeline, but not change it"
    assert told in program.ok(*words, "--dry-run").out
    assert told in program.ok(*words, "--dry-run", "-o", "json").err
    done = program(*words)
    assert done.code != 0
    assert told in done.err
    assert f"{owner} can make you an editor" in done.err
    pipeline_of_a_colleague(program, Role.EDITOR)
    assert "likely" not in program.ok(*words, "--dry-run").out
    program.ok(*words)


def test_what_cannot_be_asked_is_not_said(program: Program) -> None:
    pipeline_of_a_colleague(program, Role.VIEWER)
    program.server.faults.add(403, "GET", "pipelines/*/permissions")
    dry = program.ok("attach", DERIVED, "--onto", MY_PIPELINE, "--dry-run")
    assert "likely" not in dry.out + dry.err


def test_nobody_is_sent_to_ask_themselves(program: Program) -> None:
    program.ok("ls")
    dry = program.ok("attach", DERIVED, "--onto", RELEASED_CAPSULE, "--dry-run")
    assert "is released" in dry.out
    done = program("attach", DERIVED, "--onto", RELEASED_CAPSULE)
    assert done.code != 0
    assert "a released one stays as it is" in done.err
    assert "ask its owner" not in done.err
    for message, told in (("", "create a token"), ("not today", "it is yours")):
        program.server.faults.add(403, "POST", "pipelines/*/data_assets", message=message)
        refused = program("attach", DERIVED, "--onto", MY_PIPELINE)
        assert told in refused.err, refused
        assert "ask its owner" not in refused.err
        program.server.faults.clear()
    program.server.faults.add(403, "PUT", "data_assets/*", message="not today")
    renamed = program("edit", RAW, "--name", "x")
    assert "it is yours" in renamed.err, renamed
    assert "ask its owner" not in renamed.err
