"""What a failure means for the change that met it, and for those after it. Pure."""

from __future__ import annotations

from coexplorer.errors import (
    NEW_TOKEN,
    PASSING_STATUSES,
    CoexplorerError,
    Conflict,
    EditConflict,
    Forbidden,
    InvalidField,
    JournalError,
    NotFound,
    NotSignedIn,
    OtherPerson,
    Refused,
    Rejected,
    Unreachable,
)
from coexplorer.library.entries import State
from coexplorer.text import plural

_FINAL_SENTENCES = (
    "you can read but not change this ",
    "you may not see this ",
    "no such asset, or not shared with you",
    "the asset is gone from the platform",
    "the platform has no ",
    "the platform takes your token, but refuses it for this asset",
    "name: ",
    "description: ",
    "tags: ",
    "mount: ",
)
_OWN = ", although it is yours: your token may not do this"
ASK = ("ask its owner", "ask one of its owners")
"""What a hint begins with that sends somebody to an owner."""
YOURS = "it is yours, so only the platform itself can say what is in the way"
"""What is said instead to an owner."""
_REJECTED = "the platform refused this (status "


def tell_ended(refused: int, not_made: int) -> str:
    """Say how many changes were refused, and how many assets not made; empty: none."""
    counts = (("change", "refused", refused), ("new asset", "not made", not_made))
    return ", ".join(
        f"{plural(number, what)} {'was' if number == 1 else 'were'} {how}"
        for what, how, number in counts
        if number
    )


def is_final(error: CoexplorerError) -> bool:
    """Tell whether an error says that the platform, or one of our rules, will never take this."""
    if isinstance(error, Rejected):
        passing = error.by_page or error.status in PASSING_STATUSES
        return not error.outcome_unknown and not passing
    if isinstance(error, Forbidden):
        return not error.by_page
    return isinstance(error, NotFound | InvalidField)


def spare_owner(error: Forbidden) -> Forbidden:
    """Return what a refusal says of an asset that is the user's own: nobody asks themselves.

    An owner has every right to it. Where the platform does not say what is missing, that is a scope
    of the token.
    """
    if error.unexplained:
        what, _, _ = error.message.partition(":")
        return Forbidden(f"{what}{_OWN}", hint=NEW_TOKEN, status=error.status)
    if error.by_page or not error.hint.startswith(ASK):
        return error
    return Forbidden(error.message, hint=YOURS, status=error.status)


def was_final(reason: str) -> bool:
    """Tell the same of a sentence in a journal of version 1, which had no state for it."""
    _, failed, cause = reason.partition(" failed: ")  # as the mount notes what it refuses itself
    text = cause if failed and reason.startswith("saving ") else reason
    if text.startswith(_REJECTED):
        status = text.removeprefix(_REJECTED)[:3]
        return not (status.isdigit() and int(status) in PASSING_STATUSES)
    return text.startswith(_FINAL_SENTENCES)


def failed_state(error: CoexplorerError, *, sent: bool) -> State:
    """Say how an entry that failed ends.

    Args:
        error: Why it failed.
        sent: Whether the platform may have it anyway.
    """
    if isinstance(error, EditConflict | Conflict):
        return State.CONFLICT
    if sent:
        return State.UNKNOWN
    # Nobody can tell who typed it, so nothing sends it unasked.
    if is_final(error) or isinstance(error, OtherPerson):
        return State.REFUSED
    return State.SKIPPED if isinstance(error, Refused) else State.UNSENT


def concerns_all(error: CoexplorerError) -> bool:
    """Tell whether an error would meet every other asset too, so that the rest is not tried."""
    if isinstance(error, Unreachable):
        return not error.outcome_unknown
    return isinstance(error, NotSignedIn | OtherPerson | JournalError)
