"""What the app uses of the machine: $EDITOR, the clock, the config file, the mount's process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from coexplorer.config import Settings, fuse
from coexplorer.config.settings import ENVIRONMENT
from coexplorer.errors import ConfigError, FileTrouble, explain_os
from coexplorer.models import Secret


def now() -> float:
    """Return the time, epoch seconds."""
    return time.time()


def local_time() -> datetime:
    """Return this moment on the clock of this machine's time zone."""
    return datetime.fromtimestamp(now()).astimezone()


class Edited(msgspec.Struct, frozen=True):
    """What came back from $EDITOR.

    Attributes:
        text: As it was saved; nothing when it can't be had.
        problem: Why there is none, and where what was written is kept.
    """

    text: str = ""
    problem: str = ""


class EditorProcess:
    """$EDITOR, while it has the terminal: the app goes on meanwhile, without a screen."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._signal: int | None = None
        self.is_open = False

    def pass_on(self, number: int) -> bool:
        """Pass on a signal that is to end the app; tell whether an editor has to end first."""
        self._signal = number
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
        return self.is_open

    async def run(self, path: Path, before: str) -> Edited:
        """Open a file in $VISUAL or $EDITOR.

        The file is gone afterwards, unless the editor failed or was killed over it: then what was
        written is in it, or in what the editor keeps beside it. A file that holds nothing but
        `before` goes in any case; what an earlier editor has written does not.

        Args:
            path: The file.
            before: The text before anybody wrote anything.
        """
        self.is_open = True
        try:
            code = await self._wait(path)
        except (OSError, ValueError) as error:
            what = getattr(error, "filename", None) or "its command"
            problem = f"the editor could not be run ({what}: {_explain(error)}): set $EDITOR"
            return _read_back(path, before, problem=problem)
        finally:
            self.is_open = False
        problem = f"the editor ended with code {code}" if code else ""
        return _read_back(path, before, problem=problem, is_killed=code < 0)

    async def show(self, path: Path) -> str:
        """Show a file in $PAGER, else in less; return what went wrong, if anything did."""
        self.is_open = True
        try:
            await self._wait(path, os.environ.get("PAGER") or "less")
        except (OSError, ValueError) as error:
            what = getattr(error, "filename", None) or "its command"
            return f"the pager could not be run ({what}: {_explain(error)}): set $PAGER"
        finally:
            self.is_open = False
        return ""

    async def _wait(self, path: Path, program: str = "") -> int:
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        command = shlex.split(program or editor)
        # Ctrl-C is the editor's: the terminal sends it to all who share it.
        before = signal.signal(signal.SIGINT, _leave_it_to_the_editor)
        try:
            self._process = process = await asyncio.create_subprocess_exec(*command, str(path))
            if self._signal is not None:
                process.send_signal(self._signal)
            return await process.wait()
        finally:
            self._process = None
            signal.signal(signal.SIGINT, before)


def _leave_it_to_the_editor(*_: object) -> None:
    """Do nothing; unlike an ignored signal, this is not inherited by the editor."""


def _read_back(path: Path, before: str, *, problem: str, is_killed: bool = False) -> Edited:
    try:
        written = path.read_bytes().decode("utf-8")  # each line end as it is: it may be theirs
    except (OSError, UnicodeDecodeError) as error:
        reason = _explain(error)
        return Edited(problem=f"the text can't be read ({reason}); it is kept in {path}")
    if problem and (written != before or is_killed):
        return Edited(written, problem=f"{problem}: the text is kept in {path}")
    drop_text(path)
    return Edited(written, problem=f"{problem}: nothing was changed" if problem else "")


def drop_text(path: Path) -> None:
    """Forget what `keep_text` kept."""
    path.unlink(missing_ok=True)


def keep_text(text: str) -> Path:
    """Write a text to a private file of its own.

    Raises:
        FileTrouble: It can't be written.
    """
    name = ""
    try:
        handle, name = tempfile.mkstemp(prefix="coexplorer-", suffix=".md")  # 0600
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        hint = "or set TMPDIR to another folder"
        raise FileTrouble.of("a file for the text", "written", error, hint=hint) from None
    return Path(name)


def find_folder(typed: str) -> Path:
    """Return the folder that somebody means: from here on, or from their home (``~``)."""
    return Path(os.path.abspath(os.path.expanduser(typed)))  # noqa: PTH100, PTH111  ~ of no user


@contextlib.contextmanager
def keep_copy(content: bytes, name: str) -> Iterator[Path]:
    """Write a private file, to be looked at, and delete it afterwards.

    Args:
        content: What is in it.
        name: What it ends with, as programs go by that: ``.json``.

    Raises:
        OSError: It can't be written.
    """
    with tempfile.TemporaryDirectory(prefix="coexplorer-") as folder:  # 0700
        path = Path(folder, f"file{name}")
        path.write_bytes(content)
        yield path


def _explain(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return explain_os(error)[0] if isinstance(error, OSError) else str(error)


def has_browser(env: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Tell whether a browser can be opened beside the app: one in the terminal would take it."""
    if any(env.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return False
    return platform == "darwin" or any(env.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))


