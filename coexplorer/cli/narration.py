"""What goes to standard error: progress and notes, warnings, questions, errors.

Progress and notes appear only on a terminal; warnings and errors always do. Everything that is
printed here is cleaned: names in it are strangers' text.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any, Self

import click

from coexplorer.cli import exits
from coexplorer.cli.format import count_text, size_text
from coexplorer.cli.quiet import is_quiet
from coexplorer.cli.screen import terminal_width
from coexplorer.errors import (
    AmbiguousAsset,
    CoexplorerError,
    EditConflict,
    QueryError,
    UnknownAssets,
)
from coexplorer.fields import FieldKind, field_named
from coexplorer.metadata.showing import show_field
from coexplorer.spelling import spell
from coexplorer.text import clean, cut, width

_TOLD = "coexplorer.told"
_REDRAW_S = 0.1
_FEW = 100
"""Up to so many steps each is drawn: the last one before a long wait must be seen."""

_BAR_CELLS = 24
_CANDIDATES_SHOWN = 20
_AROUND_CELLS = 30


def talks() -> bool:
    """Tell whether somebody is reading standard error as it is written."""
    return sys.stderr.isatty() and not is_quiet()


def note(text: str) -> None:
    """Say what is going on, if somebody is there to read it."""
    if talks():
        _say(click.style(spell(clean(text)), dim=True))


def warn(text: str) -> None:
    """Say what must not be overlooked."""
    _say(f"coexplorer: {spell(clean(text))}")


def warn_once(text: str) -> None:
    """Say what must not be overlooked, unless it was said of this command before."""
    if not _is_told(text):
        warn(text)


def _is_told(text: str) -> bool:
    """Tell whether a sentence was said already; from now on it was.

    A command may open the library more than once, and then end with the error it warned of.
    """
    context = click.get_current_context(silent=True)
    told: set[str] = set() if context is None else context.meta.setdefault(_TOLD, set())
    before = text in told
    told.add(text)
    return before


def report_error(error: CoexplorerError, *, about: str = "", anew: bool = False) -> None:
    """Print an error: one sentence, what else belongs to it, and what to do next.

    What the user was warned of already is not said again; what to do about it is.

    Args:
        error: The error.
        about: The asset, where several may be meant.
        anew: Something was tried again, so it is said again, too.
    """
    if not _is_told(error.message) or about or anew:
        sentence = clean(f"{about}: {error.message}" if about else error.message)
        _say(f"{click.style('coexplorer:', fg='red')} {spell(sentence)}")
    if isinstance(error, QueryError) and error.text:
        for line in mark_place(error.text, error.start, error.end):
            click.echo(f"  {line}", err=True)
    report_details(error)
    if hint := hint_of(error):
        tell_hint(hint)


def hint_of(error: CoexplorerError) -> str:
    """Return what to do about an error in commands (pure)."""
    if isinstance(error, EditConflict):
        number = error.entry or "ENTRY"
        again = "edit it again to have yours anyway (the log has it)"
        return f"{again}, or give yours up: coexplorer discard {number}"
    return error.hint


def tell_hint(hint: str) -> None:
    """Print what to do next, below the sentence that it belongs to."""
    click.echo(f"  {spell(clean(hint))}", err=True)


def report_details(error: CoexplorerError) -> None:
    """Print what an error holds beside its sentence."""
    for line in _describe_details(error):
        click.echo(f"  {clean(line)}", err=True)


def _describe_details(error: CoexplorerError) -> list[str]:
    """Return what an error holds beside its sentence; of many things the first few (pure)."""
    lines: list[str] = []
    match error:
        case AmbiguousAsset():
            lines = [f"{asset_id}  {name}" for asset_id, name in error.candidates]
        case UnknownAssets():
            lines = list(error.problems)
        case EditConflict():
            sides = {"base": error.base, "mine": error.mine, "theirs": error.theirs}
            for row in map(field_named, error.fields):
                sets = [row.set_of(fields) for fields in sides.values()]
                for side, fields in sides.items():
                    is_set = row.kind is FieldKind.SET
                    shown = (
                        _tell_set(row.set_of(fields), sets) if is_set else show_field(row, fields)
                    )
                    lines.append(f"{row.told} ({side}): {shown}".rstrip())
    if len(lines) > _CANDIDATES_SHOWN:
        lines[_CANDIDATES_SHOWN:] = [f"… and {len(lines) - _CANDIDATES_SHOWN:,} more"]
    return lines


def _tell_set(value: Sequence[str], sides: Iterable[Sequence[str]]) -> str:
    """Return a set with what not all sides have first: that is what it is about (pure)."""
    everywhere = set.intersection(*map(set, sides))
    return ", ".join(sorted(value, key=lambda each: each in everywhere))


def mark_place(text: str, start: int, end: int) -> tuple[str, str]:
    """Return what is around a place of a text, and a line that points at the place (pure)."""
    first, last = max(0, start - _AROUND_CELLS), end + _AROUND_CELLS
    before = ("…" if first else "") + clean(text[first:start])
    marked = clean(text[start:end])
    after = clean(text[end:last]) + ("…" if last < len(text) else "")
    return before + marked + after, " " * width(before) + "^" * max(1, width(marked))


class NobodyToAskError(click.ClickException):
    """There is no terminal to ask a question on; told without the usage, which is right."""

    exit_code = exits.USAGE

    def __init__(self) -> None:
        super().__init__(
            "no terminal to ask on: add --yes. (Deletes, changes to several assets or to what a"
            " query or tag finds, and sending many again need confirmation.)"
        )

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - click's signature
        """Say it."""
        warn(self.message)


def confirm(question: str) -> bool:
    """Ask on the terminal itself, so that ids may come on standard input meanwhile.

    Raises:
        NobodyToAskError: When there is no terminal to ask on.
    """
    try:
        with open("/dev/tty", "r+b", buffering=0) as tty:  # noqa: PTH123 - a device, not a path
            tty.write(f"{clean(question)} [y/N] ".encode())
            _wait_for_line(tty.fileno())
            answer = tty.readline().decode("utf-8", "replace")
    except OSError:
        raise NobodyToAskError from None
    return answer.strip().lower() in {"y", "yes"}


def ask_secret(question: str) -> str:
    """Ask for something that is not shown, or read it from a pipe: one line of standard input.

    Raises:
        click.UsageError: There is nothing more to read.
    """
    return _ask(question, hidden=True)


def read_piped(question: str, *, ends: Callable[[str], bool]) -> str:
    """Read lines of standard input that answer a question, to the one that does or to its end.

    Args:
        question: What for.
        ends: Tells whether a line is the answer; what comes after it is not waited for.

    Raises:
        click.UsageError: There is nothing more to read.
    """
    lines: list[str] = []
    for line in sys.stdin:
        lines.append(line)
        if ends(line):
            break
    text = "".join(lines).strip()
    if not text:
        raise _nothing_came(question)
    return text


def ask_text(question: str, *, instead: str) -> str:
    """Ask for something, or read it from a pipe: one line of standard input.

    Args:
        question: What for.
        instead: What to do where there is nobody to ask.

    Raises:
        click.UsageError: There is nothing more to read.
    """
    return _ask(question, instead=instead)


def _ask(question: str, *, hidden: bool = False, instead: str = "") -> str:
    typed = sys.stdin.isatty()
    line = _read_typed(question, hidden=hidden) if typed else sys.stdin.readline().strip()
    if not line:
        raise _nothing_came(question, instead)
    return line


def _nothing_came(question: str, instead: str = "") -> click.UsageError:
    rest = f"; {instead}" if instead else ""
    return click.UsageError(f"{question}: nothing came on standard input{rest}")


def _read_typed(question: str, *, hidden: bool) -> str:
    """Ask on the terminal until something is typed; empty at the end (Ctrl-D).

    The question is not left to `input`, which drops a Ctrl-C that comes while it shows it.
    """
    while True:
        if hidden:
            try:
                line = getpass.getpass(f"{question}: ", stream=sys.stderr) + "\n"
            except EOFError:
                line = ""
        else:
            click.echo(f"{question}: ", err=True, nl=False)
            _wait_for_line(sys.stdin.fileno())
            line = sys.stdin.readline()
        if not line:
            click.echo(err=True)
        if line != "\n":
            return line.removesuffix("\n")


def _wait_for_line(terminal: int) -> None:
    """Wait until a line is typed, or a signal came, at whatever moment it came.

    A signal interrupts a read that has begun. One that comes just before is only noted, and the
    read would wait on; so what is waited for here is also the byte that Python writes then.

    Args:
        terminal: Its file descriptor.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # signals never interrupt it
    import socket  # no list needs it

    heard, tell = socket.socketpair()
    with heard, tell:
        tell.setblocking(False)
        before = signal.set_wakeup_fd(tell.fileno())
        try:
            select.select([terminal, heard.fileno()], [], [])
        finally:
            signal.set_wakeup_fd(before)


