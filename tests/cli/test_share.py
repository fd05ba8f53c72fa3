"""``share``: who can see assets, shown, changed, taken back; and what ``show`` tells of it."""

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from coexplorer.cli.commands import cli
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.guesses import Guesses
from coexplorer.demo.people import PEOPLE
from coexplorer.demo.server import DemoServer
from tests.library.conftest import many_assets
from tests.support.program import Program
from tests.support.server import FAILED, RAW, VIEWED, running_server

MAYA, JONAS, PRIYA = (email for email, _ in PEOPLE)


def complete(*args: str) -> list[str]:
    *before, typed = args
    completer = ShellComplete(cli, {}, "coexplorer", "_COEXPLORER_COMPLETE")
    return [item.value for item in completer.get_completions(before, typed)]


def stored(program: Program, asset_id: str = RAW) -> StoredAsset:
    return program.server.store.get(asset_id)


def test_sharing_is_shown_changed_and_taken_back(program: Program) -> None:
    assert f"{MAYA}   owner" in program.ok("share", RAW).out
    grants = ("--user", f"{JONAS}:editor", "--group", "Imaging:viewer", "--everyone", "viewer")
    done = program.ok("share", RAW, *grants)
    assert "changed the sharing of ecephys_655019_2023-04-03_18-17-07 (take it back" in done.out
    rows = json.loads(program.ok("share", RAW, "-o", "json").out)
    assert [(row["kind"], row["who"], row["role"]) for row in rows] == [
        ("everyone", None, "viewer"),
        ("group", "Imaging", "viewer"),
        ("user", MAYA, "owner"),
        ("user", JONAS, "editor"),
    ]
    told = program.ok("show", RAW).out
    assert "shared with   everyone: viewer\n" in told
    assert "shared with   Imaging (group): viewer\n" in told
    assert "shared with   nobody else\n" in program.ok("show", FAILED).out
    program.ok("share", RAW, "--remove", JONAS.upper(), "--everyone", "none")
    assert (stored(program).everyone, list(stored(program).roles)) == ("none", [])
    program.ok("undo")
    assert (stored(program).everyone, list(stored(program).roles)) == ("viewer", [JONAS])


def test_a_list_is_shared_after_a_plan(program: Program) -> None:
    ids = program.ok("ls", "is:mine type:dataset", "-o", "ids").out
    dry = program.ok("share", "-", "--everyone", "viewer", "--dry-run", stdin=ids)
    assert "everyone    none → viewer" in dry.out
    assert "Change the sharing of" in dry.out
    assert program.server.requests("POST", "*/permissions") == []
    rows = program.ok("share", "-", "--everyone", "viewer", "--dry-run", "-o", "json", stdin=ids)
    (first, *_) = json.loads(rows.out)
    assert first["action"] == "share"
    assert first["changes"][0]["field"] == "everyone"
    done = program.ok("share", "--query", "is:mine type:dataset", "--everyone", "viewer", "--yes")
    assert "changed the sharing of" in done.out
    assert {stored(program, each).everyone for each in ids.split()} == {"viewer"}
    again = program.ok("share", "-", "--everyone", "viewer", "--dry-run", stdin=ids)
    assert "already set" in again.out
    program.ok("undo")
    assert {stored(program, each).everyone for each in ids.split()} == {"none"}


def test_the_roles_of_a_plan_stand_below_each_other(program: Program) -> None:
    grants = (
        "--group",
        "Data stewards:editor",
        "--group",
        "Lab:viewer",
        "--user",
        f"{JONAS}:viewer",
    )
    dry = program.ok("share", RAW, *grants, "--everyone", "viewer", "--dry-run").out
    roles = [line.index("none →") for line in dry.splitlines() if "none →" in line]
    assert len(roles) == 4
    assert set(roles) == {len(f"  {JONAS} ")}


