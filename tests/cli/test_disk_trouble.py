"""Each errno, at each place that holds files: one sentence, the right code, and the next try works.

The calls really fail, in libc: see ``tests/support/trouble.c``.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from coexplorer.config.embedded import EmbeddedServer, announce
from coexplorer.errors import FileTrouble, explain_os
from coexplorer.models import Secret
from tests.support.disk import no_room_on_the_disk
from tests.support.namespaces import UNSHARE
from tests.support.program import TIMEOUT_S, Program, program_command
from tests.support.server import OLD, RAW
from tests.support.trouble import KINDS, Ended, Step, build_library, run_in_trouble

KEYS = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("trouble"))


def make_private(path: Path, text: str) -> Path:
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    return path


def list_commands(folder: Path, *, fails_to_read: bool) -> dict[str, list[tuple[str, ...]]]:
    """Return what is in trouble, and the commands that use it."""
    everywhere: list[tuple[str, ...]] = [
        ("profiles",),
        ("ls", "--ids"),
        ("show", RAW),
        ("sync",),
        ("edit", RAW, "--add-tag", "x"),
        ("edit", "--query", "is:mine", "--add-tag", "m", "--yes"),
        ("archive", OLD),
        ("undo",),
        ("log",),
        ("retry",),
        ("discard", "--all"),
        ("--debug", "ls", "--ids"),
        ("status",),
        ("umount", str(folder / "nothing")),
    ]
    into = folder / "into"
    into.mkdir()
    token = make_private(folder / "token" / "token", "cop_x")
    keys = make_private(folder / "keys" / "keys", KEYS)
    assets = make_private(folder / "assets" / "assets", "{}")
    faults = make_private(folder / "faults" / "faults", "#")
    serve = ("serve", "--data", str(folder / "data"))
    commands: dict[str, list[tuple[str, ...]]] = {
        **{os.environ[f"XDG_{kind}_HOME"]: everywhere for kind in ("CONFIG", "STATE", "CACHE")},
        os.environ["HOME"]: everywhere,
        str(into): [("get", RAW, "--to", str(into))],
        str(token.parent): [("--token-file", str(token), "sync")],
        str(keys.parent): [("create", "n", "--bucket", "b", "--keys-file", str(keys))],
    }
    if fails_to_read:  # else it would serve until it is told to end
        commands[str(assets.parent)] = [(*serve, "--import", str(assets))]
        commands[str(faults.parent)] = [(*serve, "--faults", str(faults))]
    return commands


def is_told_once(ended: Ended) -> bool:
    """Tell whether no sentence and no advice stands there twice."""
    parts = [each.strip() for each in re.split(r"\n|; ", ended.err)]
    return not [part for part, times in Counter(parts).items() if times > 1 and len(part) > 25]


@pytest.mark.parametrize("name", KINDS)
def test_an_errno_at_any_place_is_one_sentence_and_the_next_try_works(
    program: Program, library: Path, tmp_path: Path, name: str
) -> None:
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "coexplorer" / "config.toml"
    sign_in = Step(
        ("login", program.server.url, "--default"), stdin=program.env["CODEOCEAN_TOKEN"] + "\n"
    )
    steps = [sign_in, Step(("sync",)), Step(("edit", RAW, "--add-tag", "before"))]
    first = len(steps)
    for folder, commands in list_commands(tmp_path, fails_to_read="read" in KINDS[name]).items():
        steps += [Step(command, folder) for command in commands]
        steps.append(Step(("ls", "--ids")))
    where = str(config.parent.parent)
    steps += [
        Step(sign_in.args, where, sign_in.stdin),
        Step(("logout",), where),
        Step(("edit", RAW, "--add-tag", "after")),
        Step(("logout",)),
    ]
    env = dict.fromkeys(program.env, "")  # it is signed in by its file
    results = run_in_trouble(library, name, steps, env)
    wrong = []
    for step, ended in list(zip(steps, results, strict=True))[first:]:
        allowed = {0, 9} if ended.met else {0, 5}
        if "--token-file" in step.args:
            allowed = {3}
        elif step.args[0] in ("serve", "umount", "discard", "get"):
            allowed = {0, 2, 4, 5, 9}  # no such file; nothing to end; a name that can't be there
        elif not step.folder:
            allowed = {0}
        fine = ended.code in allowed and not ended.crash and is_told_once(ended)
        words = os.strerror(getattr(errno, name))
        if not fine or "Errno" in ended.err or words in ended.err:
            wrong.append((step, ended))
    assert wrong == []
    log_in, log_out = results[-4:-2]
    for ended in (log_in, log_out):
        assert (ended.met, ended.code) == (True, 9)
        sentence, hint = ended.err.splitlines()
        assert sentence.startswith(f"coexplorer: {config} can't be ")
        assert hint.startswith("  ")
    assert "after" in program.server.store.get(RAW).tags  # still signed in


READ_ONLY = """
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
shift
exec "$@"
"""


@pytest.mark.parametrize("args", [("login", "--default"), ("logout",)])
def test_a_home_that_is_really_read_only_is_one_sentence(
    program: Program, args: tuple[str, ...]
) -> None:
    token, url = program.env["CODEOCEAN_TOKEN"], program.server.url
    program.env = dict.fromkeys(program.env, "")
    program.ok("login", url, stdin=f"{token}\n")
    done = subprocess.run(
        [
            *(*UNSHARE, "sh", "-c", READ_ONLY, "sh", os.environ["HOME"]),
            *program_command(*args, *([url] if "login" in args else [])),
        ],
        env={**os.environ, **program.env, "PYTHONPATH": os.pathsep.join(sys.path)},
        input=f"{token}\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    sentence, hint = done.stderr.splitlines()
    assert done.returncode == 9
    assert sentence.endswith("config.toml can't be written: its disk is read-only")
    assert "set XDG_CONFIG_HOME to another folder" in hint
    program.ok("ls", "--ids")


def test_the_notice_of_a_running_demo_is_written_whole_or_told(tmp_path: Path) -> None:
    """The disk may be full by the time that the platform runs."""
    first = EmbeddedServer("http://127.0.0.1:1", Secret("a"))
    with announce(tmp_path, first):
        before = (tmp_path / "server.json").read_bytes()
        with (
            no_room_on_the_disk(),
            pytest.raises(FileTrouble) as caught,
            announce(tmp_path, EmbeddedServer("http://127.0.0.1:2", Secret("b"))),
        ):
            raise AssertionError("nothing runs that nobody can find")
        assert caught.value.message.startswith(f"{tmp_path / 'server.json'} can't be written: ")
        assert (tmp_path / "server.json").read_bytes() == before
        assert [path.name for path in tmp_path.glob("server*")] == ["server.json"]


@pytest.mark.parametrize("name", KINDS)
def test_each_errno_has_words_and_a_way_out(name: str) -> None:
    number = getattr(errno, name)
    reason, remedy = explain_os(OSError(number, os.strerror(number), "/place"))
    assert reason != os.strerror(number)
    assert remedy


def test_an_errno_without_words_of_ours_is_told_in_those_of_the_system() -> None:
    assert explain_os(OSError(errno.ENODEV, os.strerror(errno.ENODEV)))[0] == "No such device"
    assert explain_os(OSError("odd"))[0] == "odd"
