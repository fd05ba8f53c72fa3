"""Which files of an asset are wanted, and where in one folder they go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from coexplorer.errors import Refused


class WantedPath(msgspec.Struct, frozen=True):
    """A file or folder that somebody named.

    Attributes:
        path: It, in the asset; empty: all files.
        below: The folder of the asset that the destination stands for.
    """

    path: str
    below: str


def arrange(paths: Iterable[str]) -> tuple[WantedPath, ...]:
    """Say where each of several paths goes; what is inside another one goes where that puts it.

    Args:
        paths: As they were typed; none: all files.

    Raises:
        Refused: Two of them would lie at one place.
    """
    typed = dict.fromkeys(tidy(each) for each in paths) or {"": None}
    places = {each.strip("/"): each for each in typed}
    wanted: list[WantedPath] = []
    taken: dict[str, str] = {}
    for path in typed:
        place = path.strip("/")
        outer = next((each for each in _list_above(place) if each in places), place)
        below, _, name = outer.rpartition("/")
        other = taken.setdefault(name, outer) if outer else ""
        if outer and other != outer:
            raise Refused(
                f"{other} and {outer} would both be {name} in the destination folder",
                hint="get them one by one, each into a folder of its own (--to); or leave the paths"
                " out and use --include: all files then keep their folders",
            )
        wanted.append(WantedPath(path, below))
    return tuple(wanted)


def tidy(path: str) -> str:
    """Return a path without ``./`` before it, as it is typed for files on a disk."""
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return "" if path == "." else path


def _list_above(place: str) -> Iterator[str]:
    """Yield the folders that hold a path, from the root of the asset down."""
    if place:
        yield ""
    parts = place.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])