def test_what_the_platform_left_out_is_said_with_another_exit_code(program: Program) -> None:
    done = program("share", RAW, "--group", "Nobodies:viewer", "--everyone", "viewer")
    assert done.code == 7
    assert "Nobodies is not known there" in done.err
    assert "Nobodies is not known there" in program.ok("log", "1").out
    assert stored(program).everyone == "viewer"
    done = program("share", RAW, "--group", "Nobodies:viewer")
    assert done.code == 5
    assert "but Nobodies still has no access, not the role viewer" in done.err
    assert "check the name as the platform's web page shows it" in done.err
    done = program("share", RAW, "--user", "nobody@example.org:viewer")
    assert done.code == 5
    assert "no user nobody@example.org" in done.err
    program.server.guesses = Guesses(refusals="alike")
    done = program("share", VIEWED, "--group", "Imaging:viewer")
    assert done.code == 5
    assert "you may not share this asset" in done.err
    assert "if you are one, create a token" in done.err


def test_what_is_lacking_everywhere_is_said_once(program: Program) -> None:
    many_assets(program.server, 25)
    program.ok("sync")
    grants = ("--everyone", "viewer", "--group", "Nobodies:viewer")
    done = program("share", "--query", "tag:bulk", *grants, "--yes")
    assert done.code == 7
    assert done.err.count("Nobodies is not known there") == 1
    assert "25 assets: Nobodies is not known there" in done.err


def test_a_retry_goes_over_no_role_that_was_given_since_the_command_was(program: Program) -> None:
    ids = many_assets(program.server, 6)
    rule = program.server.faults.add(503, "POST", "data_assets/*/permissions", times=99)
    grants = ("--everyone", "discoverable", "--user", f"{JONAS}:viewer", "--yes")
    program("share", "-", *grants, stdin="\n".join(ids))
    program.server.faults.remove(rule)
    program.server.store.update(ids[0], roles={JONAS: "owner"})
    program.server.store.update(ids[1], everyone="viewer")
    done = program("retry", "--yes")
    assert done.code == 7
    assert f"{JONAS} was given owner elsewhere, not viewer" in done.err
    assert "everyone was given viewer elsewhere, not discoverable" in done.err
    assert stored(program, ids[0]).roles == {JONAS: "owner"}
    assert stored(program, ids[1]).everyone == "viewer"
    assert stored(program, ids[2]).everyone == "discoverable"
    assert done.out.splitlines()[-1] == "4 done, 2 not sent"


def test_what_waits_is_retried_judged_and_told(program: Program) -> None:
    rule = program.server.faults.add(503, "POST", "data_assets/*/permissions")
    done = program("share", RAW, "--user", f"{PRIYA}:viewer", "--group", "Nobodies:viewer")
    assert done.code == 6
    assert "1 kept unsent, to send: coexplorer retry --batch 1" in done.out
    program.server.faults.remove(rule)
    program.server.store.update(RAW, roles={PRIYA: "editor"})
    assert program("retry").code == 8
    assert "Waiting for you: share again, or coexplorer discard" in program.ok("log").out
    told = program.ok("log", "1").out
    assert f"{PRIYA} none → viewer" in told
    assert "theirs: coexplorer share 00000001; share it again to have yours anyway" in told
    program.server.store.update(RAW, roles={})
    done = program("retry")
    assert done.code == 7
    assert "Nobodies is not known there" in done.err
    assert list(stored(program).roles) == [PRIYA]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--user", "x"), "expected NAME:ROLE, as in maya@example.org:viewer: 'x'"),
        (("--user", f"{JONAS}:reader"), "a user can be owner, editor, viewer or none"),
        (("--group", "G:reader"), "a group can be owner, editor, viewer, discoverable or none"),
        (("--everyone", "none", "--everyone", "viewer"), "everyone is given two roles"),
        (("--everyone", "all"), "'all' is not one of viewer, discoverable, none"),
        (("--remove", "everyone"), "give --everyone none"),
        (("--user", "a@x:viewer", "--user", "a@x:editor"), "a@x is given two roles"),
        (("--user", "a@x:viewer", "--remove", "a@x"), "a@x is given a role and removed"),
        (("--dry-run",), "what is to be changed?"),
        (("--remove", ""), "it is empty"),
    ],
)
def test_mistakes_are_found_before_anything_is_asked(
    program: Program, args: tuple[str, ...], told: str
) -> None:
    done = program("share", RAW, *args)
    assert done.code == 2
    assert told in done.err
    assert program.server.requests() == []


