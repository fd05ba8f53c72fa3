"""Where things are kept on this machine (XDG, by platformdirs), and how tightly.

Folders are 0700 and files 0600: a catalog is somebody's unpublished work.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import platformdirs

APP = "coexplorer"


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

    def catalog_file(self, profile: str, domain: str) -> Path:
        """Return the catalog's path: one for each profile and domain."""
        return self.cache_dir / "catalogs" / f"{_file_stem(profile, domain)}.sqlite3"

    def journal_file(self, profile: str, domain: str) -> Path:
        """Return the journal's path: one for each profile and domain, like the catalog's."""
        return self.state_dir / "journals" / f"{_file_stem(profile, domain)}.sqlite3"


def find_paths() -> Paths:
    """Look the folders up; none is created."""
    return Paths(
        config_dir=platformdirs.user_config_path(APP, appauthor=False),
        cache_dir=platformdirs.user_cache_path(APP, appauthor=False),
        state_dir=platformdirs.user_state_path(APP, appauthor=False),
    )


def ensure_private_dir(path: Path) -> Path:
    """Make a folder that only its owner can enter; one that exists is left as it is.

    Raises:
        OSError: When it can't be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable only by its owner, and never seen half written.

    A symbolic link (as dotfile managers make) stays one: what it points to is replaced.

    Raises:
        OSError: When it can't be written; the old file is then untouched.
    """
    target = path.resolve()
    ensure_private_dir(target.parent)
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


def _file_stem(profile: str, domain: str) -> str:
    """Name profile and domain in a file's name; a port's colon is no good on some disks."""
    return f"{profile}@{domain.replace(':', '_').strip('[]')}"
