#!/usr/bin/env python3
"""Run every shell block of README.md and the manual, in order, and compare what the blocks show.

    python scripts/walk_docs.py              walk them with the installed program, in a new home
    python scripts/walk_docs.py --write      write down what was printed in place of what is shown
    python scripts/walk_docs.py --set-up     run the set-up as written, too: on a bare machine
    python scripts/walk_docs.py --list       only count the blocks

A block with ``$`` in front of its commands shows their output, which has to be the same; in a shown
output a line ``…`` stands for any lines. A block without ``$`` is commands alone: each has to
succeed. Blocks of another language (```toml, ```text) and one-line synopses (``coexplorer ls
[OPTIONS]``) are not run. A comment right before a block says what is special about it, unseen by a
reader; what may be said is in `DIRECTIVES`. Nothing here needs more than Python.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
FILES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs")

DIRECTIVES = {
    "no": "is not run; the reason follows",
    "none from here": "this and all that follow in the document are not run; the reason follows",
    "set-up": "runs on a bare machine alone (--set-up): it installs",
    "demo": "opens the demo, which goes on in the background to the end of the walk",
    "until Ctrl-C": "each command runs until it has said something, and is then ended with Ctrl-C",
    "mount": "is run where FUSE is to be had, see `can_mount`",
    "meanwhile": "a colleague runs the command that follows while the editor is open",
}
_DIRECTIVE = re.compile(r"<!-- walk: (?P<kind>[^,>]+?)(?:, (?P<reason>[^>]*))? -->")
_FENCE = re.compile(r"```(?P<language>\w*)\s*")
SHELLS = {"", "sh", "console", "shell", "bash"}
ANY_LINES = "…"
_FINDS_NOTHING = "the query finds no assets"
COLUMNS, LINES = 100, 40
LONGEST_S = 120.0
LONGEST_SET_UP_S = 1800.0

# What is another each time: the day of an edit, a free port, and the number of a change, which
# counts those of the documents before.
_MASKS = (
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b"), "YYYY-MM-DD HH:MM"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b(undo|discard|log|change|entry) \d+\b"), r"\1 N"),
)
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][AB]")

# A reader says yes.
_QUESTION = re.compile(rb"\[y/N\]:? ?$")
MOST_ANSWERS = 3
_CONFLICT = 8  # the exit code

# The editor of the walk: it does what somebody would do by hand. Who has a colleague at work
# meanwhile adds to the description, as no tag can be in conflict.
EDITOR = """\
#!/bin/sh
if [ -f "$0.meanwhile" ]; then
    sh "$0.meanwhile" >"$0.log" 2>&1 || exit
    exec sed -i '/^description:$/{n;s/$/ Probe B drifted./}' "$@"
