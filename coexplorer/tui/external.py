"""What the app asks of the machine: $EDITOR, the clock, the config file, the mount's process."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from coexplorer.config import Settings
from coexplorer.config.settings import ENVIRONMENT
from coexplorer.errors import ConfigError
from coexplorer.models import Secret


def now() -> float:
    """Return the time, epoch seconds."""
    return time.time()


@dataclass(frozen=True, slots=True)
class Edited:
    """What came back from $EDITOR.

    Attributes:
        text: As it was saved; nothing when there was a problem.
        problem: Why there is none, and where what was written is kept.
    """

    text: str = ""
    problem: str = ""


def run_editor(text: str) -> Edited:
    """Open `text` in $VISUAL or $EDITOR.

    The file is private. It is gone afterwards, unless the editor failed or was killed over it: then
    what was written is in it, or in what the editor keeps beside it.
    """
    path = keep_text(text)
    kept = False
    try:
        try:
            command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
            ended = subprocess.run([*command, str(path)], check=False)  # noqa: S603  the user's own editor
        except (OSError, ValueError) as error:
            return Edited(problem=f"the editor could not be run ({error}): set $EDITOR")
        try:
            written = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            kept = True
            return Edited(problem=f"the text can't be read ({error}); it is kept in {path}")
        if ended.returncode:
            kept = written != text or ended.returncode < 0
            end = f"the text is kept in {path}" if kept else "nothing was changed"
            return Edited(problem=f"the editor ended with {ended.returncode}: {end}")
        return Edited(written)
    finally:
        if not kept:
            path.unlink(missing_ok=True)


def keep_text(text: str) -> Path:
    """Write a text to a private file of its own."""
    handle, name = tempfile.mkstemp(prefix="coexplorer-", suffix=".md")  # 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def has_browser(env: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Tell whether a browser can be opened beside the app: one in the terminal would take it."""
    if any(env.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return False
    return platform == "darwin" or any(env.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))


async def copy_by_tmux(text: str) -> None:
    """Hand a text to tmux and, through it, to the terminal around it.

    As it is installed, tmux keeps OSC 52 of what runs in it to itself.
    """
    if not os.environ.get("TMUX"):
        return
    with contextlib.suppress(OSError):
        process = await asyncio.create_subprocess_exec(
            *("tmux", "load-buffer", "-w", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.communicate(text.encode())


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
    """Say why mounting is not possible on this machine; empty when it is."""
    if importlib.util.find_spec("pyfuse3") is None:
        return "the mount needs pyfuse3: pip install 'coexplorer[fuse]'"
    if not Path("/dev/fuse").exists():
        return "this machine has no /dev/fuse"
    return ""


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
        lines = told.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return f"{command} of {folder} failed: {lines[0].removeprefix('coexplorer: ')}"
    return f"{'mounted at' if mounted else 'unmounted'} {folder}"
