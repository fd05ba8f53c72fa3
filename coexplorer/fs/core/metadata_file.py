"""Custom metadata ↔ the text of ``metadata.toml``. Pure.

A key is a line; whoever removes the line takes the key away. Dates are TOML's own. What no line can
mean, such as null, stays as it is, and is told in a comment. Which fields are dates, and what each
takes, is the deployment's schema: one for the life of a mount (`use_schema`), as the texts, and
with them the sizes that the kernel knows, depend on it.

A text that is not TOML is kept as it is, under `UNREAD`, until its author has fixed it.
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, cast

import msgspec

from coexplorer.errors import InvalidField
from coexplorer.fields import UNREAD, Map, is_same_json
from coexplorer.metadata.reading import MetadataMistake, parse_date, read_item
from coexplorer.metadata.rules import describe_field, spell_allowed
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.metadata.showing import show_date
from coexplorer.models import MetadataField
from coexplorer.text import clean

_HEADER: Final = """\
# Custom metadata. A save is one change. Remove a line to take its key away.
"""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BEGINS_AS_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")

_schema = UNKNOWN


def use_schema(schema: MetadataSchema) -> None:
    """Write and read all texts by a schema; before any of them is shown."""
    global _schema  # noqa: PLW0603 - a process has one mount, and a mount one schema
    _schema = schema
    _tell_unset.cache_clear()


def schema_in_use() -> MetadataSchema:
    """Return the schema that texts are written by."""
    return _schema


def build_metadata(metadata: Map | None) -> bytes:
    """Return the text of the file; empty where there is nothing to say."""
    held = metadata or {}
    if UNREAD in held:
        return str(held[UNREAD]).encode(errors="surrogatepass")
    lines = [_build_line(key, value) for key, value in held.items()]
    unset = _tell_unset(frozenset(held) & {field.name for field in _schema.fields})
    return f"{_HEADER}{''.join(lines)}{unset}".encode() if lines or unset else b""


def parse_metadata(text: str, before: Map | None) -> Map | None:
    """Return what a text says, written over `before`.

    Raises:
        InvalidField: It is not TOML; says where.
    """
    had, text = before or {}, text.removeprefix("\ufeff")
    if text.encode(errors="surrogatepass") == build_metadata(before):
        return before
    try:
        read = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidField("metadata", f"it is not TOML: {error}") from error
    kept = {
        key: value for key, value in had.items() if key != UNREAD and not _can_write(key, value)
    }
    said = {key: _take(key, value, had.get(key)) for key, value in read.items()}
    # Those that stay keep their places, so that nothing seems to have moved.
    places = {key: said.get(key, kept.get(key)) for key in had if key in said or key in kept}
    found = {**places, **said}
    return found if found or before is not None else None


def read_metadata_anyhow(text: str, before: Map | None) -> Map | None:
    """Return what `parse_metadata` does; a text that is not TOML is kept as it is."""
    try:
        return parse_metadata(text, before)
    except InvalidField:
        return {**(before or {}), UNREAD: text}


def _build_line(key: str, value: object) -> str:
    field = _schema.find(key)
    told = f"  # {clean(describe_field(field))}" if field is not None else ""
    if not _can_write(key, value):
        shown = clean(msgspec.json.encode(value).decode())
        return f"# {_write_key(key)} is {shown}, which can't be written here; it stays\n"
    return f"{_write_key(key)} = {_write(value, field)}{told}\n"


@lru_cache(maxsize=256)
def _tell_unset(set_keys: frozenset[str]) -> str:
    """Return comments for the keys of the schema that are not set."""
    lines = [
        f"# {_write_key(field.name)} =   # {clean(describe_field(field))}"
        f"{'; required' if field.required else ''}\n"
        for field in _schema.fields
        if field.name not in set_keys
    ]
    return "".join(["\n# Not set:\n", *lines]) if lines else ""


def _can_write(key: str, value: object) -> bool:
    """Tell whether a line of the file can mean just this value."""
    field = _schema.find(key)
    return _can_say(value) and (field is None or is_same_json(_take_typed(field, value), value))


def _can_say(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_can_say, value))
    if isinstance(value, dict):
        return all(map(_can_say, value.values()))
    return value is not None


def _write_key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _write_string(key)


def _write_string(text: str) -> str:
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007F")


def _write(value: object, field: MetadataField | None = None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _write_string(value)
    if isinstance(value, int | float):
        shown = show_date(value) if field is not None and field.type == "date" else ""
        if type(value) is int and _BEGINS_AS_DATE.match(shown):
            return shown
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_write(item, field) for item in value)}]"
    items = cast("dict[str, object]", value).items()
    return f"{{ {', '.join(f'{_write_key(key)} = {_write(item)}' for key, item in items)} }}"


def _take(key: str, value: object, before: object) -> object:
    """Return what a value of TOML means for its key."""
    field = _schema.find(key)
    plain = _take_plain(value, field)
    if is_same_json(plain, before) and before is not None:
        return before
    if field is None:
        return plain
    typed = _take_typed(field, plain)
    if not isinstance(typed, list):
        return typed
    return [each for at, each in enumerate(typed) if each not in typed[:at]]  # as an option does


def _take_typed(field: MetadataField, value: object) -> object:
    """Return a value of a field, where it was written as people type it: ``"62 days"``."""
    if isinstance(value, list):
        return [_type(field, item) for item in value]
    typed = _type(field, value)
    return [typed] if field.multiple else typed


def _take_plain(value: object, field: MetadataField | None) -> object:
    if isinstance(value, list):
        return [_take_plain(item, field) for item in value]
    if isinstance(value, dict):
        return {key: _take_plain(item, None) for key, item in value.items()}
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, date) and (field is None or field.type != "string"):
        if not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    return str(value)


def _type(field: MetadataField, value: object) -> object:
    """Read a text that stands where the field has a number or a date, as people type it."""
    if not isinstance(value, str):
        return value
    if field.type == "string":
        return spell_allowed(field, value)
    try:
        return read_item(field, value)
    except MetadataMistake:
        seconds = parse_date(value) if field.type == "date" else None
        return value if seconds is None else seconds  # what is wrong with it is told later
