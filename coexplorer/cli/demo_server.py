"""The embedded platform as a process of its own, beside the app."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from coexplorer.cli.exits import leave
from coexplorer.config.embedded import EmbeddedServer
from coexplorer.errors import FileTrouble
from coexplorer.models import Secret

_LONGEST_END_S = 10.0
"""The embedded server ends in milliseconds; one that does not may not keep the user."""


class ServerProcess:
    """The embedded platform as a process of its own, so that it never slows the app down.

    Args:
        data: Its data folder.
        options: More options of ``serve``.
    """

    def __init__(self, data: Path, options: list[str]) -> None:
        self._command = [
            sys.executable,
            "-m",
            "coexplorer",
            "serve",
            "--json",
            "--until-stdin-ends",
        ]
        self._command += ["--data", str(data), *options]

    def __enter__(self) -> EmbeddedServer:
        import subprocess

        self._process = subprocess.Popen(  # noqa: S603 - this very program
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the app's terminal is the app's alone
        )
        if self._process.stdout is None:
            raise AssertionError
        line = self._process.stdout.readline()
        if not line:
            self.__exit__()
            code = self._process.returncode
            if code > 0:
                leave(code)  # the server has said why, on the same standard error
            raise FileTrouble(
                f"the embedded platform did not start (it ended with {code})",
                hint="try again; its own last words are above, if it had any",
            )
        told = msgspec.json.decode(line, type=_Told)
        return EmbeddedServer(told.url, Secret(told.users[0].token))

    def __exit__(self, *exc_info: object) -> None:
        import subprocess

        # The end of its input ends the server.
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_LONGEST_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _ToldUser(msgspec.Struct):
    email: str
    token: str


class _Told(msgspec.Struct):
    url: str
    users: list[_ToldUser]
