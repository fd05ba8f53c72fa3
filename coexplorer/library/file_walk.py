"""Goes through the folders of an asset, whatever a platform says is in them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

from coexplorer.errors import (
    ApiError,
    BadReply,
    CoexplorerError,
    NotSignedIn,
    RateLimited,
    Refused,
    Unreachable,
)
from coexplorer.library.file_rules import FileRules
from coexplorer.models import FileEntry

_DEEPEST: Final = 300
"""Folders inside each other; more are a platform's that lists itself forever."""

_MOST_FOLDERS: Final = 200_000

_AHEAD: Final = 16
"""Of so many entries that come next the folders are listed ahead: a request takes its time."""

TELL_OWNER: Final = "tell who runs the platform"

OF_ALL: Final = (NotSignedIn, RateLimited, Unreachable)
"""What would meet every other file as well."""

OnTrouble = Callable[[CoexplorerError], None]
"""Told of what can't be had while the rest goes on."""


def tell(error: CoexplorerError, trouble: OnTrouble | None) -> None:
    """Tell of what can't be had.

    Raises:
        CoexplorerError: Nobody wants to be told.
    """
    if trouble is None:
        raise error
    trouble(error)


async def walk_folders(
    look: Callable[[str], Awaitable[Sequence[FileEntry]]],
    ahead: Callable[[Sequence[str]], None],
    path: str,
    rules: FileRules,
    trouble: OnTrouble | None,
) -> AsyncGenerator[FileEntry]:
    """Yield what is below a folder: each folder, then what is in it.

    Args:
        look: Lists a folder.
        ahead: Told of folders that will be looked at soon, right before one is.
        path: Where to begin.
        rules: Which files are meant; folders without any are not looked into.
        trouble: Called with what is missing, while the rest goes on. None: raise it.

    Raises:
        Refused: Folders are nested without end.
        ApiError: A folder can't be listed.
    """
    # Depth first: each folder, then what is in it. A stack of what is still to be looked at.
    waiting = [(entry, 0) for entry in reversed(await look(path))]
    seen: dict[tuple[str, bool], FileEntry] = {}
    folders = 0
    while waiting:
        entry, depth = waiting.pop()
        if not _is_new(entry, seen, trouble) or not _is_meant(entry, rules):
            continue
        yield entry
        if not entry.is_folder:
            continue
        folders += 1
        if depth >= _DEEPEST or folders > _MOST_FOLDERS:
            endless = Refused(
                f"the platform lists folders inside folders without end: {entry.path[:80]!r}",
                hint="name one of the folders above it, and tell the asset's owner",
            )
            tell(endless, trouble)
            return
        ahead(_find_next(waiting, rules))
        try:
            inner = await look(entry.wire_path)
        except ApiError as error:
            if isinstance(error, OF_ALL):
                raise
            error.message = f"{entry.path[:80]!r} can't be listed: {error.message}"
            tell(error, trouble)
        else:
            waiting += [(each, depth + 1) for each in reversed(inner)]


def _find_next(waiting: Sequence[tuple[FileEntry, int]], rules: FileRules) -> list[str]:
    """Return the folders that come next, as far as that is known."""
    soon = (entry for entry, _ in reversed(waiting[-_AHEAD:]))
    return [each.wire_path for each in soon if each.is_folder and _is_meant(each, rules)]


def _is_new(
    entry: FileEntry, seen: dict[tuple[str, bool], FileEntry], trouble: OnTrouble | None
) -> bool:
    """Tell whether something was not listed before.

    Raises:
        BadReply: It was, and differs; see `tell`.
    """
    first = seen.setdefault((entry.path, entry.is_folder), entry)
    if first is not entry and first != entry:
        text = f"the platform lists {entry.path[:80]!r} twice, and not the same"
        tell(BadReply(text, hint=TELL_OWNER), trouble)
    return first is entry


def _is_meant(entry: FileEntry, rules: FileRules) -> bool:
    return rules.enters(entry.path) if entry.is_folder else rules.takes(entry.path)