def test_one_s_own_right_is_given_up_only_with_a_word(program: Program) -> None:
    program.server.store.update(RAW, owner=JONAS, roles={MAYA: "owner"})
    done = program("share", RAW, "--remove", MAYA)
    assert done.code == 2  # there is nobody to ask
    assert "you would no longer be an owner of it" in done.err
    assert MAYA in stored(program).roles
    done = program.ok("share", RAW, "--remove", MAYA, "--yes")
    assert MAYA not in stored(program).roles
    assert "take it back" not in done.out
    assert "for good: you are no longer an owner of it" in done.out
    program.server.store.update(RAW, owner=MAYA, roles={JONAS: "owner"})
    # Who is not its only owner can give it back.
    assert "take it back" in program.ok("share", RAW, "--remove", JONAS, "--yes").out


@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["alone", "yes"])
@pytest.mark.parametrize(
    ("typed", "meant"), [("imaging", "Imaging"), ("Imagign", "Imaging"), ("jonas.lind", JONAS)]
)
def test_a_name_that_is_nearly_right_is_not_taken_for_done(
    program: Program, typed: str, meant: str, yes: tuple[str, ...]
) -> None:
    program.server.store.update(RAW, groups={"Imaging": "viewer"}, roles={JONAS: "viewer"})
    done = program("share", RAW, "--remove", typed, "--everyone", "viewer", *yes)
    assert done.code == 5
    assert f"{typed} has no access to it; did you mean {meant}?" in done.err
    assert program.server.requests("POST", "*/permissions") == []
    assert program("share", RAW, "--remove", typed, "--dry-run").code == 5
    program.ok("share", RAW, "--remove", meant)


def test_to_take_away_what_nobody_has_is_said_and_no_failure(program: Program) -> None:
    done = program.ok("share", RAW, "--remove", PRIYA)
    assert f"{PRIYA} has no access to it" in done.err
    program.ok("share", RAW, "--user", f"{PRIYA}:viewer")
    assert "has no access" not in program.ok("share", RAW, "--remove", PRIYA.upper()).err


def test_a_plan_says_that_its_user_is_no_owner(program: Program) -> None:
    program.server.store.update(RAW, owner=JONAS, roles={MAYA: "viewer"})
    args = ("share", RAW, "--everyone", "discoverable", "--dry-run")
    assert "you are not an owner of it, so the platform may refuse" in program.ok(*args).out
    for shared in ({"roles": {MAYA: "owner"}}, {"owner": MAYA, "roles": {}}):
        program.server.store.update(RAW, **shared)
        assert "not an owner" not in program.ok(*args).out


@pytest.mark.parametrize("has_own", [True, False])
def test_a_plan_of_many_counts_what_may_be_refused(program: Program, *, has_own: bool) -> None:
    ids = many_assets(program.server, 3)
    others = ids[1:] if has_own else [asset.id for asset in program.server.store.assets()]
    for each in others:
        program.server.store.update(each, owner=JONAS, roles={MAYA: "viewer"})
    program.ok("sync")
    args = ("share", "-", "--everyone", "viewer", "--dry-run")
    out = program.ok(*args, stdin="\n".join(ids)).out
    count = 2 if has_own else 3
    assert f"{count} assets have other owners, so the platform may refuse" in out
    assert "other owners" not in program.ok(*args, stdin=ids[0]).out


