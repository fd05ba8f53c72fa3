"""The user's editor, on a private file that outlives whatever goes wrong."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import click

from coexplorer.cli.left_texts import tell_resume
from coexplorer.cli.narration import warn
from coexplorer.config import find_paths
from coexplorer.config.paths import ensure_private_dir
from coexplorer.errors import FileTrouble, JournalError, explain_os
from coexplorer.library.left_texts import Author, TextLock, drop_same


class EditedText:
    """A text in a file under the state folder; it is removed only when nothing can be lost.

    Args:
        text: What is to be edited.
        suffix: The end of the file's name.
        origin: For whom it is written; None: nobody knows.
        left: A text that was left before, to be gone on with.
    """

    def __init__(
        self, text: str, suffix: str, origin: Author | None, *, left: Path | None = None
    ) -> None:
        folder = find_paths().state_dir / "edits"
        name = str(left or "")
        self._origin = origin
        self._is_untouched = left is None
        if left is not None:
            self.path = left
            self._lock = self._take(text, folder)
            return
        try:
            ensure_private_dir(folder)
            descriptor, name = tempfile.mkstemp(prefix="edit-", suffix=suffix, dir=folder)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            if name:
                Path(name).unlink(missing_ok=True)
            reason, remedy = explain_os(error)
            raise JournalError(
                f"the text can't be put into {folder}: {reason}; nothing was sent",
                hint=f"{remedy}, or set XDG_STATE_HOME to a writable folder",
            ) from None
        self.path = Path(name)
        self._lock = self._take(text, folder)

    def _take(self, text: str, folder: Path) -> TextLock:
        """Write down what the text is made from, and that it is being edited."""
        try:
            return TextLock(self.path, text, self._origin)
        except OSError as error:
            reason, remedy = explain_os(error)
            raise JournalError(
                f"the text can't be put into {folder}: {reason}; nothing was sent",
                hint=f"{remedy}, or set XDG_STATE_HOME to a writable folder",
            ) from None

    def edit(self) -> str:
        """Open the file in the editor and return what it holds afterwards.

        Raises:
            click.UsageError: There is no editor or no terminal, or it failed or left no text.
        """
        has_terminal = _has_terminal()
        try:
            editor = find_editor(has_terminal=has_terminal)
        except click.UsageError:
            self._remove_untouched()
            raise
        command = [*editor, str(self.path)]
        try:
            # Standard input may be a list of ids; an editor talks to the terminal itself, and
            # where there is none, as in a job, it may be a program that needs none.
            with open("/dev/tty" if has_terminal else os.devnull, "rb") as tty:  # noqa: PTH123 - a device
                done = subprocess.run(command, stdin=tty, check=False)  # noqa: S603 - the user's own editor
        except OSError as error:
            self._remove_untouched()
            reason = explain_os(error)[0]
            raise click.UsageError(
                f"the editor {command[0]} can't be started: {reason}; set EDITOR to another one, or"
                " give the changes as options"
            ) from None
        self._is_untouched = False
        if done.returncode != 0:
            raise click.UsageError(
                f"{command[0]} ended with code {done.returncode}; nothing was sent"
            )
        try:
            return self.path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise click.UsageError(
                f"what {command[0]} wrote is not UTF-8 text; nothing was sent"
            ) from None
        except FileNotFoundError:
            raise click.UsageError(f"{command[0]} removed the text; nothing was sent") from None
        except OSError as error:
            raise FileTrouble.of(f"the text in {self.path}", "read", error) from None

    def tell(self) -> None:
        """Say where the text is, if it is still there, and how to go on with it."""
        self._lock.release()
        if self.path.exists():
            with contextlib.suppress(OSError):
                drop_same(find_paths().state_dir, self.path)
            warn(f"your text is kept in {self.path}; {tell_resume(self.path)} goes on with it")

    def _remove_untouched(self) -> None:
        """Forget the text if no editor has had it yet: nothing was typed."""
        if self._is_untouched:
            self.remove()

    def remove(self) -> None:
        """Forget the text."""
        self.path.unlink(missing_ok=True)
        self._lock.remove()


def _has_terminal() -> bool:
    """Tell whether this process has a terminal, whatever its standard streams are."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def find_editor(*, has_terminal: bool = True) -> list[str]:
    """Return the user's editor and its options: $VISUAL, $EDITOR, or what there is.

    Args:
        has_terminal: There is one. Else only what was chosen will do: it may need none.

    Raises:
        click.UsageError: There is none.
    """
    for name in ("VISUAL", "EDITOR"):
        given = os.environ.get(name, "").strip()
        if given:
            command = _split_command(name, given)
            if not command or shutil.which(command[0]) is None:
                raise click.UsageError(
                    f"${name} names {given!r}, and there is no such program; set it to another one,"
                    " or give the changes as options"
                )
            return command
    if not has_terminal:
        raise click.UsageError(
            "no terminal to edit on: give the changes as options, or set EDITOR to a program that"
            " needs no terminal"
        )
    for name in ("editor", "nano", "vim", "vi"):
        if shutil.which(name):
            return [name]
    raise click.UsageError("no editor was found; say which: EDITOR=nano")


def _split_command(name: str, given: str) -> list[str]:
    try:
        return shlex.split(given)
    except ValueError:
        raise click.UsageError(f"${name} can't be read as a command: {given}") from None
