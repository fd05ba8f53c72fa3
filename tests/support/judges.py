"""Other people's clients, as they are on PyPI, each installed into an environment of its own.

The environments are kept beside the tests' own, so they are made once; `make clean` removes them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from coexplorer.demo.server import DemoServer

INSTALL_S, ANSWER_S = 600, 300


def install_judge(requirement: str) -> Path:
    """Return the Python of an environment with a package and what it needs.

    Where nothing can be installed the test is skipped, but in CI it fails.
    """
    root = Path(sys.prefix) / "judges"
    root.mkdir(exist_ok=True)
    folder = root / re.sub(r"[^\w.-]", "-", requirement)
    python, stamp = folder / "bin" / "python", folder / "installed"
    with (root / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists():
            return python
        shutil.rmtree(folder, ignore_errors=True)
        _run_to_install(sys.executable, "-m", "venv", "--without-pip", str(folder))
        pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
        _run_to_install(*pip, requirement)
        stamp.touch()
    return python


def _run_to_install(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        told = f"{' '.join(command[1:])}: {done.stderr.strip()[-500:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)


def run_judge(python: Path, script: Path, server: DemoServer, *args: str) -> Any:
    """Run a script that judges a server; return the JSON that it prints."""
    done = subprocess.run(
        [str(python), "-I", str(script), server.url, server.users[0].token, *args],
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class ToolServer:
    """A server of the Model Context Protocol over its standard input and output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._number = 0

    def ask(self, method: str, **params: object) -> Any:
        """Send a request and return its result."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
        raise EOFError(f"the tool server ended at {method}")

    def greet(self) -> Self:
        """Begin to talk."""
        client = {"name": "tests", "version": "1"}
        self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        self._send({"method": "notifications/initialized"})
        return self

    def call(self, tool: str, **arguments: object) -> Any:
        """Call a tool and return what it answers as structure.

        Raises:
            ToolError: It answers with an error.
        """
        result = self.ask("tools/call", name=tool, arguments=arguments)
        if result.get("isError"):
            raise ToolError(" ".join(each.get("text", "") for each in result["content"]))
        return result.get("structuredContent")

    def _send(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()


class ToolError(Exception):
    """A tool answered with an error; the text is its own."""


@contextmanager
def running_tools(python: Path, module: str, server: DemoServer) -> Iterator[ToolServer]:
    """Run a tool server that is signed in to an embedded platform as its first user."""
    process = subprocess.Popen(
        [str(python), "-I", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={
            **os.environ,
            "CODEOCEAN_DOMAIN": server.url,
            "CODEOCEAN_TOKEN": server.users[0].token,
        },
    )
    try:
        yield ToolServer(process).greet()
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.terminate()
        process.wait()