class _Bottom:
    """The line at the bottom of the terminal: one at a time, or none.

    Attributes:
        progress: The progress that is shown there.
        drawn: What stands there.
    """

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.drawn = ""

    def draw(self, line: str) -> None:
        """Replace what stands there; empty: by nothing."""
        line = cut(line, terminal_width() - 1)
        if line != self.drawn:
            click.echo(f"\r{line}\x1b[K", err=True, nl=False, color=True)
            self.drawn = line


_BOTTOM = _Bottom()


def _say(line: str) -> None:
    """Print a line where the one at the bottom was, which is drawn again below it."""
    if _BOTTOM.drawn:
        _BOTTOM.draw("")
    click.echo(line, err=True)


def draws() -> bool:
    """Tell whether there is a terminal on which a line can be redrawn."""
    return talks() and os.environ.get("TERM") != "dumb"


def show_wait(sentence: str) -> None:
    """Say at the bottom of the terminal what is waited for; empty: nothing is.

    Only where `draws` says so.
    """
    sentence = clean(sentence)
    if _BOTTOM.progress is not None:
        _BOTTOM.progress.show_wait(sentence)
    else:
        _BOTTOM.draw(click.style(sentence, dim=True) if sentence else "")


class Progress(contextlib.AbstractContextManager["Progress"]):
    """A line at the bottom of the terminal, redrawn in place; nothing where there is none."""

    def __init__(self, label: str, *, sizes: bool = False) -> None:
        self._label = clean(label)
        self._show = size_text if sizes else count_text
        self._active = draws()
        self._line = ""
        self._figures = ""
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        if self._active:
            _BOTTOM.progress = self
        return self

    def update(self, done: int, total: int | None, detail: str = "") -> None:
        """Show that `done` of `total` (None: not known) is there."""
        now = time.monotonic()
        matters = total is not None and (done >= total or total <= _FEW)
        if not self._active or (now - self._drawn_at < _REDRAW_S and not matters):
            return
        self._drawn_at = now
        self._figures = (
            self._show(done) if total is None else f"{self._show(done)}/{self._show(total)}"
        )
        figures = f"{self._figures} {clean(detail)}".rstrip()
        self._line = render_bar(self._label, done, total, figures)
        _BOTTOM.draw(self._line)

    def show_wait(self, sentence: str) -> None:
        """Show what is being waited for instead of the bar; empty: the bar again."""
        if sentence:
            _BOTTOM.draw(f"{self._label} {self._figures}".rstrip() + f": {sentence}")
        else:
            _BOTTOM.draw(self._line)

    def __exit__(self, *exc_info: object) -> None:
        if self._active:
            _BOTTOM.progress = None
            _BOTTOM.draw("")


def render_bar(label: str, done: int, total: int | None, figures: str) -> str:
    """Return ``label ████░░░░ figures``; without a total there is no bar (pure)."""
    if not total:
        return f"{label} {figures}"
    filled = min(_BAR_CELLS, _BAR_CELLS * done // total)
    return f"{label} {'█' * filled}{'░' * (_BAR_CELLS - filled)} {figures}"
