"""This machine's disks, and what coexplorer keeps on them."""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from coexplorer.catalog.disk import NoLocksError, try_locks
from coexplorer.catalog.inspection import inspect_catalog
from coexplorer.config import Paths, Settings
from coexplorer.config.paths import find_gone_folder
from coexplorer.doctor.findings import CheckState, Finding, pass_check, skip_check, tell_error
from coexplorer.errors import FileTrouble, explain_os
from coexplorer.library.drafts import list_drafts
from coexplorer.library.inspection import inspect_journal
from coexplorer.library.left_texts import Author, list_left
from coexplorer.library.refusals import tell_ended
from coexplorer.remote_files.cache import FREE_SHARE, BlockCache
from coexplorer.text import plural, size_text

LOOK_S: Final = 8.0
"""How long a catalog or a journal is searched for damage."""

_TRIED_BYTES: Final = 64 * 1024
_LOW_BYTES: Final = 200_000_000
_LEAST_BYTES: Final = 20_000_000
_OLD_S: Final = 7 * 86_400.0
_NAMED: Final = 3
_MOST_FILES: Final = 10_000


def _list_folders(paths: Paths) -> dict[str, Path]:
    """Return the variable of each folder and the folder; what can't be kept matters most."""
    return {
        "XDG_STATE_HOME": paths.state_dir,
        "XDG_CACHE_HOME": paths.cache_dir,
        "XDG_CONFIG_HOME": paths.config_dir,
    }


def _find_existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    for each in (folder, *folder.parents):
        if os.path.lexists(each):
            return each
    return Path("/")


def _open_nameless(folder: Path) -> IO[bytes]:
    """Make a file without a name in a folder, or in the nearest above it that is there."""
    return tempfile.TemporaryFile(dir=_find_existing(folder))


def look_at_folders(paths: Paths) -> Iterator[Finding]:
    """See whether the folders can be written, and whose they are."""
    found = [*_find_unwritable(paths), *_find_open(paths)]
    if (gone := find_gone_folder()) is not None:
        found.append(tell_error("folders", gone, CheckState.WARNING))
    worst = [each for each in found if each.state is CheckState.FAULT] or found
    if not worst:
        yield pass_check("folders", f"{paths.state_dir} and the others can be written")
    yield from worst


def _find_unwritable(paths: Paths) -> Iterator[Finding]:
    for variable, folder in _list_folders(paths).items():
        try:
            with _open_nameless(folder) as file:
                file.write(bytes(_TRIED_BYTES))
                file.flush()
        except OSError as error:
            trouble = FileTrouble.of(
                folder, "written", error, hint=f"or set {variable} to another folder"
            )
            is_needed = folder != paths.config_dir
            yield tell_error(
                "folders", trouble, CheckState.FAULT if is_needed else CheckState.WARNING
            )


def _find_open(paths: Paths) -> Iterator[Finding]:
    """Find what others own or may look at."""
    own = os.geteuid()
    strange: list[Path] = []
    for folder in _list_folders(paths).values():
        if not folder.is_dir():
            continue
        if folder.stat().st_mode & 0o077:
            where = shlex.quote(str(folder))
            yield Finding(
                "folders",
                CheckState.WARNING,
                f"{folder} is open to others, and its contents are yours alone",
                f"run: chmod -R go-rwx {where}",
            )
        if own:
            strange += [path for path in _iter_files(folder) if path.lstat().st_uid != own]
    if strange:
        named = ", ".join(map(str, strange[:_NAMED])) + (", …" if strange[_NAMED:] else "")
        tops = [
            folder
            for folder in _list_folders(paths).values()
            if any(each.is_relative_to(folder) for each in strange)
        ]
        yield Finding(
            "folders",
            CheckState.FAULT,
            f"not yours: {named}",
            f"as root: chown -R {own} {' '.join(shlex.quote(str(each)) for each in tops)}",
        )


def _iter_files(folder: Path) -> Iterator[Path]:
    count = 0
    for where, _, names in os.walk(folder):
        yield Path(where)
        for name in names:
            yield Path(where, name)
            count += 1
            if count > _MOST_FILES:
                return


def look_at_locks(paths: Paths) -> Iterator[Finding]:
    """Try locks on files without a name."""
    for variable, folder in _list_folders(paths).items():
        try:
            with _open_nameless(folder) as file:
                file.truncate(1)
                try_locks(file.fileno())
        except NoLocksError as error:
            told = f"{folder} can't be used: {error.strerror}"
            hint = f"set {variable} to a folder on a local disk"
            yield Finding("locks", CheckState.FAULT, told, hint)
            return
        except OSError as error:
            yield skip_check("locks", f"they can't be tried in {folder}: {explain_os(error)[0]}")
            return
    yield pass_check("locks", "SQLite's locks work")


def look_at_disk(paths: Paths) -> Iterator[Finding]:
    """See how much room there is."""
    rooms: list[tuple[int, Path]] = []
    for folder in (paths.state_dir, paths.cache_dir):
        found = os.statvfs(_find_existing(folder))
        if found.f_files and not found.f_favail:
            told = f"the disk of {folder} has no room for another file"
            yield Finding("disk", CheckState.FAULT, told, "delete files there")
            return
        rooms.append((found.f_bavail * found.f_frsize, folder))
    least, folder = min(rooms)
    told = f"{size_text(least)} free for {folder}"
    if least < _LOW_BYTES:
        state = CheckState.FAULT if least < _LEAST_BYTES else CheckState.WARNING
        yield Finding("disk", state, told, "free some disk space")
    else:
        yield pass_check("disk", told)


