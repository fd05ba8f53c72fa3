"""What kind of file it is, by its first bytes and its name. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class FileKind(StrEnum):
    """How a file is looked at."""

    TEXT = "text"
    JSON = "JSON"
    TABLE = "table"
    MARKDOWN = "Markdown"
    PICTURE = "picture"
    HDF5 = "HDF5"
    PARQUET = "Parquet"
    ZIP = "zip"
    GZIP = "gzip"
    BYTES = "bytes"


_STARTS: Final[dict[FileKind, tuple[bytes, ...]]] = {
    FileKind.PICTURE: (
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
    ),
    FileKind.PARQUET: (b"PAR1",),
    FileKind.ZIP: (b"PK\3\4", b"PK\5\6"),
    FileKind.GZIP: (b"\x1f\x8b\x08",),
}
_ENDS: Final[dict[FileKind, tuple[str, ...]]] = {
    FileKind.JSON: (
        *(".json", ".jsonl", ".ndjson", ".geojson", ".ipynb", ".jsonld"),
        *("/.zarray", "/.zattrs", "/.zgroup", "/.zmetadata"),
    ),
    FileKind.TABLE: (".csv", ".tsv", ".tab"),
    FileKind.MARKDOWN: (".md", ".markdown"),
}
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS: Final = (0, 512, 1024, 2048, 4096)
"""Where such a file may begin, behind something else."""
_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_ODD: Final = bytes(each for each in range(32) if each not in (7, 8, 9, 10, 12, 13, 27))
"""Control characters that no text has; logs have bells, backspaces and colors."""


def find_kind(name: str, head: bytes) -> FileKind:
    """Say how to look at a file.

    Args:
        name: Its name, or its path.
        head: Its first bytes, a few kilobytes if there are so many.
    """
    lower = f"/{name.lower()}"
    if (magic := _find_magic(head)) is not None:
        return magic
    if head.startswith(b"BM") and lower.endswith(".bmp"):
        return FileKind.PICTURE
    if not looks_like_text(head):
        return FileKind.BYTES
    return next((kind for kind, ends in _ENDS.items() if lower.endswith(ends)), FileKind.TEXT)


def _find_magic(head: bytes) -> FileKind | None:
    if any(head.startswith(_HDF5, at) for at in _USER_BLOCKS):
        return FileKind.HDF5
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileKind.PICTURE
    return next((kind for kind, starts in _STARTS.items() if head.startswith(starts)), None)


def looks_like_text(head: bytes) -> bool:
    """Tell whether bytes are text: in UTF-8 or a code page of 8 bits, or marked as UTF-16."""
    if head.startswith(_BOMS):
        return True
    if any(each in head for each in _ODD):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 3:
            return True  # a character that was cut
        # Western code pages: mostly letters of ASCII.
        return sum(each > 127 for each in head) * 3 < len(head)  # noqa: PLR2004 - beyond ASCII
    return True


def decode(data: bytes) -> str:
    """Return bytes as text, by their mark if they have one."""
    if data.startswith(_BOMS):
        return data.decode("utf-16", "replace")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def describe_array(head: bytes) -> str:
    """Return what the header of a NumPy file says; empty if it is none."""
    if not head.startswith(b"\x93NUMPY") or len(head) < 12:  # noqa: PLR2004 - the fixed part of it
        return ""
    start = 10 if head[6] == 1 else 12
    length = int.from_bytes(head[8:start], "little")
    return head[start : start + min(length, 500)].decode("latin-1").strip()
