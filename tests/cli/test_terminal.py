"""Commands on a terminal: fit the width, ask, show progress, open the editor, stop when told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coexplorer.cli.format import wrap
from coexplorer.text import width
from tests.support.program import TIMEOUT_S, Program, program_command
from tests.support.server import DERIVED, OLD, RAW
from tests.support.terminal import Terminal, in_terminal


@contextmanager
def typing(
    program: Program, *args: str, columns: int = 80, env: dict[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a command in a terminal; what it shows counts as said."""
    command = program_command(*args)
    with in_terminal(command, {**program.env, **(env or {})}, columns=columns) as terminal:
        yield terminal
    program.said.append(terminal.shown)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_table_fits_the_terminal(program: Program, columns: int) -> None:
    program.ok("sync")
    with typing(program, "ls", "--offline", columns=columns) as terminal:
        assert terminal.wait() == 0
    lines = terminal.plain.splitlines()
    assert len(lines) == 10
    assert max(width(line) for line in lines) <= columns


def test_a_first_sync_shows_its_progress(program: Program) -> None:
    with typing(program, "sync") as terminal:
        assert terminal.wait() == 0
    assert "reading the platform's assets" in terminal.plain
    assert "\r\x1b[K9 assets in " in terminal.shown


@pytest.mark.parametrize(("answer", "code"), [("n\n", 5), ("\n", 5), ("y\n", 0)])
def test_rm_does_what_it_is_told(program: Program, answer: str, code: int) -> None:
    with typing(program, "rm", OLD) as terminal:
        terminal.wait_for("Delete 1 asset? [y/N]")
        terminal.send(answer)
        assert terminal.wait() == code
    assert (program.server.store.find(OLD) is None) is (code == 0)


@pytest.mark.parametrize(
    ("args", "count"),
    [((OLD,), 1), (("--query", f"id:{OLD} is:any"), 1), ((OLD, RAW, "--archive-first"), 2)],
    ids=["one", "query", "several"],
)
def test_rm_deletes_nothing_that_changed_while_it_asked(
    program: Program, args: tuple[str, ...], count: int
) -> None:
    program.ok("sync")
    with typing(program, "rm", *args, columns=200) as terminal:
        terminal.wait_for(f"Delete {count} asset")
        program.server.store.update(OLD, name="GOLD do not delete", tags=("keep",))
        terminal.send("y\n")
        assert terminal.wait() == (5 if count == 1 else 7)
    assert "its name and tags were changed elsewhere since it was shown" in terminal.plain
    assert "it is called 'GOLD do not delete' now" in terminal.plain
    assert program.server.store.find(OLD) is not None
    assert (program.server.store.find(RAW) is None) is (count == 2)
    program.ok("rm", OLD, "--yes")  # by what it is now
    assert program.server.store.find(OLD) is None


def test_ids_through_a_pipe_leave_the_terminal_free_to_ask(program: Program) -> None:
    ids = f"printf '{RAW}\\n{DERIVED}\\n'"
    command = " ".join(program_command("edit", "-", "--add-tag", "keep"))
    with in_terminal(["sh", "-c", f"{ids} | {command}"], program.env) as terminal:
        terminal.wait_for("Edit 2 assets? [y/N]")
        terminal.send("y\n")
        assert terminal.wait() == 0
    assert "keep" in program.server.store.get(DERIVED).tags


def test_ctrl_c_at_a_question_does_nothing(program: Program) -> None:
    with typing(program, "rm", OLD) as terminal:
        terminal.wait_for("[y/N]")
        terminal.send("\x03")
        assert terminal.wait() == 130
    assert "Traceback" not in terminal.plain
    assert program.server.store.find(OLD) is not None


def test_ctrl_c_while_the_platform_is_silent_is_clean(program: Program) -> None:
    rule = program.server.faults.add("silence")
    with typing(program, "ls") as terminal:
        program.server.faults.wait_struck(rule)
        terminal.send("\x03")
        assert terminal.wait() == 130
    assert "interrupted" in terminal.plain
    assert "Traceback" not in terminal.plain


