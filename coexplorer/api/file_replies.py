"""The platform's answers about files: folders, and where a file is downloaded from. Pure.

As tolerant as `coexplorer.api.wire`, but names stay exactly as they came: the file is asked for by
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from coexplorer.api.wire import LONGEST_ASSET, decode_exact_reply, decode_reply
from coexplorer.assets import LARGEST_BYTES
from coexplorer.lenient_json import escape_surrogates
from coexplorer.models import FileEntry, FileUrls, Folder

_LONGEST_NUMBER: Final = 20
"""Digits of the largest number that could be a size."""


def read_folder(path: str) -> Callable[[bytes], Folder]:
    """Return the reader of a listing of the folder `path`, which is empty for the asset's root.

    It raises ValueError where the answer is no listing.
    """
    folder = path.strip("/")

    def read(body: bytes) -> Folder:
        reply = decode_exact_reply(body) if len(body) <= LONGEST_ASSET else _read_long_folder(body)
        items = reply.get("items")
        if items is None and "items" in reply:
            return Folder((), has_more=_says_more(reply), unsaid=True)
        if not isinstance(items, list):
            raise ValueError("a folder without items")
        count = len(items)
        items.reverse()
        inside: list[FileEntry] = []
        elsewhere: list[str] = []
        while items:  # each is dropped once it is read: there may be half a million
            entry = _file_entry(items.pop(), folder)
            if entry is not None and _is_in(entry.wire_path, folder):
                inside.append(entry)
            elif entry is not None:
                elsewhere.append(entry.path)
        return Folder(
            tuple(inside),
            unnamed=count - len(inside) - len(elsewhere),
            elsewhere=tuple(elsewhere),
            has_more=_says_more(reply),
        )

    return read


class _Item(msgspec.Struct):
    name: str
    path: str | None = None
    type: str | None = None
    size: int | None = None


class _Items(msgspec.Struct):
    items: list[_Item]
    has_more: bool | None = None
    next_token: str | None = None


_ITEMS: Final = msgspec.json.Decoder(_Items)


def _read_long_folder(body: bytes) -> dict[str, object]:
    """Read a listing of many thousand files, if it is as the manual has it."""
    try:
        return msgspec.structs.asdict(_ITEMS.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("a long folder that is not as it should be") from None


def _says_more(reply: dict[str, object]) -> bool:
    """Tell whether a reply is not the whole answer, in the words that a search has for it."""
    more = reply.get("has_more", reply.get("hasMore"))
    token = reply.get("next_token", reply.get("nextToken"))
    return more is True or more in (1, "true") or token not in (None, "", False)


def _is_in(path: str, folder: str) -> bool:
    parent, _, name = path.rpartition("/")
    return parent == folder and name not in (".", "..")


def _file_entry(item: object, folder: str) -> FileEntry | None:
    if isinstance(item, _Item):
        item = msgspec.structs.asdict(item)
    if not isinstance(item, dict):
        return None
    path = item.get("path")
    name = item.get("name")
    if not isinstance(path, str) or not path.strip("/"):
        if not isinstance(name, str) or not name.strip("/"):
            return None
        path = f"{folder}/{name.strip('/')}"
    path = path.strip("/")
    if not isinstance(name, str) or not name:
        name = path.rpartition("/")[2]
    size = item.get("size")
    if isinstance(size, str) and size.isdecimal() and len(size) <= _LONGEST_NUMBER:
        size = int(size)
    shown = escape_surrogates(path)
    return FileEntry(
        name=shown if name == path else escape_surrogates(name),  # kept once
        path=shown,
        asked="" if shown == path else path,
        is_folder=item.get("type") in ("folder", "directory", "dir"),
        size_bytes=size if type(size) is int and 0 <= size <= LARGEST_BYTES else None,
    )


def parse_file_urls(body: bytes) -> FileUrls:
    """Read the signed addresses of a file; before v4.0 there was one, called ``url``.

    Raises:
        ValueError: There is no address in it.
    """
    reply = decode_reply(body)
    download = reply.get("download_url") or reply.get("url")
    view = reply.get("view_url")
    if not isinstance(download, str):
        raise ValueError("no address to download from")
    return FileUrls(download, view if isinstance(view, str) else "")
