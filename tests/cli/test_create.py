"""``create`` and ``wait``: from files in a bucket to an asset that is ready, or failed."""

from pathlib import Path

import anyio
import pytest

from coexplorer.library import Library
from coexplorer.library.creation import Creation
from tests.support.program import Program, find_leaks
from tests.support.server import DRAFT, FAILED, RAW

KEY_ID, SECRET = "AKIAEXAMPLE0000000", "wJalrXUtnFEMI-hush"


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    return path


def fill_bucket(program: Program, *, keys: tuple[str, str] | None = None) -> None:
    folder = program.server.make_bucket("lab-data", keys=keys) / "session"
    folder.mkdir()
    (folder / "a.txt").write_text("alpha")
    (folder / "b.txt").write_text("beta")


def test_create_waits_until_ready(any_program: Program) -> None:
    fill_bucket(any_program)
    done = any_program.ok(
        "create",
        "session 1",
        "--bucket",
        "lab-data",
        "--prefix",
        "session",
        "--tag",
        "raw",
        "--tag",
        "new",
        "--public",
        "--wait",
        "--json",
    )
    (made,) = done.json
    assert (made["name"], set(made["tags"])) == ("session 1", {"raw", "new"})
    stored = any_program.server.store.get(made["id"])
    assert (stored.state, stored.files) == ("ready", 2)
    assert "session 1" in any_program.ok("ls", "tag:new").out


def test_create_that_fails_says_why(program: Program) -> None:
    done = program("create", "nothing", "--bucket", "no-such-bucket", "--wait")
    assert done.code == 10
    assert "nothing failed:" in done.err
    assert "bucket" in done.err


def test_keys_come_from_a_file_and_stay_nowhere(
    legacy_program: Program, keys_file: Path, tmp_path: Path
) -> None:
    program = legacy_program
    fill_bucket(program, keys=(KEY_ID, SECRET))
    args = ("create", "secret", "--bucket", "lab-data", "--prefix", "session", "--wait")
    assert program(*args).code == 10
    program.ok("--debug", *args, "--keys-file", str(keys_file))
    assert find_leaks(SECRET, tmp_path / "home") == []
    assert [text for text in program.said if SECRET in text or KEY_ID in text] == []


def test_keys_that_are_asked_for_are_not_shown(program: Program) -> None:
    fill_bucket(program, keys=(KEY_ID, SECRET))
    args = ("create", "secret", "--bucket", "lab-data", "--prefix", "session", "--wait")
    program.ok(*args, "--ask-keys", stdin=f"{KEY_ID}\n{SECRET}\n")
    assert [text for text in program.said if SECRET in text] == []


def test_keys_on_the_command_line_are_no_option(program: Program) -> None:
    assert program("create", "x", "--bucket", "b", "--secret-access-key", SECRET).code == 2


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        (f"[default]\nsecret = {SECRET}\n", 0o600, "no AWS keys"),
        (f"{SECRET}\n", 0o600, "no AWS keys"),
        ("", 0o644, "others can read"),
    ],
)
def test_a_file_of_keys_that_is_no_good_is_not_quoted(
    program: Program, tmp_path: Path, text: str, mode: int, expected: str
) -> None:
    path = tmp_path / "bad"
    path.write_text(text)
    path.chmod(mode)
    done = program("create", "x", "--bucket", "lab-data", "--keys-file", str(path))
    assert done.code == 3
    assert expected in done.err
    assert SECRET not in done.err
    assert program.server.requests("POST", "data_assets") == []


def test_wait_tells_ready_and_failed_apart(program: Program) -> None:
    assert program.ok("wait", RAW).lines == [f"{RAW}  ready  {program.server.store.get(RAW).name}"]
    done = program("wait", FAILED, RAW)
    assert done.code == 10
    assert "Access denied to bucket" in done.err


def test_wait_gives_up_when_it_was_told_to(program: Program) -> None:
    done = program("wait", DRAFT, "--timeout", "0.1")
    assert done.code == 11
    assert done.err.rstrip().endswith(" after 0.1 s")
    done = program("wait", DRAFT, RAW, "--timeout", "3", "-o", "json")
    assert done.code == 11
    assert [(row["id"], row["state"]) for row in done.json] == [(DRAFT, "draft"), (RAW, "ready")]


def test_wait_for_nothing_is_told_to_scripts(program: Program) -> None:
    done = program("wait", "--query", "tag:nowhere")
    assert (done.code, "the query finds no assets" in done.err) == (4, True)
    assert program("wait", "--query", "tag:nowhere", "-o", "json").json == []


@pytest.mark.parametrize("target", [DRAFT, "state:draft", "no-name-of-any"])
def test_wait_gives_up_in_time_although_the_platform_is_silent(
    program: Program, target: str
) -> None:
    """Finding the assets may take a sweep, and a sweep the platform's patience."""
    program.server.faults.add("silence")
    done = program("wait", target, "--timeout", "0.5")
    assert done.code == 11
    assert done.err.rstrip().endswith("still looking for the assets after 0.5 s")


@pytest.mark.parametrize("style", [(), ("--json",)])
@pytest.mark.parametrize("ends", ["before it is sent", "after the reply"])
def test_what_is_said_of_a_create_whose_time_is_over_is_true(
    program: Program, monkeypatch: pytest.MonkeyPatch, ends: str, style: tuple[str, ...]
) -> None:
    fill_bucket(program)

    async def hang(*_: object, **__: object) -> None:
        await anyio.sleep_forever()

    late = ends == "after the reply"
    if late:
        monkeypatch.setattr(Library, "status", hang)
    else:
        monkeypatch.setattr(Creation, "read_metadata", hang)
    args = ("create", "s", "--bucket", "lab-data", "--public", "--wait", "--meta", "age=3", *style)
    done = program(*args, "--timeout", "2" if late else "0")
    assert done.code == 11
    made = [each.id for each in program.server.store.assets() if each.name == "s"]
    assert made == made[: len(made) and 1]
    assert all(each in done.out for each in made)  # slow as a machine may be
    if not made:
        assert done.out == ""
        assert "nothing was sent yet, so no asset is made, after" in done.err
