"""A real mount over the embedded server, in a process of its own, and how to look at both."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from tests.support.patience import stretched
from tests.support.server import make_id

PATIENCE_S = 30.0

IMPATIENT = """
from coexplorer.fs.kernel import errnos
errnos.DEADLINE_S = 4.0
"""
"""Before the program starts: let a call wait less long for the platform than the usual 10 s."""

PATIENT = """
from coexplorer.fs.kernel import errnos
errnos.DEADLINE_S = 120.0
"""
"""Likewise: let it wait for longer, while a test holds the platform's answer back and goes on."""

HURRIED = """
from coexplorer.api import Client, Patience
Client.__init__.__kwdefaults__["patience"] = Patience(first_wait_s=0.001, longest_wait_s=0.01)
"""
"""Before the program starts: let it try again as often as ever, but wait less in between."""


def wait_until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + stretched(patience_s)
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s:.0f} s: {what}")
        time.sleep(0.01)


class Mounted:
    """A mount: its folder, its server, and its process."""

    def __init__(self, server: DemoServer, home: Path, folder: Path, *, first: str = "") -> None:
        self.server = server
        started = f"{first}\nfrom coexplorer.cli import main\nmain()"
        self.program = ["-c", started] if first else ["-m", "coexplorer"]
        self.home = home
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.log = home / "mount.log"
        self._starts = 0

    @property
    def env(self) -> dict[str, str]:
        """The environment of the mount, and of commands that belong to its profile."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "COEXPLORER_"))}
        home = str(self.home)
        return {
            **kept,
            "HOME": home,
            "XDG_STATE_HOME": f"{home}/state",
            "XDG_CACHE_HOME": f"{home}/cache",
            "XDG_CONFIG_HOME": f"{home}/config",
            "XDG_DATA_HOME": f"{home}/data",
            "CODEOCEAN_DOMAIN": self.server.url,
            "CODEOCEAN_TOKEN": self.server.users[0].token,
            "AWS_ENDPOINT_URL_S3": self.server.s3_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "TMPDIR": home,  # where a mount puts what no other disk has room for
        }

    def start(self, *options: str, before: Sequence[str] = (), wait: bool = True) -> None:
        """Mount, and wait until it answers, and (`wait`) has every asset of the server.

        Args:
            options: Of ``mount``.
            before: Of the program.
            wait: See above.
        """
        program = [sys.executable, *self.program, *before]
        command = [*program, "mount", "-f", *options, str(self.folder)]
        self._starts = self.log_text().count("mounted at")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.env, cwd=self.home, stdout=log, stderr=log
            )
        wait_until(self._answers, f"a mount at {self.folder}: {self.log_text()}")
        if wait:
            self.wait_synced()

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the mount ended: {self.log_text()}")
        # The folder alone does not tell: the kernel remembers a bit of a mount that has died.
        return self.log_text().count("mounted at") > self._starts

    def wait_synced(self) -> None:
        """Wait until the first sync is done."""
        wait_until(lambda: self.status()["synced"] != "never", "a first sync")
        wanted = self.server.store.count()
        wait_until(lambda: len(list((self.folder / "by-id").iterdir())) >= wanted, "all assets")

    def stop(self) -> int:
        """End the mount as SIGTERM does, and return the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.process.wait(stretched(PATIENCE_S))
        self.process = None
        return code

    def kill(self) -> None:
        """End the mount as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(stretched(PATIENCE_S))
            self.process = None

    def clean_up(self) -> None:
        """Leave no process and no mount, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self.kill()
        subprocess.run(["fusermount3", "-uz", str(self.folder)], capture_output=True, check=False)

    def log_text(self) -> str:
        """What the process said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the same profile."""
        command = [sys.executable, "-m", "coexplorer", *args]
        return subprocess.run(
            command,
            env=self.env,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=stretched(PATIENCE_S),
            check=False,
        )

    def status(self) -> dict[str, str]:
        """``.coexplorer/status``, line by line."""
        text = (self.folder / ".coexplorer" / "status").read_text()
        return dict(line.rstrip().split(": ", 1) for line in text.splitlines())

    def settle(self) -> None:
        """Wait until nothing is open, on its way, or waiting to be sent."""

        def is_still() -> bool:
            status = self.status()
            return status["in flight"] == "0" and status["open files"] == "0"

        wait_until(is_still, f"a still mount: {self.log_text()}")

    def asset(self, name: str) -> Path:
        """The directory of an asset."""
        return self.folder / "all" / name

    def writes(self, asset_id: str = "*") -> list[str]:
        """Methods of all requests that change an asset."""
        path = f"*/data_assets/{asset_id}*"
        return [
            request.method
            for request in self.server.requests(path=path)
            if request.method in ("PUT", "PATCH", "DELETE")
        ]

    def run(
        self, script: str, *, shell: str = "bash", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the mount's environment, in a home of its own."""
        return subprocess.run(
            [shell, "-c", script],
            env={**self.env, **variables},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=stretched(60),
            check=False,
        )


def save(path: Path, text: str) -> int:
    """Save as a program does that looks at errors; return the errno, 0 when it went well."""
    try:
        path.write_text(text)
    except OSError as error:
        return error.errno or -1
    return 0


@contextmanager
def mounting(
    base: Path,
    assets: Sequence[StoredAsset],
    *options: str,
    start: bool = True,
    first: str = "",
) -> Iterator[Mounted]:
    """Run a server with `assets`, and a mount of it below `base`.

    Args:
        base: Where the home and the folders are.
        assets: Of the server.
        options: Of ``mount``.
        start: Whether to mount already.
        first: Python that the program of the mount runs first, such as `IMPATIENT`.
    """
    with DemoServer(base / "server") as server:
        server.store.insert(assets)
        home = base / "home"
        home.mkdir(exist_ok=True)
        mounted = Mounted(server, home, base / "mount", first=first)
        try:
            if start:
                mounted.start(*options)
            yield mounted
        finally:
            mounted.clean_up()


def make_asset(number: int, name: str, **fields: object) -> StoredAsset:
    """Return an asset of the first user; `fields` are fields of `StoredAsset`."""
    asset = StoredAsset(
        id=make_id(number),
        name=name,
        owner=ME,
        created=1_690_000_000 + number,
        description="old text",
        tags=("beta", "alpha"),
        mount="place",
    )
    return msgspec.structs.replace(asset, **fields)


ME = "maya.okafor@example.org"