def test_ctrl_c_in_a_batch_says_what_is_done_and_can_be_gone_on_with(program: Program) -> None:
    program.ok("sync")
    rule = program.server.faults.add("silence", "PUT", f"data_assets/{DERIVED}")
    with typing(
        program, "edit", "--query", "tag:ecephys", "--add-tag", "keep", "--yes"
    ) as terminal:
        program.server.faults.wait_struck(rule)
        terminal.wait_for("1/2")
        terminal.send("\x03")
        assert terminal.wait() == 130
    assert "retry --batch 1" in terminal.plain
    assert "\r\x1b[Kcoexplorer: stopped: 1 done" in terminal.shown  # not behind the bar
    rule = program.server.faults.add("silence", "PUT", f"data_assets/{DERIVED}")
    with typing(program, "retry", "--batch", "1") as terminal:
        program.server.faults.wait_struck(rule)
        terminal.send("\x03")
        assert terminal.wait() == 130
    assert (
        "coexplorer: stopped: 0 done, 0 not sent, 1 that nobody knows" in terminal.plain
    )  # not what was done before
    program.server.faults.clear()
    program("retry", "--batch", "1")
    for asset_id in (RAW, DERIVED):
        assert "keep" in program.server.store.get(asset_id).tags


def test_the_bar_of_a_batch_counts_what_failed_once(program: Program) -> None:
    program.ok("sync")
    program.server.faults.add(400, "PUT", f"data_assets/{DERIVED}")
    with typing(
        program, "edit", "--query", "tag:ecephys", "--add-tag", "keep", "--yes", columns=120
    ) as terminal:
        terminal.wait_for("2/2 (1 failed)")
        assert terminal.wait() != 0
    assert "3/2" not in terminal.plain