def look_at_cache(settings: Settings) -> Iterator[Finding]:
    """See how much is kept of the files of assets, and whether more could be."""
    folder, most = settings.paths.file_cache_dir, settings.file_cache_bytes
    if not most:
        yield skip_check("cache", "cache_size is 0, so nothing of files is kept")
        return
    used = BlockCache(folder, most).measure().used_bytes
    told = f"{size_text(used)} of at most {size_text(most)} of files are kept in {folder}"
    disk = os.statvfs(_find_existing(folder))
    if disk.f_bavail < FREE_SHARE * disk.f_blocks:
        full = f"{told}; no more are, as the disk is more than {1 - FREE_SHARE:.0%} full"
        yield Finding("cache", CheckState.WARNING, full, "free some disk space")
    else:
        yield pass_check("cache", told)


def _list_files(chosen: Path | None, folder: Path) -> list[Path]:
    """Return the profile's file, or without a profile all that are there."""
    if chosen is not None:
        return [chosen]
    return sorted(folder.glob("*.sqlite3"))


def look_at_catalog(paths: Paths, settings: Settings | None) -> Iterator[Finding]:
    """Look at the profile's catalog, or at all of them."""
    chosen = None if settings is None else settings.catalog_path
    for path in _list_files(chosen, paths.cache_dir / "catalogs"):
        found = inspect_catalog(path, limit_s=LOOK_S)
        if found is None or (settings is None and found.error is None):
            continue  # no profile uses it: it is neither filled nor brought up to date
        if found.error is not None:
            yield tell_error("catalog", found.error)
        elif found.synced_at is None:
            told = (
                f"{path} is of an earlier version" if found.is_old else f"{path} is not filled yet"
            )
            hint = "the next command brings it up to date" if found.is_old else "coexplorer sync"
            yield Finding("catalog", CheckState.WARNING, told, hint)
        else:
            yield _judge_catalog(found.synced_at, found.assets or 0, complete=found.complete)
        return
    yield skip_check("catalog", "there is none yet" if settings else "no profile to check")


def _judge_catalog(synced_at: float, assets: int, *, complete: bool) -> Finding:
    age_s = time.time() - synced_at
    told = f"{plural(assets, 'asset')}, read {_tell_age(age_s)}"
    if not complete:
        return Finding(
            "catalog",
            CheckState.WARNING,
            f"it holds a part of the assets: {told}",
            "coexplorer sync",
        )
    if age_s > _OLD_S:
        return Finding("catalog", CheckState.WARNING, f"it is old: {told}", "coexplorer sync")
    return pass_check("catalog", told)


def _tell_age(seconds: float) -> str:
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            return f"{plural(int(seconds // unit), name)} ago"
    return "just now"


def look_at_texts(paths: Paths, settings: Settings | None) -> Iterator[Finding]:
    """Look for texts that an editor or the app left and that nothing was made of."""
    left = list_left(paths.state_dir)
    if settings is not None:
        here = Author(settings.platform, "", settings.profile, settings.person)
        left = [each for each in left if each.origin is None or not here.is_former(each.origin)]
    drafts = [] if settings is None else list_drafts(settings.journal_path)
    if drafts and not left:
        were = "was" if len(drafts) == 1 else "were"
        told = f"{plural(len(drafts), 'text')} that you typed in the app {were} not saved"
        hint = "the app offers them at its next start; coexplorer log names them"
        yield Finding("texts", CheckState.WARNING, f"{told}: {drafts[0]}", hint)
    elif left:
        were = "was" if len(left) == 1 else "were"
        told = f"{plural(len(left), 'text')} that you typed {were} not sent"
        places = {each.origin.platform for each in left if each.origin is not None}
        told += f" (for {', '.join(sorted(places))})" if places else ""
        told += f", and {len(drafts)} in the app" if drafts else ""
        call = left[0].origin.call if left[0].origin is not None else "coexplorer"
        yield Finding(
            "texts",
            CheckState.WARNING,
            f"{told}: {left[0].path}",
            f"{call} edit --resume goes on with it; remove the file to give it up"
            if len(left) == 1
            else f"{call} edit --resume lists them; remove a file to give it up",
        )
    else:
        yield pass_check("texts", "no text that you typed was left in an editor or in the app")


def look_at_journal(paths: Paths, settings: Settings | None) -> Iterator[Finding]:
    """Look at the profile's journal, or at all of them."""
    chosen = None if settings is None else settings.journal_path
    waiting = refused = not_made = stopped = seen = 0
    for path in _list_files(chosen, paths.state_dir / "journals"):
        found = inspect_journal(path, limit_s=LOOK_S)
        if found is None:
            continue
        if found.error is not None:
            yield tell_error("journal", found.error)
            return
        seen += 1
        waiting += found.waiting
        refused += found.refused
        not_made += found.not_made
        stopped += found.stopped
    if not seen:
        yield skip_check("journal", "nothing was changed from here yet")
    elif waiting:
        told = f"{plural(waiting, 'change')} could not be sent"
        hint = "coexplorer log shows them, coexplorer retry sends them"
        yield Finding("journal", CheckState.WARNING, told, hint)
    else:
        ended = tell_ended(refused, not_made)
        kept = f"; {ended} (coexplorer log --refused)" if ended else ""
        if stopped:
            kept += f"; {plural(stopped, 'change')} not sent, as you stopped them (coexplorer log)"
        yield pass_check("journal", f"nothing is waiting to be sent{kept}")
