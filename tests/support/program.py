"""The command line as tests run it: in this process, or as a separate program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from coexplorer.cli.commands import cli
from coexplorer.demo.server import DemoServer

TIMEOUT_S = 600
"""Nothing here takes long; on a busy machine it is pytest that knows how long is too long."""


class Done(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The answer's lines."""
        return self.out.splitlines()


class Program:
    """Runs commands signed in to a server, and remembers all that they said.

    Attributes:
        said: Everything that was written to standard output and standard error.
    """

    def __init__(self, server: DemoServer, *, user: int = 0, token: str | None = None) -> None:
        self.server = server
        self.env = {
            "CODEOCEAN_DOMAIN": server.url,
            "CODEOCEAN_TOKEN": token or server.users[user].token,
        }
        self.said: list[str] = []

    def __call__(self, *args: str, stdin: str | None = None) -> Done:
        """Run a command in this process; unknown exceptions are the test's."""
        result = CliRunner(env=self.env).invoke(cli, args, input=stdin, catch_exceptions=False)
        return self._remember(Done(result.exit_code, result.stdout, result.stderr))

    def ok(self, *args: str, stdin: str | None = None) -> Done:
        """Run a command that has to succeed."""
        done = self(*args, stdin=stdin)
        assert done.code == 0, done
        return done

    def spawn(self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Done:
        """Run a command as a process of its own, without a terminal."""
        done = subprocess.run(
            program_command(*args),
            env={**os.environ, **self.env, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            encoding=(env or {}).get("PYTHONIOENCODING"),
            timeout=TIMEOUT_S,
            check=False,
        )
        return self._remember(Done(done.returncode, done.stdout, done.stderr))

    def _remember(self, done: Done) -> Done:
        self.said += [done.out, done.err]
        return done


def program_command(*args: str) -> Sequence[str]:
    """Return the command line of the program itself."""
    return [sys.executable, "-m", "coexplorer", *args]


def find_leaks(secret: str, folder: Path) -> list[Path]:
    """Return the files below a folder that hold a secret."""
    needle = secret.encode()
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and needle in path.read_bytes()
    ]
