"""README.md and the manual are true: their shell blocks run, and print what is shown."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).parents[2]
SCRIPT = TOP / "scripts" / "walk_docs.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("walk_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["walk_docs"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


walk_docs = load_script()


def walk(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(900)
def test_the_documents_are_true() -> None:
    done = walk()
    assert done.returncode == 0, done.stderr
    # What is left out has a reason, and is little.
    left_out = [line for line in done.stdout.splitlines() if line.startswith("left out ")]
    assert len(left_out) <= 7, left_out


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


BAD_END = "sh -c 'trap \"exit 3\" INT; echo 127.0.0.1:1; sleep 600'"
FALSE = {
    "an error": ["```", "coexplorer ls no-such-field:x", "```"],
    "no program": ["```", "nosuchprogram", "```"],
    "another output": ["```", "$ echo one", "two", "```"],
    "less": ["```", "$ echo one", "one", "two", "```"],
    "more": ["```", "$ printf 'one\\ntwo\\n'", "one", "```"],
    "an output that is not shown": ["```", "$ echo one >&2", "```"],
    "no folder": ["```", "cd somewhere-else", "```"],
    "the second of two": ["```sh", "$ true", "$ false", "```"],
    "a bad end": ["<!-- walk: until Ctrl-C -->", "```", BAD_END, "```"],
}


@pytest.mark.parametrize("kind", FALSE)
def test_what_is_not_true_fails_and_says_where(tmp_path: Path, kind: str) -> None:
    document = write(tmp_path / "false.md", "Words.", "", *FALSE[kind])
    done = walk(document)
    assert done.returncode == 1
    assert "false.md:" in done.stderr
    assert "--write" in done.stderr


def test_what_is_true_passes_and_a_shell_goes_on(tmp_path: Path) -> None:
    document = write(
        tmp_path / "true.md",
        *("```", "export A=1", "alias say='echo said'", "mkdir deeper && cd deeper", "```"),
        *("```console", "$ say $A", "said 1", "", "$ basename $PWD", "deeper", "```"),
        *("```", "$ seq 9", "1", "…", "9", "$ seq 9", "1", "2", "…", "```"),
        *("```", "$ tty -s && echo a terminal", "a terminal", "```"),
        *(
            "```",
            "$ echo 2030-01-02 03:04 at 127.0.0.1:99",
            "2026-11-23 00:46 at 127.0.0.1:1",
            "```",
        ),
        *("```toml", "not = 'a command'", "```"),
        *("```", "coexplorer ls [OPTIONS] [QUERY]...", "```"),
        *("<!-- walk: no, it ends the world -->", "```", "false", "```"),
        *("<!-- walk: none from here, they are tested elsewhere -->", "```", "false", "```"),
    )
    done = walk(document)
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stdout
    assert "it ends the world" in done.stdout
    assert "1 no, 1 none from here, 1 other, 5 run, 1 synopsis" in done.stdout


def test_a_question_is_answered_with_yes(tmp_path: Path) -> None:
    ask = "printf 'Sure? [y/N] '; read word </dev/tty && [ $word = y ]"
    document = write(tmp_path / "ask.md", "```", ask, "```")
    assert walk(document).returncode == 0


def test_new_outputs_are_written_down_and_cut_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "old.md"
    document = write(path, *("```", "$ seq 3", "old", "", "$ seq 9", "0", "…", "```", "Words."))
    assert walk("--write", document).returncode == 0
    new = ("```", "$ seq 3", "1", "2", "3", "", "$ seq 9", "1", "…", "```", "Words.")
    assert path.read_text() == "\n".join(new) + "\n"
    assert walk(document).returncode == 0


BROKEN = {
    "no reason": ["<!-- walk: no -->", "```", "true", "```"],
    "no reason for all": ["<!-- walk: none from here -->", "```", "true", "```"],
    "nobody meanwhile": ["<!-- walk: meanwhile -->", "```", "true", "```"],
    "unknown": ["<!-- walk: perhaps -->", "```", "true", "```"],
    "away from its block": ["<!-- walk: no, why -->", "words", "```", "true", "```"],
    "no block": ["<!-- walk: no, why -->"],
    "mistyped": ["<!-- walk no, why -->", "```", "true", "```"],
    "no end": ["```", "true"],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_directive_that_means_nothing_is_refused(kind: str) -> None:
    with pytest.raises(walk_docs.WalkError):
        walk_docs.read_blocks(BROKEN[kind], "broken.md")