fi
exec sed -i 's/^tags: .*$/&, walked/' "$@"
"""

# The colleague works on another machine, as far as a journal and a catalog can tell.
COLLEAGUE = r"""
read_key() { sed 's/.*"'$1'":"\([^"]*\)".*/\1/' ~/.local/state/coexplorer/demo/server.json; }
CODEOCEAN_DOMAIN=$(read_key url) CODEOCEAN_TOKEN=$(read_key token)
XDG_STATE_HOME=$0.state XDG_CACHE_HOME=$0.cache XDG_CONFIG_HOME=$0.config
export CODEOCEAN_DOMAIN CODEOCEAN_TOKEN XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
"""


class WalkError(Exception):
    """A document says what is not so."""


@dataclass
class Command:
    """A command of a block.

    Attributes:
        text: As it is typed; may have several lines.
        shown: The output that the document shows; None: it shows none.
        line: Where it is in the file, from 1.
        first, last: Where the shown output is: lines of the file, from 0, `last` not included.
    """

    text: str
    line: int
    shown: list[str] | None = None
    first: int = 0
    last: int = 0


@dataclass
class Block:
    """A fenced block.

    Attributes:
        kind: One of `DIRECTIVES`; ``run``, ``synopsis``, or ``other`` for another language.
        reason: What the directive says beside its kind.
        lines: Its text.
    """

    kind: str
    reason: str
    line: int
    lines: list[str]
    commands: list[Command] = field(default_factory=list)


def read_blocks(lines: Sequence[str], name: str) -> list[Block]:
    """Read the blocks of a document.

    Raises:
        WalkError: A directive is unknown or belongs to no block, or a block does not end.
    """
    blocks, at = list[Block](), 0
    pending: tuple[str, str, int] | None = None
    while at < len(lines):
        line = lines[at]
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive:
            pending = (directive["kind"], directive["reason"] or "", at + 1)
            _check_directive(*pending, name)
            if pending[0] == "none from here":
                blocks.append(Block(*pending, []))
                return blocks
        elif line.lstrip().startswith("<!-- walk"):
            raise WalkError(f"{name}:{at + 1}: not a directive: {line}")
        elif line.startswith("```"):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), None)
            if end is None:
                raise WalkError(f"{name}:{at + 1}: the block does not end")
            blocks.append(_read_block(lines, at, end, pending))
            pending, at = None, end
        elif line.strip() and pending:
            raise WalkError(f"{name}:{pending[2]}: no block follows this directive")
        at += 1
    if pending:
        raise WalkError(f"{name}:{pending[2]}: no block follows this directive")
    return blocks


def _check_directive(kind: str, reason: str, line: int, name: str) -> None:
    if kind not in DIRECTIVES:
        raise WalkError(f"{name}:{line}: {kind!r} is none of {', '.join(DIRECTIVES)}")
    if kind.startswith("no") and not reason:
        raise WalkError(f"{name}:{line}: a block that is not run needs a reason")
    if kind == "meanwhile" and not reason:
        raise WalkError(f"{name}:{line}: the colleague's command is missing")


def _read_block(
    lines: Sequence[str], start: int, end: int, directive: tuple[str, str, int] | None
) -> Block:
    fence = _FENCE.fullmatch(lines[start].rstrip())
    language = fence["language"] if fence else "?"
    text = list(lines[start + 1 : end])
    kind, reason = directive[:2] if directive else ("run", "")
    if kind == "run" and language not in SHELLS:
        kind = "other"
    if kind == "run" and len(text) == 1 and re.match(r"coexplorer\b.* \[", text[0]):
        kind = "synopsis"
    block = Block(kind, reason, start + 1, text)
    if kind not in ("other", "synopsis", "no"):
        block.commands = list(_iter_commands(lines, start + 1, end))
    return block


def _iter_commands(lines: Sequence[str], start: int, end: int) -> Iterator[Command]:
    if any(line.startswith("$ ") for line in lines[start:end]):
        yield from _iter_shown(lines, start, end)
        return
    at = start
    while at < end:
        text, first = lines[at], at
        while text.endswith("\\") and at + 1 < end:
            at += 1
            text += "\n" + lines[at]
        if text.strip() and not text.lstrip().startswith("#"):
            yield Command(text, first + 1)
        at += 1


def _iter_shown(lines: Sequence[str], start: int, end: int) -> Iterator[Command]:
    starts = [at for at in range(start, end) if lines[at].startswith("$ ")]
    for at, following in zip(starts, [*starts[1:], end], strict=True):
        text, first = lines[at][2:], at + 1
        while text.endswith("\\") and first < following:
            text += "\n" + lines[first]
            first += 1
        last = following
        while last > first and not lines[last - 1].strip():
            last -= 1
        yield Command(text, at + 1, list(lines[first:last]), first, last)


def is_alike(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Tell whether a printed output is what a document shows."""
    parts = "\n".join(shown).split(f"\n{ANY_LINES}\n") if shown else [""]
    if shown and shown[-1] == ANY_LINES:
        parts = [*"\n".join(shown[:-1]).split(f"\n{ANY_LINES}\n"), ""]
    pattern = r"(?:\n.*)*\n?".join(re.escape(mask(part)) for part in parts)
    return re.fullmatch(pattern, mask("\n".join(printed))) is not None


def mask(text: str) -> str:
    """Take out what is another each time, and blanks at the ends of lines."""
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def shorten(shown: Sequence[str], printed: list[str]) -> list[str]:
    """Return a printed output as a document shows it: cut where it was cut before."""
    if ANY_LINES in shown:
        return [*printed[: list(shown).index(ANY_LINES)], ANY_LINES]
    return printed


