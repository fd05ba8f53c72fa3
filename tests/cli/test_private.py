"""Where things are kept, and that nobody else can enter there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.config.paths import ensure_private_dir
from tests.support.namespaces import UNSHARE
from tests.support.program import TIMEOUT_S, Program, program_command

UNKNOWN = """
set -e
mount --bind /dev/null /etc/passwd
[ ! -e /etc/nsswitch.conf ] || mount --bind /dev/null /etc/nsswitch.conf
exec "$@"
"""
"""Runs a command as a user whom no list of users has."""


def modes_below(folder: Path) -> dict[str, int]:
    """Return the modes of a folder and of all that is below it."""
    found = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in found}


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_each_level_is_private_whatever_the_umask(tmp_path: Path) -> None:
    root = tmp_path / "state"
    ensure_private_dir(root / "coexplorer" / "journals" / "deep")
    assert set(modes_below(root).values()) == {0o700}


def test_what_was_open_to_others_is_closed_up_to_the_program_s_own(tmp_path: Path) -> None:
    root = tmp_path / "state"
    (root / "coexplorer" / "journals").mkdir(parents=True)
    for folder in (root, root / "coexplorer", root / "coexplorer" / "journals"):
        folder.chmod(0o777)
    ensure_private_dir(root / "coexplorer" / "journals")
    assert modes_below(root) == {".": 0o777, "coexplorer": 0o700, "coexplorer/journals": 0o700}


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "coexplorer").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        ensure_private_dir(tmp_path / "coexplorer")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_everything_that_commands_make_is_private(
    program: Program, tmp_path: Path, umask: int
) -> None:
    """State, cache and settings, after commands of all kinds: folders 0700, files 0600."""
    kinds = ("STATE", "CACHE", "CONFIG")
    places = {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in kinds}
    (tmp_path / "token").write_text(program.env["CODEOCEAN_TOKEN"])
    (tmp_path / "token").chmod(0o600)
    script = "\n".join(
        [
            f"umask {umask:03o}",
            *(
                f"{' '.join(program_command())} {line}"
                for line in (
                    "--debug sync",
                    "edit --query is:mine --add-tag x --yes",
                    "undo",
                    "status",
                    f"login {program.server.url} --token-file {tmp_path / 'token'}",
                    "serve --assets 30 --until-stdin-ends </dev/null",
                )
            ),
        ]
    )
    done = subprocess.run(
        ["sh", "-ec", script],
        env={**os.environ, **program.env, **places},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "STATE" / "coexplorer" / "serve" / "store.sqlite").exists()
    for kind in kinds:
        root = tmp_path / kind
        assert (root / "coexplorer").is_dir()
        for path in [root, *root.rglob("*")]:
            wanted = 0o700 if path.is_dir() else 0o600
            assert path.stat().st_mode & 0o777 == wanted, path


@pytest.mark.parametrize(
    "args", [("ls",), ("edit", "x", "--add-tag", "y"), ("log",), ("mount", "m"), ("--debug", "ls")]
)
def test_a_user_without_a_home_is_told_what_to_set(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", UNKNOWN, "sh", *program_command(*args)],
        env={
            "PATH": os.environ["PATH"],
            "CODEOCEAN_DOMAIN": "http://127.0.0.1:9",
            "CODEOCEAN_TOKEN": "t",
        },
        cwd="/",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "coexplorer: there is no home folder for this user",
        "  set HOME, or XDG_CONFIG_HOME, XDG_CACHE_HOME and XDG_STATE_HOME, to your own folder",
    ]
