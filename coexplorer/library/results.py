"""The library's answers, as plain data. Pure.

It is a table of their shapes, so it is long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from coexplorer.errors import ApiError, CoexplorerError, Conflict, NoLongerFits, Refused, be
from coexplorer.fields import (
    FieldKind,
    Fields,
    changed_fields,
    field_named,
    find_field,
    quote_value,
    same_value,
    tell_fields,
)
from coexplorer.library.entries import (
    ATTACHING,
    DONE,
    KEPT,
    Action,
    Cause,
    Entry,
    State,
    tell_end,
)
from coexplorer.library.transfer_target import MOVING, is_moving
from coexplorer.models import Asset, AssetId, Relative
from coexplorer.sharing.roles import title_of

_MOST_TAGS = 5
"""Members of a set that a sentence names."""


class EditResult(msgspec.Struct, frozen=True):
    """The outcome of one change.

    Attributes:
        entry_id: Its number in the journal.
        batch_id: What `Changes.undo` takes.
        asset_id: The asset.
        state: ``applied`` or ``unchanged`` from `Changes.edit`; any in the outcome of a batch.
        before: What the platform had; None if nothing was read.
        after: What the platform has now; None likewise.
        changed: Names of the fields that the write changed.
        skipped_fields: Fields that an undo left alone, because they were changed since.
        left_to: Which of them this user changed, each with the batch that did; None: nobody knows
            who changed them.
        differs: Fields in which the platform's reply differs from what was sent.
        unasked: Those of them that were not to change; `before` has what they were.
        became: What the platform made of what was sent; None where it does not say.
        lacking: Where the asset was shared: what the platform did not do of it, in words.
        roles: Where the asset was shared: the members' roles that the platform has now; None: it
            does not say. Where it was attached: its folder there, by workplace.
        gives_up: Where the asset was shared: this user is no longer an owner, and so can't undo it.
        error: Why it failed, for states other than ``applied`` and ``unchanged``.
        needless: It was left out because nothing needed to change.
        archived: It is archived now, although the delete that was to follow failed.
        cause: What its state alone does not tell; None: nothing.
        moving: The platform has begun to transfer its files, and was not done yet.
        withdrawn: Nothing was sent: it gave up a change that was not sent either.
    """

    entry_id: int
    batch_id: int
    asset_id: AssetId
    asset_name: str
    action: Action
    state: State
    before: Fields | None = None
    after: Fields | None = None
    changed: tuple[str, ...] = ()
    skipped_fields: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    error: CoexplorerError | None = None
    needless: bool = False
    archived: bool = False
    left_to: tuple[tuple[str, int], ...] | None = None
    withdrawn: bool = False
    became: Fields | None = None
    lacking: str = ""
    roles: dict[str, str] | None = None
    gives_up: bool = False
    cause: Cause | None = None
    moving: bool = False

    @property
    def outcome(self) -> str:
        """How it ended, in a word: its state, or ``given_up`` where an undo had nothing to send."""
        return "given_up" if self.withdrawn else self.state.value

    @property
    def told(self) -> str:
        """How it ended, in words."""
        return tell_end(self.action, self.outcome)

    @property
    def is_restored(self) -> bool:
        """Whether a redo only brought it back to the log: see `Cause`."""
        return self.state is State.STOPPED and self.cause is Cause.RESTORED

    @property
    def is_mounting(self) -> bool:
        """Whether it is attached, and its files were not there yet."""
        return self.state is State.APPLIED and self.cause is Cause.MOUNTING

    @property
    def reason(self) -> str:
        """Why it ended so, or what of it is not done yet; empty: its state says it all."""
        if self.error is not None:
            return self.error.message
        return MOVING if self.moving else self.lacking

    @property
    def no_longer_fits(self) -> bool:
        """Whether it was skipped because it has changed since it was selected."""
        return isinstance(self.error, NoLongerFits)


def describe_differs(result: EditResult) -> str:
    """Say what the platform has instead of what was sent; empty where it has that."""
    if not result.differs:
        return ""
    now = result.became
    if now is None:
        return f"the platform's reply does not show the new {tell_fields(result.differs)}"
    asked = [name for name in result.differs if name not in result.unasked]
    told = []
    if asked:
        values = " and ".join(describe_value(name, now) for name in asked)
        told.append(f"the platform has {values} now, which is not quite what was sent")
    if result.unasked and result.before is not None:
        names = tell_fields(result.unasked)
        was = " and ".join(
            quote_value(field_named(name).text_of(result.before)) for name in result.unasked
        )
        told.append(
            f"the {names} {be(result.unasked)} changed as well, which nobody asked for; before:"
            f" {was}; coexplorer undo {result.batch_id} brings that back"
        )
    return "; ".join(told)


def describe_value(name: str, fields: Fields, wanted: Fields | None = None) -> str:
    """Return ``the name 'x'`` or ``the tags 'a', 'b'``; of a long text only that it is another.

    Args:
        name: A field.
        fields: What has it.
        wanted: What should be there instead: of a set the members in question come first.
    """
    field = find_field(name)
    if field is None or field.kind in (FieldKind.TEXT, FieldKind.MAP):
        return f"another {name}"
    if field.kind is FieldKind.KEY:
        text = field.value_of(fields)
        return f"no {field.told}" if text is None else f"the {field.told} {text}"
    if field.kind is FieldKind.LINE:
        return f"the {name} {quote_value(field.text_of(fields))}"
    there, asked = set(field.set_of(fields)), set(field.set_of(wanted or fields))
    members = sorted(there, key=lambda each: (each in asked, each))
    more = f" and {len(members) - _MOST_TAGS:,} more" if len(members) > _MOST_TAGS else ""
    listed = ", ".join(quote_value(each) for each in members[:_MOST_TAGS])
    told = f"the {name} {listed}{more}" if members else f"no {name}"
    lacking = ", ".join(quote_value(each) for each in sorted(asked - there)[:_MOST_TAGS])
    return f"{told} but not {lacking}" if lacking and members else told


def describe_left_alone(fields: Sequence[str], left_to: Iterable[tuple[str, int]] | None) -> str:
    """Say who changed the fields that an undo leaves alone: ``you changed the name since …``.

    Args:
        fields: Their names.
        left_to: See `EditResult.left_to`.
    """
    if left_to is None:
        return f"the {tell_fields(fields)} {be(fields)} changed since"
    ours, parts = dict(left_to), []
    for number in dict.fromkeys(ours.get(name) for name in fields):
        those = [name for name in fields if ours.get(name) == number]
        names = tell_fields(those)
        told = f"the {names} {be(those)} changed elsewhere since"
        parts.append(told if number is None else f"you changed the {names} since (change {number})")
    return " and ".join(parts)


def describe_roles_left_alone(members: Sequence[str]) -> str:
    """Say whose roles an undo leaves alone: ``the role of everyone was changed since``."""
    *others, last = [title_of(member) for member in members]
    whose = f"{', '.join(others)} and {last}" if others else last
    return f"the {'roles' if others else 'role'} of {whose} {be(members)} changed since"


def read_result(entry: Entry) -> EditResult:
    """Return what the journal knows about an entry as a result."""
    changed: tuple[str, ...] = ()
    if entry.before is not None and entry.after is not None:
        changed = changed_fields(entry.before, entry.after)
    lacking, roles = "", None
    if entry.action is Action.SHARE and entry.state is State.APPLIED:
        had = entry.roles_before
        roles = entry.roles if entry.roles.keys() <= had.keys() else None
        changed = tuple(each for each, role in entry.roles.items() if role != had.get(each))
        plain = entry.cause in (Cause.FOUND, Cause.GIVEN_UP)
        lacking = "" if plain else entry.reason
    if entry.action in ATTACHING and entry.state in DONE:
        roles = entry.roles or entry.roles_before
    return EditResult(
        entry_id=entry.id,
        batch_id=entry.batch_id,
        asset_id=entry.asset_id,
        asset_name=entry.after.name if entry.after is not None else entry.asset_name,
        action=entry.action,
        state=entry.state,
        before=entry.before,
        after=entry.after,
        changed=changed,
        skipped_fields=name_left_alone(entry),
        error=_read_error(entry),
        needless=entry.needless,
        lacking=lacking,
        roles=roles,
        cause=entry.cause,
        moving=is_moving(entry.action, entry.state, entry.reason),
    )


def _read_error(entry: Entry) -> CoexplorerError | None:
    """Return why an entry is not done, as the journal knows it."""
    if entry.state in DONE or not entry.reason:
        return None
    if entry.state is State.UNKNOWN:
        return ApiError(entry.reason, hint=entry.hint, outcome_unknown=True)
    if entry.state is State.CONFLICT:
        return Conflict(entry.reason, hint=entry.hint)
    if entry.state in (State.REFUSED, State.SKIPPED):
        return Refused(entry.reason, hint=entry.hint)
    return CoexplorerError(entry.reason, hint=entry.hint)


def name_left_alone(entry: Entry) -> tuple[str, ...]:
    """Name the fields that an undo did not send because somebody had changed them.

    Sets are never left alone: they are undone tag by tag.
    """
    if entry.reverses is None or entry.base is None or entry.mine is None or entry.after is None:
        return ()
    return tuple(
        name
        for name in changed_fields(entry.base, entry.mine)
        if field_named(name).kind is not FieldKind.SET
        and not same_value(entry.mine, entry.after, name)
    )


class BatchProgress(msgspec.Struct, frozen=True):
    """One more asset of a batch is settled.

    Attributes:
        done: Assets that are settled so far, failed ones included.
        failed: How many of them failed.
        total: How many there are; 0: it is written down, and they are not counted yet.
    """

    batch_id: int
    done: int
    failed: int
    total: int
    latest: EditResult | None = None


class BatchReport(msgspec.Struct, frozen=True):
    """How a batch ended: one outcome per asset, in the plan's order.

    Attributes:
        batch_id: What undo, resume and retry take; 0 when there was nothing to do.
        results: One for each asset, skipped ones included (state ``skipped``).
        given_up: Earlier unsent changes that it replaced.
        set_aside: Texts that a mount could not save, that nobody has looked at, and that this does
            not have: they are kept.
        notes: What of the change it takes back was left as it is, a sentence each: what was not so
            when its plan was shown.
        now: Assets that this run has sent, where it went on with an earlier one; None: all.
    """

    batch_id: int
    title: str
    results: tuple[EditResult, ...]
    given_up: tuple[Entry, ...] = ()
    set_aside: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()
    now: frozenset[AssetId] | None = None

    @property
    def news(self) -> BatchReport:
        """The same without what an earlier run has done, left out or given up, and told then."""
        if self.now is None:
            return self
        told = (*DONE, State.SKIPPED, State.DISCARDED)
        results = (r for r in self.results if r.asset_id in self.now or r.state not in told)
        return msgspec.structs.replace(self, results=tuple(results), now=None)

    def of(self, *states: State) -> tuple[EditResult, ...]:
        """The results in one of `states`."""
        return tuple(result for result in self.results if result.state in states)

    @property
    def applied(self) -> tuple[EditResult, ...]:
        """What the platform has now."""
        return self.of(*DONE)

    @property
    def failed(self) -> tuple[EditResult, ...]:
        """What it does not, or may not, have, `refused` ones included: each with its `error`."""
        return self.of(State.PLANNED, State.INTENDED, *KEPT)

    @property
    def waiting(self) -> tuple[EditResult, ...]:
        """What could still go through: `failed` without `refused`."""
        return tuple(result for result in self.failed if result.state is not State.REFUSED)

    @property
    def refused(self) -> tuple[EditResult, ...]:
        """What the platform refused for good: a retry as it is would end the same way."""
        return self.of(State.REFUSED)

    @property
    def stopped(self) -> tuple[EditResult, ...]:
        """What was not sent, as its user stopped it first."""
        return self.of(State.STOPPED)

    @property
    def restored(self) -> tuple[EditResult, ...]:
        """What a redo only brought back to the log, as it never was on the platform."""
        return tuple(result for result in self.stopped if result.is_restored)

    @property
    def in_conflict(self) -> tuple[EditResult, ...]:
        """What ran into somebody else's change, and would again if resent as it is."""
        return self.of(State.CONFLICT)

    @property
    def replaced(self) -> tuple[EditResult, ...]:
        """What was not sent, as a later change to the same asset came first."""
        return self.of(State.DISCARDED)

    @property
    def skipped(self) -> tuple[EditResult, ...]:
        """What was skipped, each with its reason in `error`."""
        return self.of(State.SKIPPED)

    @property
    def missed(self) -> tuple[EditResult, ...]:
        """What was left out though the user asked for it: it is not that way already."""
        return tuple(result for result in self.skipped if not result.needless)

    @property
    def outdated(self) -> tuple[EditResult, ...]:
        """What was skipped because it has changed since it was selected."""
        return tuple(result for result in self.skipped if result.no_longer_fits)


