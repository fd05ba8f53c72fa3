"""What is taken off a value, and what must be true of it, before it is sent. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

from coexplorer.errors import InvalidField
from coexplorer.library.merge import unique
from coexplorer.models import EDITABLE, Fields
from coexplorer.written import find_unseen, trim, use_line_feeds


def tidy_fields(mine: Fields, base: Fields | None = None) -> Fields:
    """Return fields without what tools add around what people write; see `coexplorer.written`.

    Names, tags and mounts lose what stands around them, a description its byte order mark and the
    carriage returns of CRLF. A value that the platform has already is left as it is.

    Args:
        mine: As somebody wrote them.
        base: What they were written over.
    """
    base = base or Fields("")
    known = set(base.tags)
    mount = mine.mount
    if mount is not None and mount != base.mount:
        mount = trim(mount)
    return Fields(
        name=mine.name if mine.name == base.name else trim(mine.name),
        description=use_line_feeds(mine.description, before=base.description),
        tags=unique(tag if tag in known else trim(tag) for tag in mine.tags),
        mount=mount,
    )


def check_fields(
    fields: Fields, *, only: Iterable[str] = EDITABLE, known_tags: Collection[str] = ()
) -> None:
    """Refuse values that must not be sent.

    Args:
        fields: What shall be written.
        only: Names of the fields to look at: a value that the platform already has, and that nobody
            touches, is no reason to refuse an edit of another.
        known_tags: Likewise for the tags that the asset has already.

    Raises:
        InvalidField: Names the first field that can't be sent, and says why.
    """
    names = set(only)
    if "name" in names:
        _check_name(fields.name)
    if "description" in names:
        _check_unicode("description", fields.description)
        if "\0" in fields.description:
            raise InvalidField("description", "a NUL character can't be sent")
    if "tags" in names:
        for tag in fields.tags:
            if tag not in known_tags:
                _check_tag(tag)
    if "mount" in names and fields.mount:
        _check_mount(fields.mount)


def _check_name(name: str) -> None:
    _check_unicode("name", name)
    if not name.strip():
        raise InvalidField("name", "it can't be empty")
    _check_signs("name", name)


def _check_tag(tag: str) -> None:
    _check_unicode("tags", tag)
    if not tag.strip():
        raise InvalidField("tags", "a tag can't be empty")
    if len(tag.splitlines()) > 1 or tag.endswith(("\n", "\r")):
        raise InvalidField("tags", f"a tag can't hold a line break: {_shown(tag)}")
    _check_signs("tags", tag)


def _check_mount(mount: str) -> None:
    _check_unicode("mount", mount)
    _check_signs("mount", mount)
    if mount.startswith("/"):
        raise InvalidField("mount", f"expected a folder name without a leading /: {_shown(mount)}")
    if any(part.strip() in ("", ".", "..") for part in mount.split("/")):
        raise InvalidField("mount", f"expected a relative folder name: {_shown(mount)}")


def _check_unicode(field: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        place = error.start + 1
        raise InvalidField(field, f"not valid UTF-8 at character {place}") from error


def _check_signs(field: str, text: str) -> None:
    if (found := find_unseen(text)) is not None:
        place, code = found
        raise InvalidField(field, f"a sign that cannot be seen ({code}) at character {place}")
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) == "Cc":
            code = f"U+{ord(character):04X}"
            raise InvalidField(field, f"control character {code} at character {place}")


def _shown(text: str, limit: int = 40) -> str:
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
