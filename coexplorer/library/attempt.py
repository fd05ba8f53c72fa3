"""One journal entry on its way to the platform: what is known of it, and its result. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from coexplorer.errors import ApiError, Conflict, Forbidden, Refused, Rejected
from coexplorer.fields import Fields, changed_fields, field_named, replace_values
from coexplorer.library.entries import (
    STOPPED,
    STOPPED_SENDING,
    Entry,
    Purpose,
    State,
    tell_how_to_go_on,
)
from coexplorer.library.merge import Merged, merge_fields, merge_reversal
from coexplorer.library.results import EditResult, describe_left_alone, name_left_alone
from coexplorer.models import Asset


def build_contested(what: str, *, is_changed: bool) -> Conflict:
    """Return the end of a change that met a conflict at each try.

    Args:
        what: What was to be changed.
        is_changed: Whether the looks in between showed that others changed it.
    """
    if is_changed:
        return Conflict(
            f"others keep changing {what}, so the change could not be merged",
            hint="wait a moment, then retry it",
        )
    return Conflict(
        f"the platform reports a conflict at each try, though nobody changes {what}",
        hint="retry it in a while; if this goes on, tell who runs the platform",
    )


class Attempt:
    """One entry on its way.

    Args:
        entry: The entry.
        purpose: Whether it is done or taken back.
        archived: See below.

    Attributes:
        sent: Whether the platform may have it: a request was sent and no reply came yet.
        answered: Whether what went wrong is the platform's answer to a write.
        before: What the platform had before the first request; None also once it is sure that
            nothing arrived.
        earlier: What the platform had before an earlier try, of which it has a part; None: it has
            nothing of one.
        in_part: Whether the platform has taken a part of this try.
        contested: Whether the platform itself reported a conflict, and no look has judged it yet.
        overtaken: What was sent, and may have arrived before somebody changed it further.
        asset: What the platform has now; None where nothing was read.
        archived: Whether the asset is archived; None: nobody has asked yet.
        held: Texts that an undo leaves alone, as later changes that wait set them otherwise.
        update_catalog: What to tell the catalog once the outcome is written down. Of an edit that
            arrives that is the platform's reply alone, not what was there before.
    """

    def __init__(self, entry: Entry, purpose: Purpose, *, archived: bool | None) -> None:
        self.entry = entry
        self.purpose = purpose
        self.archived = archived
        self.sent = False
        self.answered = False
        self.before: Fields | None = None
        self.earlier: Fields | None = None
        self.in_part = False
        self.contested = False
        self.overtaken: Fields | None = None
        self.asset: Asset | None = None
        self.held: Mapping[str, Entry] = {}
        self.update_catalog: Callable[[], Awaitable[object]] | None = None

    def note(self, error: ApiError) -> None:
        """Note how a write failed."""
        self.sent = error.outcome_unknown
        self.answered = True

    def note_refused(self, error: ApiError) -> None:
        """Note that a look shows that no try was carried out, if the last one was refused."""
        if isinstance(error, Forbidden | Rejected):
            self.sent = error.outcome_unknown = False

    def note_overtaken(self, sent: Fields, error: Conflict) -> None:
        """Note that somebody was faster, whether or not ours had arrived before that."""
        self.sent = error.outcome_unknown
        if error.outcome_unknown or self.overtaken is not None:
            self.overtaken = sent
        elif error.status is None:
            self.before = None
        else:
            self.contested = True

    def note_merged(self, *, arrived: bool) -> None:
        """Note what a look shows after a plain conflict: that all of it is there, or not.

        A proxy that sends a request twice hands on the answer to the second.
        """
        if self.contested and not arrived:
            self.before = None
        self.contested = False

    def as_sent(self) -> Entry | None:
        """Return the entry as it was sent and may have arrived; None if it surely did not."""
        if self.overtaken is None or self.before is None:
            return None
        return msgspec.structs.replace(self.entry, before=self.before, after=self.overtaken)

    def go_on_from_earlier(self, now: Fields) -> None:
        """Find out what was there before the parts that have arrived by an earlier try."""
        before, after = self.entry.before, self.entry.after
        if before is not None and after is not None:
            found = merge_fields(after, before, now)
            self.earlier = found.fields if found.changed else None

    def leave_out_others(self, now: Fields) -> None:
        """Count what others did since the first request as there before: no undo takes it back."""
        if self.overtaken is not None and self.before is not None:
            self.before = merge_fields(self.overtaken, self.before, now).fields

    def merge(self, base: Fields, mine: Fields, theirs: Fields) -> Merged:
        """Merge as an edit, or take back as an undo."""
        if self.purpose is Purpose.DO:
            return merge_fields(base, mine, theirs, self.entry.asked)
        texts = {
            name: field_named(name).value_of(by.mine)
            for name, by in self.held.items()
            if by.mine is not None
        }
        merged = merge_reversal(base, mine, replace_values(theirs, texts))
        left = {name: field_named(name).value_of(theirs) for name in texts}
        restored = replace_values(merged.fields, left)
        return Merged(restored, merged.conflicts, changed_fields(theirs, restored))


def build_result(entry: Entry, state: State, name: str = "") -> EditResult:
    """Return the result of an entry; `name` is what its asset is called now."""
    return EditResult(
        entry_id=entry.id,
        batch_id=entry.batch_id,
        asset_id=entry.asset_id,
        asset_name=name or entry.asset_name,
        action=entry.action,
        state=state,
    )


def tell_cut_off(entry: Entry, cut_off: State, *, sent: bool) -> tuple[State, Refused]:
    """Say how an entry ends that was interrupted, and why.

    Args:
        entry: The entry.
        cut_off: What it is if it was not sent.
        sent: Whether the platform may have it.
    """
    why, hint = "it was interrupted", "retry or discard it"
    if cut_off is State.STOPPED:
        why = STOPPED_SENDING if sent else STOPPED
        hint = tell_how_to_go_on(entry.batch_id)
    return State.UNKNOWN if sent else cut_off, Refused(why, hint=hint)


def nothing_to_send(
    attempt: Attempt, theirs: Fields, left_alone: tuple[str, ...], left_to: Mapping[str, int]
) -> EditResult:
    """Say why nothing was sent: no change needed, the lost reply had it, or others changed it."""
    state, error = State.UNCHANGED, None
    if attempt.before is not None:
        state = State.APPLIED
    elif left_alone:
        state = State.SKIPPED
        ours = sorted(set(left_to.values()), reverse=True)
        first = " ".join(f"coexplorer undo {number};" for number in ours)
        error = Refused(
            f"{describe_left_alone(left_alone, left_to.items())}, so it was left alone",
            hint=f"take that back first: {first} or edit the asset by hand"
            if ours
            else f"sort that out and {attempt.purpose} again, or edit the asset by hand",
        )
    return msgspec.structs.replace(
        build_result(attempt.entry, state, theirs.name),
        before=attempt.before or theirs,
        after=theirs,
        changed=changed_fields(attempt.before, theirs) if attempt.before else (),
        skipped_fields=left_alone,
        left_to=tuple(left_to.items()),
        error=error,
    )


def arrived_before(sent: Entry, theirs: Fields) -> EditResult:
    """Return the outcome of an edit that had arrived, and that others have gone on from.

    What was sent is noted, not what others made of it: an undo takes back what is still as it was
    sent, and names the rest.
    """
    changed: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    if sent.before is not None and sent.after is not None:
        changed = changed_fields(sent.before, sent.after)
        since = changed_fields(sent.after, theirs)
    return msgspec.structs.replace(
        build_result(sent, State.APPLIED, theirs.name),
        before=sent.before,
        after=sent.after,
        changed=changed,
        skipped_fields=name_left_alone(sent),
        differs=tuple(name for name in changed if name in since),
    )