class Terminal:
    """A shell in a terminal of its own; what it does to itself (alias, export, cd) stays.

    Args:
        folder: Where it starts.
        env: Its environment.
        scratch: A folder for its own files.
    """

    LOOP = (
        "shopt -s expand_aliases; while IFS= read -r -u 3 f; do "
        '. "$f" 2>"$f.err"; echo $? >&4; done'
    )

    def __init__(self, folder: Path, env: dict[str, str], scratch: Path) -> None:
        self._scratch, self._count = scratch, 0
        self._terminal, inner = pty.openpty()
        ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        modes = termios.tcgetattr(inner)
        modes[1] &= ~termios.OPOST
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(inner, termios.TCSANOW, modes)
        reader, self._orders = os.pipe()
        self._codes, writer = os.pipe()

        def become_leader() -> None:
            os.setsid()
            ioctl(inner, termios.TIOCSCTTY, 0)
            # Where dup2 puts them, each could be what the other was.
            spare = os.dup(reader), os.dup(writer)
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", self.LOOP],  # noqa: S607
            cwd=folder,
            env=env,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            close_fds=False,
            preexec_fn=become_leader,  # noqa: PLW1509 - no thread runs here
        )
        for descriptor in (inner, reader, writer):
            os.close(descriptor)

    def run(self, text: str, longest_s: float) -> tuple[int, list[str]]:
        """Run a command; return its exit code and the lines that it printed, errors last.

        Raises:
            WalkError: It did not end in time.
        """
        self._count += 1
        file = self._scratch / f"command-{self._count}"
        file.write_text(text + "\n")
        os.write(self._orders, f"{file}\n".encode())
        answers, code, printed, ends = MOST_ANSWERS, None, bytearray(), time.monotonic() + longest_s
        while code is None:
            ready, _, _ = select.select([self._terminal, self._codes], [], [], 1.0)
            if self._terminal in ready:
                printed += self._read()
                if _QUESTION.search(printed) and answers:
                    answers -= 1
                    os.write(self._terminal, b"y\n")
            elif self._codes in ready:
                code = int(os.read(self._codes, 16) or b"255")
            elif time.monotonic() > ends:
                raise WalkError(
                    f"does not end within {longest_s:.0f} s; so far:\n{printed.decode()}"
                )
        printed += Path(f"{file}.err").read_bytes()
        plain = _STYLE.sub("", printed.decode(errors="replace"))
        lines = [line.rpartition("\r")[2].rstrip() for line in plain.split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        return code, lines

    def _read(self) -> bytes:
        try:
            return os.read(self._terminal, 65536)
        except OSError:  # the shell has gone
            return b""

    def close(self) -> None:
        """End the shell."""
        os.close(self._orders)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._codes)
        os.close(self._terminal)