def make_editor(tmp_path: Path, code: str) -> dict[str, str]:
    """Return an environment whose editor changes the text by Python code with `text` in it."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\ntext = path.read_text()\n"
        f"{code}\npath.write_text(text)\n"
    )
    return {"VISUAL": f"{sys.executable} {script}"}


def test_the_editor_changes_one_asset(program: Program, tmp_path: Path) -> None:
    env = make_editor(tmp_path, "text = text.replace('recording.', 'recording, checked.')")
    with typing(program, "edit", RAW, env=env) as terminal:
        assert terminal.wait() == 0
    stored = program.server.store.get(RAW)
    assert stored.description == "Raw **Neuropixels** recording, checked."


def test_the_editor_changes_many_after_showing_the_plan(program: Program, tmp_path: Path) -> None:
    env = make_editor(tmp_path, "text = text.replace('ecephys_655019', 'ephys_655019')")
    with typing(program, "edit", "--query", "tag:ecephys", "--editor", env=env) as terminal:
        terminal.wait_for("Edit 2 assets? [y/N]")
        assert program.server.requests("PUT") == []
        terminal.send("y\n")
        assert terminal.wait() == 0
    assert program.server.store.get(DERIVED).name.startswith("ephys_655019")


def test_an_editor_that_changes_nothing_sends_nothing(program: Program, tmp_path: Path) -> None:
    with typing(program, "edit", RAW, env=make_editor(tmp_path, "")) as terminal:
        assert terminal.wait() == 0
    assert program.server.requests("PUT") == []


@pytest.mark.parametrize(
    ("options", "answer", "code"),
    [((), "n\n", 5), ((), "\x03", 130), (("--dry-run",), "", 0)],
)
def test_a_text_whose_plan_is_not_carried_out_is_kept(
    program: Program, tmp_path: Path, options: tuple[str, ...], answer: str, code: int
) -> None:
    env = make_editor(tmp_path, "text = text.replace('ecephys_655019', 'ephys_655019')")
    command = ("edit", "--query", "tag:ecephys", "--editor", *options)
    with typing(program, *command, columns=300, env=env) as terminal:
        if answer:
            terminal.wait_for("Edit 2 assets? [y/N]")
            terminal.send(answer)
        assert terminal.wait() == code
    assert "your text is kept in" in terminal.plain
    (kept,) = (tmp_path / "home" / "state" / "coexplorer" / "edits").iterdir()
    assert "ephys_655019" in kept.read_text()
    assert program.server.requests("PUT") == []


def test_a_text_whose_session_was_killed_is_named_and_gone_on_with(
    program: Program, tmp_path: Path
) -> None:
    program.ok("sync")
    edits = tmp_path / "home" / "state" / "coexplorer" / "edits"
    killed = make_editor(
        tmp_path,
        "text = text.replace('recording.', 'recording, checked.')\n"
        "pathlib.Path(sys.argv[1]).write_text(text)\n"
        # Without writing once more: the terminal hangs up, and that may end it in the middle.
        "import os; os.kill(os.getppid(), 9); os._exit(0)",
    )
    with typing(program, "edit", RAW, env=killed) as terminal:
        assert terminal.wait() != 0
    (kept,) = edits.iterdir()
    assert str(kept) in program.ok("log").out
    assert f"{kept}" in program("doctor").out
    same = make_editor(tmp_path, "pass")
    with typing(program, "edit", RAW, columns=300, env=same) as terminal:
        terminal.wait()
    assert f"a text of the same assets was left in {kept}" in terminal.plain
    with typing(program, "edit", DERIVED, columns=300, env=same) as terminal:
        terminal.wait()
    assert "was left in" not in terminal.plain
    assert list(edits.iterdir()) == [kept], "what was never changed is not kept"
    older = kept.with_name("edit-older.coexplorer")
    for folder in (edits, edits.with_name("edits-shown")):
        (folder / older.name).write_bytes((folder / kept.name).read_bytes())
    older.write_text(older.read_text().replace("checked", "older"))
    os.utime(older, (kept.stat().st_mtime - 3600,) * 2)
    assert program("edit", "--resume", str(kept)).code == 2, "there is no terminal"
    assert "checked" in kept.read_text(), "and the text is still there"
    listed = program.ok("edit", "--resume").lines
    assert [line.split("  ")[-1] for line in listed[:2]] == [str(kept), str(older)]
    assert "2 texts were typed and not sent" in program.ok("log").out
    with typing(program, "edit", RAW, columns=300, env=same) as terminal:
        terminal.wait()
    assert "2 texts of the same assets were left" in terminal.plain
    assert program("edit", "--resume", "3").code == 4
    with typing(program, "edit", "--resume", "2", columns=300, env=same) as terminal:
        assert terminal.wait() == 0
    assert "older" in program.server.store.get(RAW).description
    program.ok("undo")
    with typing(program, "edit", "--resume", str(kept), columns=300, env=same) as terminal:
        assert terminal.wait() == 0
    assert "checked" in program.server.store.get(RAW).description
    assert list(edits.iterdir()) == []
    assert program("edit", "--resume").code == 5


def test_a_text_that_went_into_the_journal_is_not_kept_twice(
    program: Program, tmp_path: Path
) -> None:
    program.server.faults.add(503, "PUT", "**")
    env = make_editor(tmp_path, "text = text.replace('recording.', 'recording, checked.')")
    with typing(program, "edit", RAW, env=env) as terminal:
        assert terminal.wait() == 6
    assert list((tmp_path / "home" / "state" / "coexplorer" / "edits").iterdir()) == []
    assert "recording, checked." in program.ok("log", "--json").out
    program.server.faults.clear()
    program.ok("retry")
    assert "checked" in program.server.store.get(RAW).description


def test_a_text_with_a_lost_line_is_refused_and_can_be_mended(
    program: Program, tmp_path: Path
) -> None:
    ids = f"{RAW}', '{DERIVED}"
    env = make_editor(
        tmp_path,
        f"lost = [line for line in text.split('\\n') if line[4:] in ('{ids}')][-1:]\n"
        "saved = pathlib.Path(sys.argv[0] + '.text')\n"
        "if saved.exists(): text = saved.read_text().replace('checked', 'mended')\n"
        "else:\n"
        "    text = text.replace('recording.', 'recording, checked.')\n"
        "    saved.write_text(text)\n"
        "    text = text.replace(lost[0] + '\\n', '')\n",
    )
    with typing(program, "edit", RAW, DERIVED, "--editor", "--yes", env=env) as terminal:
        terminal.wait_for("Open it again? [y/N]")
        assert "whose === line is gone" in terminal.plain
        assert program.server.requests("PUT") == []
        terminal.send("y\n")
        assert terminal.wait() == 0
    assert program.server.store.get(RAW).description.endswith("recording, mended.")


def test_a_text_that_can_not_be_read_is_kept(program: Program, tmp_path: Path) -> None:
    env = make_editor(tmp_path, "text = text.replace('name:', 'nmae:')")
    with typing(program, "edit", RAW, env=env) as terminal:
        for tries in (1, 2):  # the same mistake is named each time
            terminal.wait_for("Open it again? [y/N]", times=tries)
            assert terminal.plain.count("line 15: 'nmae' is not one of") == tries
            terminal.send("y\n" if tries == 1 else "n\n")
        assert terminal.wait() == 2
    (kept,) = (tmp_path / "home" / "state" / "coexplorer" / "edits").iterdir()
    assert "nmae:" in kept.read_text()
    assert program.server.requests("PUT") == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("path.write_bytes(b'name: \\xff'); sys.exit()", "is not UTF-8 text"),
        ("path.unlink(); sys.exit()", "removed the text"),
        ("sys.exit(1)", "ended with code 1; nothing was sent"),
    ],
)
def test_an_editor_that_fails_is_told_and_nothing_is_sent(
    program: Program, tmp_path: Path, code: str, complaint: str
) -> None:
    with typing(program, "edit", RAW, columns=300, env=make_editor(tmp_path, code)) as terminal:
        assert terminal.wait() == 2
    assert complaint in terminal.plain
    assert program.server.requests("PUT") == []


@pytest.mark.parametrize("command", ["vi 'x", "/nowhere/editor"])
def test_an_editor_that_can_not_be_started_is_told(program: Program, command: str) -> None:
    with typing(program, "edit", RAW, env={"VISUAL": command}) as terminal:
        assert terminal.wait() == 2
    assert command in terminal.plain
    assert "mistake in coexplorer" not in terminal.plain


@pytest.mark.parametrize("style", [(), ("--json",), ("--tsv",)])
def test_a_name_that_the_encoding_can_not_say_breaks_no_list(
    program: Program, style: tuple[str, ...]
) -> None:
    program.server.store.update(RAW, name="Zürich 东京 🐭")
    done = program.spawn("ls", "Zürich", *style, env={"PYTHONIOENCODING": "latin-1"})
    assert (done.code, done.err) == (0, "")
    if style == ("--json",):
        assert done.json[0]["name"] == "Zürich 东京 🐭"
    assert "\\u4e1c\\u4eac" in done.out


def test_a_reader_that_leaves_early_is_no_trouble(program: Program) -> None:
    program.ok("sync")
    command = " ".join(program_command("ls", "--offline", "--json"))
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1; exit ${{PIPESTATUS[0]}}"],
        env={**os.environ, **program.env},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode in {0, 141}


@pytest.mark.parametrize("slow", ["silence", "drip"])
@pytest.mark.parametrize(
    ("args", "method", "path"),
    [
        (("show", RAW), "GET", f"data_assets/{RAW}"),
        (("sync",), "POST", "data_assets/search"),
        (("files", RAW), "POST", f"data_assets/{RAW}/files"),
        (("edit", RAW, "--add-tag", "w", "--yes"), "PUT", f"data_assets/{RAW}"),
        (("ls", "--remote"), "POST", "data_assets/search"),
        (("archive", RAW), "GET", f"data_assets/{RAW}"),
        (("whoami",), "POST", "data_assets/search"),
    ],
    ids=["show", "sync", "files", "edit", "remote", "archive", "whoami"],
)
def test_a_platform_that_takes_long_is_said_to(
    program: Program, args: tuple[str, ...], method: str, path: str, slow: str
) -> None:
    program.ok("sync")
    options = {"piece_bytes": 1, "seconds": 1.0} if slow == "drip" else {}
    rule = program.server.faults.add(slow, method, path, times=1, **options)  # type: ignore[arg-type]
    with typing(program, *args, columns=120) as terminal:
        program.server.faults.wait_struck(rule)
        terminal.wait_for("waiting for the platform, 4 s")
        if slow == "drip":
            terminal.send("\x03")
            assert terminal.wait() == 130
        else:
            program.server.faults.release()
            assert terminal.wait() == 0
    assert terminal.shown.rstrip("\r\n").rpartition("waiting for the platform")[2].count("\r\x1b[K")


@pytest.mark.parametrize(
    ("status", "retry_after", "said"),
    [
        (503, "", "failed with status 503: trying again in "),
        (503, "2", "failed with status 503: waiting "),
        (429, "2", "the platform asks us to slow down: waiting "),
        (429, "", "the platform asks us to slow down: trying again in "),
    ],
)
def test_it_is_said_whose_wait_it_is(
    program: Program, status: int, retry_after: str, said: str
) -> None:
    program.ok("sync")
    path = f"data_assets/{RAW}"
    program.server.faults.add(status, "GET", path, times=3, retry_after=retry_after)
    with typing(program, "show", RAW, columns=120) as terminal:
        assert terminal.wait() == 0
    assert said in terminal.plain


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("args", [("doctor",), ("show", RAW), ("log",), ("profiles",), ("stats",)])
def test_nothing_is_broken_inside_a_word(
    program: Program, args: tuple[str, ...], columns: int
) -> None:
    program.ok("sync")
    program.ok("edit", RAW, "--add-tag", "of several words", "--description", "Twelve words " * 6)
    program.ok("config", "set", "profiles.acme.domain", "codeocean.a-rather-long-name.example.com")
    with typing(program, *args, columns=columns) as terminal:
        terminal.wait()
    for line in terminal.plain.splitlines():
        first, _, rest = line.strip().partition(" ")
        # A word that is longer than the line is the terminal's to break.
        is_long = any(width(word) + 23 > columns for word in (first, *rest.split()))
        assert width(line) <= columns or is_long, line
        assert "……" not in line


@pytest.mark.parametrize(
    ("text", "cells", "lines"),
    [
        ("", 5, [""]),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 3, ["one", "two", "three"]),
        ("  indented words", 10, ["  indented", "words"]),
        ("鼠鼠 鼠鼠", 8, ["鼠鼠", "鼠鼠"]),
        ("/a/long/path is here", 6, ["/a/long/path", "is", "here"]),
    ],
)
def test_wrap(text: str, cells: int, lines: list[str]) -> None:
    assert wrap(text, cells) == lines


def test_login_offers_to_keep_what_the_environment_has(program: Program) -> None:
    user = program.server.users[0]
    given = {"CO_DOMAIN": program.server.url, "API_SECRET": user.token}
    program.env = {name: "" for name in program.env if name.startswith("CODEOCEAN")}
    with typing(program, "--profile", "lab", "login", env=given) as terminal:
        terminal.wait_for("Keep the token of API_SECRET for")
        terminal.send("y\n")
        assert terminal.wait() == 0
    assert "profile lab" in terminal.plain
    assert user.token not in terminal.shown
    with typing(program, "--profile", "other", "login", env=given) as terminal:
        terminal.wait_for("Keep the token of API_SECRET for")
        terminal.send("n\n")
        terminal.wait_for("Platform (name, host or URL)")
        terminal.send("\x03")
        terminal.wait()
    program.env = {}
    assert len(program.ok("ls", "--ids").lines) == 8
    assert "other" not in program.ok("profiles").out
