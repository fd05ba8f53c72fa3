"""Whether a write that was answered with yes shows in the asset. Pure.

A proxy that replays an old answer, or a platform that takes a request and does nothing, says yes,
too. What the platform only spells otherwise than it was sent (blanks, the letters of a tag) counts
as done.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from coexplorer.errors import PlatformFault
from coexplorer.fields import (
    EditableField,
    FieldKind,
    Fields,
    changed_fields,
    field_named,
    same_value,
    tell_fields,
)
from coexplorer.library.entries import SAID_YES
from coexplorer.library.results import describe_value
from coexplorer.models import Asset


class Wanted(msgspec.Struct, frozen=True):
    """A write that was sent.

    Attributes:
        before: What the platform had.
        fields: What it was to have.
    """

    before: Asset
    fields: Fields

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of what it was to change."""
        return changed_fields(self.before.fields, self.fields)

    def is_shown_by(self, reply: Asset) -> bool:
        """Tell whether a reply alone shows that it was done."""
        if self.find_missing(reply) or self.find_unlike(reply):
            return False
        # What is neither as before nor as sent may be what the platform made of it, or an answer
        # that something in between made up or mixed up: only a look tells.
        before, sent, has = self.before.fields, self.fields, reply.fields
        return all(
            _is_unknown(name, before, has) or _is_spelt_alike(field_named(name), sent, has)
            for name in changed_fields(sent, has)
        )

    def find_unlike(self, now: Asset) -> tuple[str, ...]:
        """Name what is not as it was sent, but just as it was before."""
        before, has = self.before.fields, now.fields
        return tuple(
            name
            for name in changed_fields(self.fields, has)
            if same_value(before, has, name) and not _is_unknown(name, before, has)
        )

    def find_missing(self, now: Asset) -> tuple[str, ...]:
        """Name what was to change, and is in an asset as it was before."""
        before = self.before.fields
        return tuple(
            name
            for name in changed_fields(before, self.fields)
            if not _is_unknown(name, before, now.fields)
            and _lacks(field_named(name), before, self.fields, now.fields)
        )

    def is_silent_on(self, now: Asset) -> bool:
        """Tell whether the platform does not say what it has of something that was to change."""
        before = self.before.fields
        return any(
            _is_unknown(name, before, now.fields) for name in changed_fields(before, self.fields)
        )

    def came_to_nothing(self, now: Asset) -> bool:
        """Tell whether the platform took what was sent for what it had already."""
        before, sent, has = self.before.fields, self.fields, now.fields
        return all(
            same_value(before, has, name) and not _is_unknown(name, before, has)
            for name in changed_fields(before, sent)
        )


def build_unlike(wanted: Wanted, reply: Asset) -> PlatformFault:
    """Say that a write was answered with yes, and with neither what was sent nor what was there."""
    return PlatformFault(
        f"{SAID_YES}, but not with what was sent (the"
        f" {tell_fields(changed_fields(wanted.fields, reply.fields))})",
        hint="look at the asset in a while, then retry or discard it",
        status=HTTPStatus.OK,
        outcome_unknown=True,
    )


def build_ignored(missing: Sequence[str], wanted: Wanted, now: Asset) -> PlatformFault:
    """Say that a write was answered with yes, and what the asset shows nevertheless.

    What was done of it in part is not sent again; the rest is kept as unsent then.
    """
    shown = " and ".join(
        describe_value(name, now.fields, wanted.fields)
        if _is_short(name)
        else f"the old {tell_fields([name])}"
        for name in missing
    )
    done = [name for name in wanted.changed if name not in missing]
    but = f", though it has the new {tell_fields(done)}" if done else ""
    return PlatformFault(
        f"{SAID_YES}, but the asset still shows {shown}{but}",
        hint="look at the asset in a while, then retry or discard it; a proxy in between may"
        " have answered, or the platform may not let this be changed",
        status=HTTPStatus.OK,
        outcome_unknown=not done,
    )


def _is_short(name: str) -> bool:
    return field_named(name).kind is not FieldKind.TEXT


def _is_unknown(name: str, before: Fields, now: Fields) -> bool:
    """Tell whether the platform never says what a field holds: old ones do not with the mount."""
    field = field_named(name)
    if field.kind is FieldKind.KEY:
        return False  # who has keys says which
    return field.value_of(before) is None and field.value_of(now) is None


def _lacks(field: EditableField, before: Fields, sent: Fields, now: Fields) -> bool:
    """Tell whether a field that was to change shows nothing of that."""
    if field.kind is not FieldKind.SET:
        old, new, has = (_fold(field.text_of(each)) for each in (before, sent, now))
        return has == old != new
    old_parts, new_parts, has_parts = (
        {_fold(part).casefold() for part in field.set_of(each)} for each in (before, sent, now)
    )
    if has_parts - old_parts - new_parts:
        return False  # what the platform made of it
    return any((part in new_parts) is not (part in has_parts) for part in old_parts ^ new_parts)


def _is_spelt_alike(field: EditableField, sent: Fields, now: Fields) -> bool:
    """Tell whether a field only differs from what was sent by what platforms tidy."""
    if field.kind is not FieldKind.SET:
        return _fold(field.text_of(sent)) == _fold(field.text_of(now))
    has, wanted = ({_fold(part).casefold() for part in field.set_of(each)} for each in (now, sent))
    return has == wanted


def _fold(text: str) -> str:
    """Return a text without what platforms tidy: blanks, and how letters are put together."""
    return " ".join(unicodedata.normalize("NFC", text).split())