class Walk:
    """One walk through the documents, in a home of its own.

    Args:
        set_up: Run what installs, too.
        write: Write down what was printed.
    """

    def __init__(self, *, set_up: bool, write: bool) -> None:
        self.set_up, self.write = set_up, write
        self.counts: dict[str, int] = {}
        self.left_out: list[str] = []
        self._made = Path(tempfile.mkdtemp(prefix="coexplorer-walk-"))
        self._folder = TOP if set_up else self._made / "clone"
        self._folder.mkdir(exist_ok=True)
        self._home = Path.home() if set_up else self._made / "home"
        self._home.mkdir(exist_ok=True)
        self.env = self._build_env()
        self._background: list[subprocess.Popen[bytes]] = []
        self._terminal = Terminal(self._folder, self.env, self._made)

    def _build_env(self) -> dict[str, str]:
        editor = self._made / "editor"
        editor.write_text(EDITOR)
        editor.chmod(0o755)
        left = ("XDG_", "CODEOCEAN_", "COEXPLORER_", "PYTEST_", "COV_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(left)}
        for name in ("COLUMNS", "LINES", "FORCE_COLOR", "VIRTUAL_ENV", "PYTHONPATH", "BROWSER"):
            env.pop(name, None)
        env |= {"HOME": str(self._home), "EDITOR": str(editor), "TZ": "UTC", "NO_COLOR": "1"}
        env |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        env.pop("VISUAL", None)
        if not self.set_up:
            # What make would have made: the environment that walks.
            activate = self._folder / ".venv" / "bin" / "activate"
            activate.parent.mkdir(parents=True)
            activate.write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
        return env

    def can_mount(self) -> bool:
        """Tell whether the program that is walked with can mount."""
        code, _ = self._terminal.run(
            'python=$(head -n 1 "$(type -P coexplorer)"); ${python#??} -c "'
            "import sys; from coexplorer.config.fuse import find_mount_fault;"
            'sys.exit(find_mount_fault() is not None)"',
            LONGEST_S,
        )
        return code == 0

    def walk(self, path: Path) -> None:
        """Run the blocks of a document.

        Raises:
            WalkError: One of them is not true.
        """
        name = str(path.relative_to(TOP)) if path.is_relative_to(TOP) else path.name
        lines = path.read_text(encoding="utf-8").split("\n")
        blocks = read_blocks(lines, name)
        replaced: list[tuple[Command, list[str]]] = []
        for block in blocks:
            place = f"{name}:{block.line}"
            kind = self._choose(block, place)
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if kind not in ("run", "demo", "until Ctrl-C", "meanwhile"):
                continue
            for command in block.commands:
                try:
                    printed = self._run(kind, command, block)
                except WalkError as error:
                    raise WalkError(f"{name}:{command.line}: $ {command.text}\n{error}") from None
                if printed is not None:
                    replaced.append((command, printed))
        if self.write and replaced:
            for command, printed in reversed(replaced):
                lines[command.first : command.last] = printed
            path.write_text("\n".join(lines), encoding="utf-8")

    def _choose(self, block: Block, place: str) -> str:
        """Say what becomes of a block; one that is left out is remembered with its reason."""
        if block.kind.startswith("no"):
            self.left_out.append(f"{place}: {block.reason}")
        elif block.kind == "set-up":
            if self.set_up:
                return "run"
            self.left_out.append(f"{place}: set-up, for a bare machine")
        elif block.kind == "mount":
            if self.can_mount():
                return "run"
            self.left_out.append(f"{place}: nothing can be mounted here")
        return block.kind

    def _run(self, kind: str, command: Command, block: Block) -> list[str] | None:
        """Run a command; return what is to be shown in place of what is."""
        if kind == "demo":
            self._start_demo(command)
            return None
        if kind == "until Ctrl-C":
            self._start_and_end(command)
            return None
        longest_s = LONGEST_SET_UP_S if block.kind == "set-up" else LONGEST_S
        meanwhile = self._made / "editor.meanwhile"
        if kind == "meanwhile":
            meanwhile.write_text(f"{COLLEAGUE}{block.reason}\n")
        code, printed = self._terminal.run(command.text, longest_s)
        meanwhile.unlink(missing_ok=True)
        if code and not (kind == "meanwhile" and code == _CONFLICT):
            raise WalkError(f"ends with {code}:\n" + "\n".join(printed))
        if any(_FINDS_NOTHING in line for line in printed):
            raise WalkError("shows nothing, as its query finds no assets in the demo")
        if command.shown is None or is_alike(command.shown, printed):
            return None
        if self.write:
            return shorten(command.shown, printed)
        raise WalkError(
            "shows\n" + "\n".join(command.shown) + "\nbut prints\n" + "\n".join(printed)
        )

    def _start_demo(self, command: Command) -> None:
        """Open the demo without the app, which would want the terminal for itself."""
        text = command.text.partition("#")[0].strip()
        text = f"{text} DEMO_ARGS='--no-app --fresh'"
        if not self.set_up:
            text = f"{Path(sys.executable).parent}/coexplorer demo --no-app"
        self._start(text, "--profile demo ls")

    def _start_and_end(self, command: Command) -> None:
        process = self._start(f". .venv/bin/activate; exec {command.text}", "127.0.0.1:")
        self._background.remove(process)
        self._end(process, signal.SIGINT)
        if process.returncode:
            raise WalkError(f"ends with {process.returncode} after Ctrl-C")

    def _start(self, text: str, until: str) -> subprocess.Popen[bytes]:
        log = self._made / f"log-{time.monotonic_ns()}"
        # A session of its own, so that Ctrl-C reaches all of it.
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", text],  # noqa: S607
                cwd=self._folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._background.append(process)
        ends = time.monotonic() + LONGEST_SET_UP_S
        while until not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > ends:
                raise WalkError(f"does not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        if self.set_up:
            print(log.read_text(errors="replace"), end="", flush=True)
        return process

    def _end(self, process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """End everything that was begun; the demo unmounts what is mounted of it."""
        self._terminal.close()
        for process in reversed(self._background):
            self._end(process, signal.SIGTERM)
        shutil.rmtree(self._made, ignore_errors=True)


def find_files(names: Sequence[str]) -> list[Path]:
    """Return the documents, folders with all that is in them."""
    paths = [TOP / name for name in names or FILES]
    return [
        file for path in paths for file in (sorted(path.rglob("*.md")) if path.is_dir() else [path])
    ]


def count(paths: Sequence[Path]) -> dict[str, int]:
    """Count blocks by kind.

    Raises:
        WalkError: See `read_blocks`.
    """
    counts: dict[str, int] = {}
    for path in paths:
        for block in read_blocks(path.read_text(encoding="utf-8").split("\n"), path.name):
            counts[block.kind] = counts.get(block.kind, 0) + 1
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("file", nargs="*", help="documents, in this order (default: all of them)")
    parser.add_argument("--write", action="store_true", help="write down what was printed")
    parser.add_argument("--set-up", action="store_true", help="run what installs, too")
    parser.add_argument("--list", action="store_true", help="only count the blocks")
    options = parser.parse_args(arguments)
    paths = find_files(options.file)
    if options.list:
        print(count(paths))
        return 0
    walk = Walk(set_up=options.set_up, write=options.write)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Who was started aside ignores Ctrl-C, and would hand that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for path in paths:
            walk.walk(path)
    except WalkError as error:
        print(f"{error}\n\nIf that is right: python scripts/walk_docs.py --write", file=sys.stderr)
        return 1
    finally:
        walk.close()
    for line in walk.left_out:
        print(f"left out {line}")
    print(", ".join(f"{number} {kind}" for kind, number in sorted(walk.counts.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