class SyncReport(msgspec.Struct, frozen=True):
    """How a sweep or refresh ended.

    Attributes:
        complete: Every living asset was seen; if not, nothing was removed.
        total: Assets in the catalog afterwards.
        seen: Assets that this run read.
        removed: Rows that are gone: a GET confirmed each.
        duration_s: Wall-clock seconds.
        by_other: Another process did it, and this one waited.
        left_out: Rows from the platform that name no asset: without an id, or with an invalid one.
        gaps: What else the platform did not show, a sentence each.
        endless: The platform listed more and more assets, and was given up.
    """

    complete: bool
    total: int
    seen: int
    removed: int
    duration_s: float
    by_other: bool = False
    left_out: int = 0
    gaps: tuple[str, ...] = ()
    endless: bool = False


class DownloadProgress(msgspec.Struct, frozen=True):
    """Bytes of one file that are on the disk so far; `total_bytes` is None if not known."""

    path: str
    done_bytes: int
    total_bytes: int | None


class CreateProgress(msgspec.Struct, frozen=True):
    """How far a request for a new asset got.

    Attributes:
        sent: It was sent, so the log has it; False: nothing left this machine yet.
        asset_id: What it made; None: no reply has come yet.
    """

    sent: bool
    asset_id: AssetId | None = None


class ReadyProgress(msgspec.Struct, frozen=True):
    """A look at an asset in ``draft``; the next one follows after `next_poll_s` seconds."""

    asset_id: AssetId
    state: str
    waited_s: float
    next_poll_s: float


class Lineage(msgspec.Struct, frozen=True):
    """What an asset was made from or contains, and what was made from it or contains it."""

    asset_id: AssetId
    parents: tuple[Relative, ...]
    children: tuple[Relative, ...]


class RemoteFound(msgspec.Struct, frozen=True):
    """What the platform itself found.

    Attributes:
        incomplete: It has more, but does not show it.
        reason: Why, as the end of a sentence; empty: it is more than one answer can hold.
        left_out: Rows of its answer that name no asset.
    """

    assets: tuple[Asset, ...]
    incomplete: bool
    left_out: int = 0
    reason: str = ""