async def copy_by_tmux(text: str) -> bool:
    """Hand a text to tmux and, through it, to the terminal around it; tell whether it took it.

    As it is installed, tmux keeps OSC 52 of what runs in it to itself.
    """
    if not os.environ.get("TMUX"):
        return False
    with contextlib.suppress(OSError):
        process = await asyncio.create_subprocess_exec(
            *("tmux", "load-buffer", "-w", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.communicate(text.encode())
        return process.returncode == 0
    return False


def save_view(settings: Settings, name: str, query: str | None) -> None:
    """Write a view to the config file; None removes it. Raises `ConfigError`."""
    from coexplorer.config import write  # noqa: PLC0415  TOML is written seldom

    write.save_view(settings, name, query)


def save_columns(settings: Settings, columns: Sequence[str]) -> None:
    """Write the columns to the config file. Raises `ConfigError`."""
    from coexplorer.config import write  # noqa: PLC0415  TOML is written seldom

    write.save_columns(settings.paths, columns)


def keep_token(settings: Settings, token: Secret) -> str:
    """Keep a new token where the old one was kept, if that was the config file; say where it is."""
    from coexplorer.config.file import load_config_file  # noqa: PLC0415  TOML is written seldom
    from coexplorer.config.write import save_profile  # noqa: PLC0415  TOML is written seldom

    for_now = "signed in until you leave; to keep it: coexplorer login"
    try:
        profile = load_config_file(settings.paths.config_file).profiles.get(settings.profile)
        if profile is None or profile.token is None:
            return for_now
        save_profile(settings.paths, msgspec.structs.replace(profile, token=token))
    except ConfigError:
        return for_now
    return "signed in; the token is kept in config.toml"


def find_mount_fault() -> str:
    """Say why mounting is not possible on this machine, and what to do; empty when it is."""
    fault = fuse.find_mount_fault()
    return "" if fault is None else ": ".join(filter(None, (fault.message, fault.hint)))


async def is_mounted(folder: Path) -> bool:
    """Tell whether something is mounted there; asked in a thread, since a mount may not answer."""
    return await asyncio.to_thread(os.path.ismount, folder)


async def set_mounted(settings: Settings, *, mounted: bool) -> str:
    """Mount the profile's folder in a process of its own, or unmount it; say what was done."""
    folder = settings.mount_folder
    # The environment's profile has no name in the file: the process inherits the environment.
    profile = [] if settings.profile == ENVIRONMENT else ["--profile", settings.profile]
    command = "mount" if mounted else "umount"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "coexplorer", *profile, command, str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    if process.stderr is None:
        raise AssertionError
    # The mount goes to the background with this pipe closed, so the end of both is awaited.
    _, told = await process.communicate()
    if process.returncode:
        lines = told.decode(errors="replace").strip().splitlines() or ["without a message"]
        return f"{command} of {folder} failed: {lines[0].removeprefix('coexplorer: ')}"
    return f"{'mounted at' if mounted else 'unmounted'} {folder}"
