"""What is stripped from a value, and what must be true of it, before it is sent. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from coexplorer.asset_body import find_odd, find_uneditable
from coexplorer.errors import InvalidField
from coexplorer.fields import (
    FIELDS,
    UNREAD,
    EditableField,
    FieldKind,
    Fields,
    Value,
    keep_unsaid,
    quote_value,
    replace_values,
    spread_fields,
)
from coexplorer.lenient_json import decode_json, has_broken_bytes
from coexplorer.library.merge import unique
from coexplorer.metadata.rules import find_mistake
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.models import Asset
from coexplorer.written import find_unseen, trim, use_line_feeds


def tidy_fields(mine: Fields, base: Fields | None = None) -> Fields:
    """Return fields without what tools add around what people write; see `coexplorer.written`.

    Lines and members of sets lose what stands around them, a text its byte order mark and the
    carriage returns of CRLF. A value that the platform has already is left as it is. A map that is
    not given is as it was: nothing takes a whole one away.

    Args:
        mine: As somebody wrote them.
        base: What they were written over.
    """
    base = base or Fields("")
    mine = keep_unsaid(mine, base)
    values = {
        field.name: _tidy(field, value, base)
        for field in spread_fields(mine, base)
        if (value := field.value_of(mine)) != field.value_of(base)
    }
    return replace_values(mine, values)


def describe_tidied(mine: Fields, base: Fields) -> str:
    """Say which lines were saved without the blanks around them; empty: none (pure).

    Args:
        mine: As somebody wrote them.
        base: What they were written over.
    """
    tidied = tidy_fields(mine, base)
    names = [
        field.name
        for field in FIELDS
        if field.kind is FieldKind.LINE
        and field.value_of(tidied)  # one of blanks alone is empty: that is told instead
        and field.value_of(tidied) != field.value_of(mine)
    ]
    return f"left out the spaces around the {' and '.join(names)}" if names else ""


def _tidy(field: EditableField, value: Value, base: Fields) -> Value:
    if isinstance(value, tuple):
        known = set(field.set_of(base))
        return unique(each if each in known else trim(each) for each in value)
    if not isinstance(value, str) or field.kind is FieldKind.KEY:
        return value
    if field.kind is FieldKind.TEXT:
        return use_line_feeds(value, before=field.text_of(base))
    return trim(value)


def check_fields(
    fields: Fields,
    *,
    only: Iterable[str] | None = None,
    known: Iterable[Fields] = (),
    schema: MetadataSchema = UNKNOWN,
) -> None:
    """Refuse values that must not be sent.

    Args:
        fields: What is to be written.
        only: Names of the fields to look at: a value that the platform already has, and that nobody
            touches, is no reason to refuse an edit of another. None: all.
        known: What the asset has or had: likewise for the members of its sets.
        schema: What custom metadata may be; an unknown one refuses nothing.

    Raises:
        InvalidField: Names the first field that can't be sent, and says why.
    """
    names, known = None if only is None else set(only), tuple(known)
    for field in spread_fields(fields, *known):
        if names is not None and field.name not in names:
            continue
        if field.kind is FieldKind.KEY:
            _check_key(field, fields, known, schema)
            continue
        if field.kind is not FieldKind.SET:
            _check_value(field, field.text_of(fields))
            continue
        there = {each for side in known for each in field.set_of(side)}
        for each in field.set_of(fields):
            if each not in there:
                _check_member(field, each)


def _check_value(field: EditableField, text: str) -> None:
    _check_unicode(field, text)
    if field.needed and not text.strip():
        raise InvalidField(field.name, "it can't be empty")
    if field.kind is FieldKind.TEXT:
        if "\0" in text:
            raise InvalidField(field.name, "a NUL character can't be sent")
    else:
        _check_signs(field, text)
    if text:
        _check_further(field, text)


def _check_key(
    field: EditableField, fields: Fields, known: Sequence[Fields], schema: MetadataSchema
) -> None:
    """Refuse a key of custom metadata that does not fit the schema."""
    key, of_schema = field.part or "", schema.find(field.part or "")
    text = field.value_of(fields)
    there = any(field.value_of(side) is not None for side in known)
    if key == UNREAD and text is not None:
        raise InvalidField("metadata", "the text could not be read, so it has to be fixed first")
    if text is None:
        if of_schema is not None and of_schema.required and there:
            raise InvalidField(field.name, "it is required, so it can't be taken away")
        return
    _check_unicode(field, key)
    if not key.strip():
        raise InvalidField(field.name, "a key can't be empty")
    if of_schema is not None:
        mistake = find_mistake(of_schema, decode_json(str(text).encode()))
        if mistake:
            raise InvalidField(field.name, f"it {mistake}")
    elif schema.known and not there:
        raise schema.build_no_such(key)
    elif not there:
        _check_signs(field, key)


def _check_member(field: EditableField, text: str) -> None:
    _check_unicode(field, text)
    if not text.strip():
        raise InvalidField(field.name, f"a {field.one} can't be empty")
    if len(text.splitlines()) > 1 or text.endswith(("\n", "\r")):
        raise InvalidField(
            field.name, f"a {field.one} can't hold a line break: {quote_value(text)}"
        )
    _check_signs(field, text)
    _check_further(field, text)


def _check_further(field: EditableField, text: str) -> None:
    if field.find_mistake is not None and (mistake := field.find_mistake(text)):
        raise InvalidField(field.name, mistake)


def _check_unicode(field: EditableField, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        place = error.start + 1
        raise InvalidField(field.name, f"not valid UTF-8 at character {place}") from error


def _check_signs(field: EditableField, text: str) -> None:
    if (found := find_unseen(text)) is not None:
        place, code = found
        raise InvalidField(field.name, f"an invisible character ({code}) at character {place}")
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) == "Cc":
            is_break = character in "\r\n\v\f\x85"
            what = "a line break" if is_break else f"control character U+{ord(character):04X}"
            raise InvalidField(field.name, f"{what} at character {place}")


def ensure_editable(theirs: Asset, changed: Sequence[str]) -> None:
    """Check that what is changed is text on the platform.

    Raises:
        InvalidField: Nobody could read all of it, so an edit would destroy nobody knows what.
    """
    odd = find_odd(theirs)
    for field in FIELDS:
        # An undo could not put it back either: what is kept of it is what could be read.
        if field.name in changed and has_broken_bytes(odd.get(field.key)):
            error = InvalidField(
                field.name, "the platform has characters there that can't be read, so it stays"
            )
            error.hint = "they are shown as \N{REPLACEMENT CHARACTER}; fix it on the platform"
            raise error
    touched = {name.partition(".")[0] for name in changed}
    for name in find_uneditable(theirs):
        if name in touched:
            error = InvalidField(name, "what the platform has there is no text, so it stays")
            error.hint = "coexplorer show tells what it is; fix it on the platform"
            raise error
