"""Asset names ↔ file names: safe, reversible, unique (design: mount.md, Names). Pure.

A file name is the asset's name with what a folder can't hold percent-escaped, byte by byte of its
UTF-8: ``/``, NUL, control characters, a leading dot, lone surrogates, and ``%`` where it would read
as an escape. Most names stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

LONGEST_BYTES: Final = 255
"""A file name may not be longer (NAME_MAX), in UTF-8."""

_SHORT_ID: Final = 8
_UNSAFE: Final = re.compile(
    r"\A\.|[/\x00-\x1f\x7f-\x9f\ud800-\udfff]|%(?=[0-9A-Fa-f]{2})", re.ASCII
)
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+", re.ASCII)
_BROKEN_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]?\Z", re.ASCII)
_NOT_IN_ID: Final = re.compile(r"[^0-9A-Za-z_-]", re.ASCII)

_EMPTY: Final = "%25"
"""File name of an empty name; no other name is escaped to it, as ``%`` alone stays as it is."""


def escape_name(name: str) -> str:
    """Return `name` as a file name of any length; `unescape_name` returns it unchanged."""
    return _UNSAFE.sub(lambda found: _percent(found[0]), name) or _EMPTY


def unescape_name(file_name: str) -> str:
    """Return the asset name that a file name stands for.

    What a person typed is taken literally where it is no escape of valid text: ``50%`` or ``%FF``.
    """
    if file_name == _EMPTY:
        return ""
    return _ESCAPES.sub(lambda found: _unpercent(found[0]), file_name)


def file_name(name: str, asset_id: str) -> str:
    """Return the file name of an asset that has its name for itself: at most 255 bytes."""
    return cut_name(escape_name(name), asset_id)


def cut_name(escaped: str, asset_id: str) -> str:
    """Return a file name of at most 255 bytes; a longer one ends in ``~`` and 8 of the id."""
    if len(escaped.encode()) <= LONGEST_BYTES:
        return escaped
    return disambiguate(escaped, asset_id)


def disambiguate(escaped: str, asset_id: str, *, length: int = _SHORT_ID) -> str:
    """Return ``NAME~xxxxxxxx``: the file name of an asset whose name another asset holds.

    Args:
        escaped: From `escape_name`; cut at a character's border, never inside an escape.
        asset_id: What the characters behind ``~`` come from.
        length: How many of them, at least 8.
    """
    tail = "~" + _NOT_IN_ID.sub("_", asset_id)[:length]
    room = LONGEST_BYTES - len(tail)
    whole = escaped.encode()
    if len(whole) <= room:
        return escaped + tail
    return _BROKEN_ESCAPE.sub("", whole[:room].decode(errors="ignore")) + tail


def choose_file_name(name: str, asset_id: str, is_taken: Callable[[str], bool]) -> str:
    """Return a file name that is not taken: NAME, NAME~ and 8 of the id, then more of the id.

    Give names in the order of age, so that the oldest asset keeps NAME.
    """
    escaped = escape_name(name)
    chosen = cut_name(escaped, asset_id)
    for length in range(_SHORT_ID, max(_SHORT_ID, len(asset_id)) + 1):
        if not is_taken(chosen):
            return chosen
        chosen = disambiguate(escaped, asset_id, length=length)
    number = 1
    while is_taken(chosen):  # somebody gave an asset the very name of another's whole id
        number += 1
        numbered = f"{asset_id}_{number}"
        chosen = disambiguate(escaped, numbered, length=len(numbered))
    return chosen


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _unpercent(escapes: str) -> str:
    try:
        return bytes.fromhex(escapes.replace("%", "")).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return escapes
