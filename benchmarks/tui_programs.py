"""The programs that `bench_tui` compares, each with the same number of rows."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pty_session import Link, Session
from coexplorer.config import load_settings
from coexplorer.library import open_library

COLUMNS, ROWS = 120, 36
PEERS = Path(__file__).parent / "peers"
_ENOUGH_ROWS = 10
_ROW = re.compile(r"\d{4}-\d\d-\d\d|asset|\\x")


@dataclass(frozen=True)
class Program:
    """How one of them is driven."""

    name: str
    title: str
    argv: list[str]
    env: dict[str, str]
    cwd: Path
    quit: str = "q"
    down: str = "j"
    page_down: str = "pagedown"
    page: int = 19
    list_rows: slice = field(default_factory=lambda: slice(4, 23))
    ahead: str = ""

    @property
    def ours(self) -> bool:
        """Whether it is the one that is measured."""
        return self.name == "coexplorer"

    def open(
        self, *, link: Link | None = None, typed_ahead: str = "", answers: bool = True
    ) -> Session:
        """Start it in a terminal."""
        return Session(
            self.argv,
            columns=COLUMNS,
            rows=ROWS,
            env=self.env,
            cwd=self.cwd,
            link=link,
            typed_ahead=typed_ahead,
            answers=answers,
        )

    def leave(self, session: Session) -> None:
        """Leave it in order: what it keeps for the next start is kept."""
        session.write(self.quit)
        session.wait_exit()

    def shows_rows(self, lines: list[str]) -> bool:
        """Whether the list is on the screen."""
        return sum(bool(_ROW.search(line)) for line in lines[self.list_rows]) >= _ENOUGH_ROWS

    def shows_search(self, lines: list[str]) -> bool:
        """Whether the text of `ahead` is in the search line."""
        return any(re.match(rf"\s*/ {self.ahead[1:]}\b", line) for line in lines[:4])

    def has_found(self, lines: list[str]) -> bool:
        """Whether the list shows `ahead`, and is counted."""
        counted = any(re.search(r" [\d,]+ of [\d,]+$", line) for line in lines[:4])
        return counted and self.shows_search(lines) and self.shows_rows(lines)


@dataclass
class Place:
    """A folder with a signed-in profile whose catalog holds this many assets."""

    folder: Path
    count: int
    env: dict[str, str]

    def ours(self) -> Program:
        """The app itself."""
        return Program(
            name="coexplorer",
            title=f"coexplorer {self.count:,}",
            argv=[str(Path(sys.executable).with_name("coexplorer"))],
            env=self.env,
            cwd=self.folder,
            ahead="/ecephys",
        )

    def programs(self, *, peers: bool = True) -> Iterator[Program]:
        """Yield what is compared."""
        yield self.ours()
        if not peers:
            return
        names = [f"ecephys_{655000 + n}_2023-04-03_18-17-07" for n in range(self.count)]
        yield self._peer(
            "DataTable",
            [sys.executable, str(PEERS / "datatable.py"), str(self.count)],
            down="down",
            page=34,
            rows=slice(1, 35),
        )
        files = self.folder / "files"
        files.mkdir()
        for name in names:
            (files / name).touch()
        yield self._peer(
            "mc",
            ["mc", "--nosubshell", str(files), str(files)],
            down="down",
            page=30,
            rows=slice(2, 32),
            leave="f10",
        )
        text = self.folder / "names.txt"
        text.write_text("".join(f"{name} dataset raw ecephys\n" for name in names))
        argv = ["vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-R", "-c", "set cursorline"]
        yield self._peer(
            "vim", [*argv, str(text)], page=34, rows=slice(0, 34), leave=":q!\r", down="j"
        )

    def _peer(
        self, name: str, argv: list[str], *, page: int, rows: slice, down: str, leave: str = "q"
    ) -> Program:
        return Program(
            name=name,
            title=f"{name} {self.count:,}",
            argv=argv,
            env=self.env,
            cwd=self.folder,
            down=down,
            page=page,
            list_rows=rows,
            quit=leave,
        )


@contextmanager
def open_place(folder: Path, count: int) -> Iterator[Place]:
    """Run the embedded platform with this many sample assets and fill a catalog from it."""
    with _open(folder, count, ["sample_server.py", str(count)]) as place:
        yield place


@contextmanager
def hostile_place(folder: Path, count: int) -> Iterator[Place]:
    """Like `open_place`, but every name wants to take the terminal over."""
    with _open(folder, count, ["hostile_server.py", str(count)]) as place:
        yield place


@contextmanager
def _open(folder: Path, count: int, server: list[str]) -> Iterator[Place]:
    print(f"making {count:,} assets …", file=sys.stderr)
    process = subprocess.Popen(
        [sys.executable, PEERS / server[0], *server[1:]], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        url, token = process.stdout.readline().split()
        env = {
            "HOME": str(folder),
            "CODEOCEAN_DOMAIN": url,
            "CODEOCEAN_TOKEN": token,
            "COLORTERM": "truecolor",
        }
        for name in ("config", "cache", "state", "data"):
            env[f"XDG_{name.upper()}_HOME"] = str(folder / name)
        asyncio.run(_sync(env))
        yield Place(folder, count, env)
    finally:
        process.terminate()
        process.wait()


async def _sync(env: dict[str, str]) -> None:
    # Folders are found by the environment of the process.
    os.environ.update(env)
    async with open_library(load_settings(env={**os.environ, **env}), origin="cli") as library:
        await library.sync.sweep()
