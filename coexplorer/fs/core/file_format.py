"""Metadata ↔ the text of its file. Pure.

A file is the value plus one newline, and reading removes one newline, so any value survives the
round trip; an empty value is an empty file. Tags come one per line. A file that an editor of
another system saved, with a byte order mark and CRLF, means the same as one without.
"""

from __future__ import annotations

import re

import msgspec

from coexplorer.errors import InvalidField
from coexplorer.fields import FIELD_BY_NAME, FIELDS, FieldKind, Fields, replace_values
from coexplorer.fs.core.metadata_file import build_metadata, parse_metadata, read_metadata_anyhow
from coexplorer.fs.kernel.inodes import FIELD_PARTS, Part
from coexplorer.written import NOT_UTF8, trim, use_line_feeds

MAX_FILE_BYTES = 1 << 20
"""A metadata file grows no larger (design: mount.md, Errors that reach people)."""

FILE_NAMES: dict[bytes, Part] = {
    **{field.file.encode(): FIELD_PARTS[field.name] for field in FIELDS},
    b"asset.json": Part.JSON,
    b"error": Part.ERROR,
}
"""The names in an asset's directory, in listing order; `error` is only there after a failure."""

NAMES_OF_PARTS: dict[Part, bytes] = {part: name for name, part in FILE_NAMES.items()}

FIELDS_OF_PARTS: dict[Part, str] = {part: name for name, part in FIELD_PARTS.items()}
"""The editable files, and the fields of `Fields` that they hold."""

EDITABLE_PARTS = tuple(FIELDS_OF_PARTS)
_LONGEST_CHARACTER = 4  # bytes of UTF-8
_CONTINUES = 0x80  # the upper two bits of a byte inside a character
_LOOKS_WRITTEN_OUT = re.compile(rb"\\(?=x(?:5c|[89a-f][0-9a-f]))")
_WRITTEN_OUT = re.compile(rb"\\x(5c|[89a-f][0-9a-f])")
_TAG_ESCAPES = re.compile(r"%(?=[0-9A-Fa-f]{2})|[\x00-\x1f\x7f\x85\u2028\u2029]")
_TAG_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*)")


def build_text(fields: Fields, part: Part) -> bytes:
    """Return the text of an editable file.

    Raises:
        KeyError: `part` is no editable file.
    """
    field = FIELD_BY_NAME[FIELDS_OF_PARTS[part]]
    if field.kind is FieldKind.SET:
        lines = "".join(f"{_escape_tag(each)}\n" for each in field.set_of(fields))
        return lines.encode(errors="surrogatepass")
    if field.kind is FieldKind.MAP:
        return build_metadata(fields.metadata)
    value = field.text_of(fields)
    return f"{value}\n".encode(errors="surrogatepass") if value else b""


def parse_text(content: bytes, part: Part, fields: Fields) -> Fields:
    """Return `fields` with the value that an editable file's text says.

    Args:
        content: The file's bytes.
        part: Which of the editable files it is.
        fields: What the file was written over: tags that it holds keep their exact spelling, and
            an absent mount stays absent.

    Raises:
        InvalidField: The text is not UTF-8, or not the TOML that it should be.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        reason = f"{NOT_UTF8} at byte {error.start + 1}"
        raise InvalidField(FIELDS_OF_PARTS[part], reason) from error
    return _parse(text, part, fields)


def read_anyhow(content: bytes, part: Part, fields: Fields) -> Fields:
    """Return what `parse_text` does, with bytes that are not UTF-8 written out: to be kept."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # A backslash that would be taken for such a byte is written out, too: see `restore_bytes`.
        text = _LOOKS_WRITTEN_OUT.sub(rb"\\x5c", content).decode(errors="backslashreplace")
    if FIELD_BY_NAME[FIELDS_OF_PARTS[part]].kind is FieldKind.MAP:
        return replace_values(fields, {"metadata": read_metadata_anyhow(text, fields.metadata)})
    return _parse(text, part, fields)


def restore_bytes(text: bytes, part: Part) -> bytes:
    """Return the bytes of a text that was refused as not UTF-8.

    A copy of it must be refused again, not be saved with the bytes written out.

    Args:
        text: The file, as `build_text` makes it of what `read_anyhow` returned.
        part: Which of the editable files it is.
    """
    if FIELD_BY_NAME[FIELDS_OF_PARTS[part]].kind is FieldKind.MAP:
        return text  # TOML has escapes of its own
    return _WRITTEN_OUT.sub(lambda found: bytes.fromhex(found[1].decode()), text)


def _parse(text: str, part: Part, fields: Fields) -> Fields:
    field = FIELD_BY_NAME[FIELDS_OF_PARTS[part]]
    if field.kind is FieldKind.SET:
        return replace_values(fields, {field.name: _parse_tags(text, field.set_of(fields))})
    if field.kind is FieldKind.MAP:
        return replace_values(fields, {"metadata": parse_metadata(text, fields.metadata)})
    before = field.text_of(fields)
    # Editors of another system end lines with CRLF; a value that ends with a CR itself is known.
    end = "\n" if text == f"{before}\n" or not text.endswith("\r\n") else "\r\n"
    value = use_line_feeds(text.removesuffix(end), before=before)
    if not value and field.value_of(fields) is None:
        return fields
    return replace_values(fields, {field.name: value})


def check_written(content: bytes | bytearray, start: int, end: int, part: Part) -> None:
    """Refuse what can never become right, as early as a write allows.

    What lies behind `end` is left out: a tool that writes in place cuts the old rest off later.

    Args:
        content: The whole buffer, after the write.
        start: Where the write began.
        end: Where it ended.
        part: Which of the editable files it is.

    Raises:
        InvalidField: Not UTF-8, a NUL, or a line break inside a field of one line.
    """
    field = FIELDS_OF_PARTS[part]
    begin = start
    while begin > 0 and start - begin < _LONGEST_CHARACTER and content[begin] & 0xC0 == _CONTINUES:
        begin -= 1  # the write before cut a character in two
    written = bytes(content[begin:end])
    if b"\0" in written:
        raise InvalidField(field, "a NUL character can't be sent")
    try:
        written.decode()
    except UnicodeDecodeError as error:
        # A character may be cut by the end of the write, and go on in the next one.
        if error.reason != "unexpected end of data":
            message = f"{NOT_UTF8} at byte {begin + error.start + 1}"
            raise InvalidField(field, message) from error
    if FIELD_BY_NAME[field].kind is FieldKind.LINE and b"\n" in content[: end - 1]:
        raise InvalidField(field, "it can't hold a line break")


def build_json(raw: bytes) -> bytes:
    """Return the text of ``asset.json``: everything the platform said, laid out for people."""
    try:
        return msgspec.json.format(raw, indent=2) + b"\n"
    except msgspec.DecodeError:
        return bytes(raw) + b"\n"


def _escape_tag(tag: str) -> str:
    return _TAG_ESCAPES.sub(_percent, tag)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode())


def _unescape_tag(text: str) -> str:
    def decode(match: re.Match[str]) -> str:
        return bytes.fromhex(match.group(1).replace("%", "")).decode(errors="replace")

    return _TAG_ESCAPED.sub(decode, text)


def _parse_tags(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Read one tag a line; blanks around a tag go, unless the platform has it just so."""
    spelled = {_escape_tag(tag): tag for tag in known}
    tags: dict[str, None] = {}
    for line in text.split("\n"):
        tag = spelled.get(line)
        if tag is None:
            stripped = trim(line)
            tag = spelled.get(stripped) or _unescape_tag(stripped)
        if tag:
            tags[tag] = None
    return tuple(tags)
