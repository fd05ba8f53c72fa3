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

from coexplorer.cli.narration import warn
from coexplorer.config import find_paths
from coexplorer.config.paths import ensure_private_dir
from coexplorer.errors import FileTrouble, JournalError, explain_os
from coexplorer.library.left_texts import TextLock


class EditedText:
    """A text in a file under the state folder; it is removed only when nothing can be lost.

    Args:
        text: What is to be edited.
        suffix: The end of the file's name.
        left: A text that was left before, to be gone on with.
    """

    def __init__(self, text: str, suffix: str, *, left: Path | None = None) -> None:
        folder = find_paths().state_dir / "edits"
        name = str(left or "")
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
            return TextLock(self.path, text)
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
        command = [*find_editor(), str(self.path)]
        try:
            # Standard input may be a list of ids; the editor talks to the terminal itself.
            with contextlib.ExitStack() as stack:
                tty = stack.enter_context(open("/dev/tty", "rb"))  # noqa: PTH123 - a device
                done = subprocess.run(command, stdin=tty, check=False)  # noqa: S603 - the user's own editor
        except OSError as error:
            self.remove()
            reason = explain_os(error)[0]
            raise click.UsageError(
                f"{command[0]} can't be started here ({reason}); give the changes as options"
            ) from None
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
            warn(f"your text is kept in {self.path}; coexplorer edit --resume goes on with it")

    def remove(self) -> None:
        """Forget the text."""
        self.path.unlink(missing_ok=True)
        self._lock.remove()


def find_editor() -> list[str]:
    """Return the user's editor and its options: $VISUAL, $EDITOR, or what there is.

    Raises:
        click.UsageError: There is none.
    """
    for name in ("VISUAL", "EDITOR"):
        given = os.environ.get(name, "").strip()
        if given:
            return _split_command(name, given)
    for name in ("editor", "nano", "vim", "vi"):
        if shutil.which(name):
            return [name]
    raise click.UsageError("no editor was found; say which: EDITOR=nano")


def _split_command(name: str, given: str) -> list[str]:
    try:
        return shlex.split(given)
    except ValueError:
        raise click.UsageError(f"${name} can't be read as a command: {given}") from None