def test_a_conflict_is_told_in_words_of_sharing(program: Program) -> None:
    rule = program.server.faults.add(503, "POST", "data_assets/*/permissions")
    assert program("share", RAW, "--user", f"{PRIYA}:viewer").code == 6
    program.server.faults.remove(rule)
    program.server.store.update(RAW, roles={PRIYA: "editor"})
    done = program("retry", "--batch", "1")
    assert done.code == 8
    assert "1 in conflict: share again, or coexplorer discard" in done.out
    assert "(coexplorer log 1 shows the roles)" in done.out


@pytest.mark.parametrize("change", [("--remove", MAYA), ("--user", f"{MAYA}:viewer")], ids=str)
def test_an_owner_who_stays_is_no_wrong_name(program: Program, change: tuple[str, str]) -> None:
    program.server.store.update(RAW, roles={JONAS: "owner"})
    done = program("share", RAW, *change, "--yes")
    assert done.code == 6
    assert f"{MAYA} still has the role owner" in done.err
    assert "not no access" not in done.err
    assert "check it" not in done.err


def test_before_4_3_access_is_given_with_a_warning_and_never_taken_away(tmp_path: Path) -> None:
    with running_server(tmp_path / "old", "current", version=(4, 2)) as server:
        program = Program(server)
        done = program("share", RAW)
        assert (done.code, done.out) == (5, "")
        assert "(before 4.3) does not tell who can see an asset" in done.err
        dry = program.ok("share", RAW, "--everyone", "viewer", "--dry-run")
        assert "can't be read back or undone" in dry.out.replace("\n", " ")
        assert "everyone    → viewer" in dry.out
        done = program.ok("share", RAW, "--everyone", "viewer")
        assert "take it back" not in done.out
        assert "can't be read back or undone" in done.err
        assert stored(program).everyone == "viewer"
        done = program("undo")
        assert done.code == 5
        assert "can't be undone" in done.err
        program.ok("share", RAW, "--everyone", "discoverable")
        assert "the last change that can be" not in program("undo").err  # nor can the one before
        done = program("share", RAW, "--remove", JONAS)
        assert done.code == 5
        assert "no access can be taken away" in done.err.replace("\n", " ")
        assert "shared with" not in program.ok("show", RAW).out
        assert len(server.requests("POST", "*/permissions")) == 2


def test_names_and_roles_are_completed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.ok("sync")
    for name, value in program.env.items():
        monkeypatch.setenv(name, value)
    assert complete("share", "x", "--user", f"{JONAS}:") == [
        *(f"{JONAS}:owner", f"{JONAS}:editor", f"{JONAS}:viewer", f"{JONAS}:none")
    ]
    assert complete("share", "x", "--group", "Data stewards:d") == ["Data stewards:discoverable"]
    assert f"{JONAS}:" in complete("share", "x", "--user", "jonas")
    assert complete("share", "x", "--everyone", "d") == ["discoverable"]
    assert complete("share", "x", "--group", "") == complete("share", "x", "--remove", "") == []
    program.ok("share", RAW, "--group", "Imaging:viewer", "--user", f"{PRIYA}:viewer", "--yes")
    program.ok("share", RAW, "--group", "Data stewards:viewer", "--everyone", "viewer", "--yes")
    assert complete("share", "x", "--group", "") == ["Data stewards:", "Imaging:"]
    assert complete("share", "x", "--user", "priya") == [f"{PRIYA}:"]
    assert complete("share", "x", "--remove", "") == ["Data stewards", "Imaging", PRIYA]
    assert complete("share", "x", "--remove", "im") == ["Imaging"]


def test_strangers_names_are_never_interpreted(program: Program, server: DemoServer) -> None:
    body = json.dumps(
        {
            "users": [{"email": "\x1b[31mred@x", "role": "owner"}],
            "groups": [{"group": "a\nb\u202e", "role": "\x1b]0;x\x07"}],
            "everyone": "none",
        }
    )
    server.faults.add(200, "GET", "data_assets/*/permissions", body=body)
    for command in ("share", "show"):
        out = program.ok(command, RAW).out
        assert "\x1b[31m" not in out
        assert "\x1b]" not in out
        assert "\u202e" not in out
