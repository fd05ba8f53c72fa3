"""Where things are kept on this machine, and how tightly.

Folders are 0700 and files 0600: a catalog is somebody's unpublished work.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

import msgspec

from coexplorer.errors import ConfigError, FileTrouble
from coexplorer.folders import APP, find_folders


class Paths(msgspec.Struct, frozen=True):
    """The program's folders.

    Attributes:
        config_dir: Holds ``config.toml``.
        cache_dir: May be deleted at any time; only speed is lost.
        state_dir: Journals, the demo's data and logs: must not be deleted lightly.
    """

    config_dir: Path
    cache_dir: Path
    state_dir: Path

    @property
    def config_file(self) -> Path:
        """``config.toml``, which need not exist."""
        return self.config_dir / "config.toml"

    @property
    def demo_dir(self) -> Path:
        """What ``coexplorer demo`` keeps between runs."""
        return self.state_dir / "demo"

    @property
    def log_file(self) -> Path:
        """Where ``--debug`` writes."""
        return self.state_dir / "debug.log"

    @property
    def file_cache_dir(self) -> Path:
        """What was read of the files of assets, of all profiles."""
        return self.cache_dir / "files"

    def catalog_file(self, profile: str, domain: str, person: int = 0) -> Path:
        """Return the catalog's path: one for each profile, domain and person who signed in."""
        return self.cache_dir / "catalogs" / f"{_file_stem(profile, domain, person)}.sqlite3"

    def journal_file(self, profile: str, domain: str, person: int = 0) -> Path:
        """Return the journal's path: one for each of them, like the catalog's."""
        return self.state_dir / "journals" / f"{_file_stem(profile, domain, person)}.sqlite3"

    def people_file(self, profile: str, domain: str) -> Path:
        """Return where it is written down who signed in: see `coexplorer.config.people`."""
        return self.state_dir / "journals" / f"{_file_stem(profile, domain)}.people.json"


_NO_HOME = ConfigError(
    "there is no home folder for this user",
    hint="set HOME, or XDG_CONFIG_HOME, XDG_CACHE_HOME and XDG_STATE_HOME, to your own folder",
)


def find_paths() -> Paths:
    """Look the folders up; none is created.

    Raises:
        ConfigError: The user has no home folder, and nothing else says where they are.
    """
    try:
        found = find_folders(os.environ, sys.platform)
        paths = _find_elsewhere() if found is None else Paths(*map(Path, found))
    except RuntimeError:  # a user id that no list of users has
        raise _NO_HOME from None
    # A relative one, or a ~ that nobody expands, would be another folder wherever the shell is.
    if not all(path.is_absolute() for path in (paths.config_dir, paths.cache_dir, paths.state_dir)):
        raise _NO_HOME
    return paths


def _find_elsewhere() -> Paths:
    import platformdirs  # noqa: PLC0415 - see `coexplorer.folders`

    return Paths(
        config_dir=platformdirs.user_config_path(APP, appauthor=False),
        cache_dir=platformdirs.user_cache_path(APP, appauthor=False),
        state_dir=platformdirs.user_state_path(APP, appauthor=False),
    )


def find_gone_folder() -> FileTrouble | None:
    """Return what to say where the current folder was deleted; None: it is there."""
    try:
        os.getcwd()  # noqa: PTH109 - pathlib asks the same
    except FileNotFoundError:
        return FileTrouble(
            "the current folder no longer exists", hint="change to one that does: cd"
        )
    except OSError:
        return None
    return None


def check_relative(path: Path) -> Path:
    """Return a path whose beginning is there: that of a relative one is the current folder.

    Raises:
        FileTrouble: That folder was deleted.
    """
    is_relative = not path.is_absolute() and not str(path).startswith("~")
    if is_relative and (gone := find_gone_folder()) is not None:
        raise gone
    return path


def name_in_shell(path: Path) -> str:
    """Write a path as a shell takes it, the shortest way: with ``~`` for the user's home."""
    import shlex  # noqa: PLC0415 - only hints need it

    home = os.environ.get("HOME", "")
    if home not in {"", "/"} and path.is_relative_to(home) and path != Path(home):
        return f"~/{shlex.quote(str(path.relative_to(home)))}"
    return shlex.quote(str(path))


def expand_home(path: str | Path) -> Path:
    """Replace a leading ``~``.

    Raises:
        ConfigError: There is no home folder to put in its place.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{path} can't be found: {_NO_HOME}", hint=_NO_HOME.hint) from None


def ensure_private_dir(path: Path) -> Path:
    """Make one of the program's folders; only its owner can enter it, whatever the umask.

    Each missing folder above it is made likewise. One that an earlier version, or a umask, left
    open to others is closed: that goes for `path` and what is above it up to the program's own.

    Raises:
        OSError: When it can't be made.
    """
    _make_private(path)
    if APP in path.parts:
        for folder in (path, *path.parents):
            _close_to_others(folder)
            if folder.name == APP:
                break
    return path


def _make_private(path: Path) -> None:
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)  # a umask may take the owner's own rights, too
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def _close_to_others(folder: Path) -> None:
    with contextlib.suppress(OSError):  # on a disk without modes there is nothing to close
        found = folder.stat()
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            folder.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable only by its owner, and never seen half written.

    A symbolic link (as dotfile managers make) stays one: what it points to is replaced.

    Raises:
        OSError: When it can't be written; the old file is then untouched.
    """
    target = Path(os.path.realpath(path))  # resolve() raises another error where links go round
    _make_private(target.parent)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _file_stem(profile: str, domain: str, person: int = 0) -> str:
    """Name profile, domain and person in a file's name; a port's colon is bad on some disks."""
    number = f"~{person}" if person else ""
    return f"{profile}@{domain.replace(':', '_').strip('[]')}{number}"
