"""What the journal holds, as plain data: entries, batches, their states. Pure.

It is a table of their shapes, so it is long.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from coexplorer.fields import Fields
from coexplorer.library.selection import Fit
from coexplorer.models import AssetId
from coexplorer.written import NOT_UTF8


class Action(StrEnum):
    """What an entry does to its asset."""

    EDIT = "edit"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    DELETE = "delete"
    CREATE = "create"
    SHARE = "share"
    ATTACH = "attach"
    DETACH = "detach"
    TRANSFER = "transfer"


ARCHIVING = (Action.ARCHIVE, Action.UNARCHIVE)

ATTACHING = (Action.ATTACH, Action.DETACH)
"""What changes a capsule, a pipeline or a workstation, and not the asset itself."""


class State(StrEnum):
    """How far an entry got.

    The path is ``planned → intended → applied``; the others are where it can end instead.
    """

    PLANNED = "planned"
    """Written down; nothing was sent yet, and the process that wrote it still lives."""
    INTENDED = "intended"
    """The request is about to be sent, or on its way; no reply yet."""
    APPLIED = "applied"
    """The platform has it."""
    UNCHANGED = "unchanged"
    """The platform had it already; nothing was sent."""
    UNSENT = "unsent"
    """Not on the platform; it could still go through, so it is kept for a retry."""
    UNKNOWN = "unknown"
    """It was sent and the reply was lost; a look at the platform settles it."""
    CONFLICT = "conflict"
    """Somebody changed the same field; not sent, the text is kept."""
    STOPPED = "stopped"
    """Never sent: its user stopped the change first. It is kept, for who names it."""
    REFUSED = "refused"
    """Refused for good, by the platform or by one of our rules; the text is kept."""
    SKIPPED = "skipped"
    """Left out, with the reason in `Entry.reason`."""
    DISCARDED = "discarded"
    """The user gave the text up."""


PENDING = (State.UNSENT, State.UNKNOWN, State.CONFLICT)
"""States that wait for the user: shown on top of the log, retried or discarded on request."""

UNASKED = (State.STOPPED, State.REFUSED)
"""States that wait for nothing: such a change is sent only when it is named."""

KEPT = (*PENDING, *UNASKED)
"""States whose text is on the platform nowhere: it is kept until it is sent or discarded."""

NOT_THERE = (State.UNSENT, State.CONFLICT, *UNASKED)
"""States that are kept, and surely not on the platform: an undo gives them up."""

DONE = (State.APPLIED, State.UNCHANGED)
"""States in which the platform has what was wanted."""


STOPPED = "it was stopped before this was sent"
"""`Entry.reason` of what its user stopped."""


STOPPED_SENDING = "it was stopped while it was being sent"
"""`Entry.reason` of what its user stopped on its way; if it has not arrived, it is stopped."""


ANSWERED = "the platform answered that this is "
"""How `Entry.reason` begins of what was answered with yes, and is not there for all that."""
SAID_YES = f"{ANSWERED}saved"
"""The beginning of `Entry.reason` of what the platform said yes to, and does not show."""


def tell_how_to_go_on(batch_id: int) -> str:
    """Return `Entry.hint` of what its user stopped."""
    return f"go on with: coexplorer retry --batch {batch_id}"


FOUND = "its reply was lost, but the platform has it"
"""`Entry.reason` of `Cause.FOUND`."""


MOUNT = "mount"
"""The front end whose saves are made by programs: nobody may hear that one has failed."""


SET_ASIDE = "another text was saved after it, which does not have it"
"""`Entry.reason` of what is set aside."""


LEFT_BEHIND = "its asset was deleted"
"""`Entry.reason` of such a text whose asset was deleted from here."""


def tell_how_to_combine(entry_id: int) -> str:
    """Return `Entry.hint` of what was set aside."""
    return f"combine it with what is there, then: coexplorer discard {entry_id}"


MOST_REFUSED = 4
"""How many refused texts of a file are kept to be read, where a mount saves on; the newest."""


WAITING = "it is written down in case the mount ends before it is sent"
"""`Entry.reason` of a text that a mount has only in case it ends: it has no say in earlier ones."""


NOT_THERE_YET = "it did not reach the platform"
"""`Entry.reason` of what was sent, and was not there when somebody looked: it may come late."""


MAY_COME = "the platform does not show it so far, and it may still arrive"
"""Why nothing is done about what was sent a short while ago, and is not there yet."""


GIVEN_UP = "the platform did not have it, so it was given up"
"""`Entry.reason` of `Cause.GIVEN_UP`."""


RESTORED = "it was given up before it was sent; it waits until you send it"
"""`Entry.reason` of `Cause.RESTORED`."""


class Cause(StrEnum):
    """What the state of an entry alone does not tell of how it came to it."""

    GIVEN_UP = "given_up"
    """An undo that sent nothing, as what it takes back was not sent either."""
    RESTORED = "restored"
    """A redo brought it back to the log only: it never was on the platform."""
    IN_PART = "in_part"
    """It is not done, but the platform has taken a part of it."""
    GONE = "gone"
    """An undo that found its asset gone, and so left what it takes back as it is."""
    FOUND = "found"
    """Its reply was lost, and a later look at the platform showed that it had arrived."""
    MOUNTING = "mounting"
    """The platform has attached it, and its files were not there yet."""


GIVES_UP = "ownership"
"""In `Entry.asked` of a change that may take away this user's own right to share the asset."""


class Purpose(StrEnum):
    """Why a batch was made."""

    DO = "do"
    UNDO = "undo"
    REDO = "redo"


_NOT_MADE = "not made"
_TOLD = {State.PLANNED.value: "to be sent", State.INTENDED.value: "being sent"}


def tell_outcome(outcome: str) -> str:
    """Return how a change ended in words, for every front end: ``given up`` for ``given_up``."""
    return _TOLD.get(outcome) or str(outcome).replace("_", " ")


def tell_end(action: Action, outcome: str) -> str:
    """Return the same of one change: an asset that was not created may be refused by nobody."""
    not_made = action is Action.CREATE and outcome == State.REFUSED
    return _NOT_MADE if not_made else tell_outcome(outcome)


def _name_end(state: State, cause: Cause | None) -> str:
    """Return how a change ended, as a name: ``given_up`` where an undo had nothing to send."""
    return "given_up" if cause is Cause.GIVEN_UP and state in DONE else state.value


class Entry(msgspec.Struct, frozen=True):
    """One change of one asset.

    Attributes:
        id: The journal's number.
        batch_id: The batch that it belongs to; a single edit is a batch of one.
        at: Epoch seconds when it was written down.
        origin: The front end that did it: ``cli``, ``tui`` or ``mount``.
        asset_id: Empty for a create that has no id yet.
        asset_name: The asset's name when it was written down.
        base: What the edit is merged from: what the user had been shown, as far as the platform
            had it; None unless `action` is an edit.
        mine: What the user wants; None unless `action` is an edit or a create.
        before: What the platform had right before the write.
        after: What was sent: mine merged with theirs.
        roles_before: Where the asset is shared: the roles of the members in question as shown; who
            is missing may have had any.
            Where it is attached or detached: by its workplace (see `attachments.key_of`) the
            folder there; nothing where it was not attached.
        roles: Those members' roles as wanted, and as sent once something was; the folder as wanted,
            and as the platform says then; nothing where it is not to be attached.
            Where its files are transferred: see `transfer_target`, before and after.
        reason: Why it failed or was left out, or how else it was done: one sentence.
        hint: What to do about it.
        settled_at: Epoch seconds when `state` became final; None before.
        undone_by: The batch that undid all of it, if one did.
        reverses: The entry that this one reverses, if it is part of an undo or redo.
        needless: It was left out because nothing needed to change.
        fit: What the asset must still be when it is read again; None: anything.
        asked: Fields that were given as a whole, even if they seemed to need no change.
        shown: What the user had been shown, if some of it was not sent yet; None: `base` is that.
        looked_at: Epoch seconds when somebody read in a mount why it failed; None before.
        cause: What its state alone does not tell; None: nothing.
        set_aside: It is a text that a later save must not give up: nobody had looked at it.
    """

    id: int
    batch_id: int
    at: float
    origin: str
    asset_id: AssetId
    asset_name: str
    action: Action
    state: State
    base: Fields | None = None
    mine: Fields | None = None
    before: Fields | None = None
    after: Fields | None = None
    roles_before: dict[str, str] = {}
    roles: dict[str, str] = {}
    reason: str = ""
    hint: str = ""
    settled_at: float | None = None
    undone_by: int | None = None
    reverses: int | None = None
    needless: bool = False
    fit: Fit | None = None
    asked: tuple[str, ...] = ()
    shown: Fields | None = None
    looked_at: float | None = None
    cause: Cause | None = None
    set_aside: bool = False

    @property
    def is_awaited(self) -> bool:
        """Whether nobody knows its outcome, and it may come though a look does not show it.

        Sent twice, a create makes two assets. What its user has stopped must not come after they
        heard that it was not sent, nor what is attached after an undo has given it up.
        """
        awaited = self.action in (Action.CREATE, *ATTACHING) or self.reason == STOPPED_SENDING
        return self.state is State.UNKNOWN and awaited

    @property
    def is_named_only(self) -> bool:
        """Whether nothing sends it unless it is named: its user stopped it, or it was refused."""
        on_its_way = self.state is State.UNKNOWN and self.reason == STOPPED_SENDING
        return self.state in UNASKED or on_its_way

    @property
    def was_undone(self) -> bool:
        """Whether it was undone."""
        return self.undone_by is not None

    @property
    def outcome(self) -> str:
        """How it ended, in a word: its state, or ``given_up`` where an undo had nothing to send."""
        return _name_end(self.state, self.cause)

    @property
    def told(self) -> str:
        """How it ended, in words: see `tell_outcome`."""
        return tell_end(self.action, self.outcome)


def is_written_out(entry: Entry) -> bool:
    """Tell whether its text was refused as not UTF-8, and so is not kept as it is to be sent."""
    return entry.state is State.REFUSED and NOT_UTF8 in entry.reason


class EntryDraft(msgspec.Struct, frozen=True):
    """An entry before it has a number: what `Journal.begin` writes down.

    Attributes:
        waits: It is only about to be sent, and gives up nothing that was kept before.
        file: The field that it saves as a whole, as a file of a mount: earlier tries are over.
        continues: Kept entries whose author was told that they failed, and goes on from them.
    """

    asset_id: AssetId
    asset_name: str
    action: Action
    base: Fields | None = None
    mine: Fields | None = None
    roles_before: dict[str, str] = {}
    roles: dict[str, str] = {}
    state: State = State.PLANNED
    reason: str = ""
    hint: str = ""
    reverses: int | None = None
    needless: bool = False
    fit: Fit | None = None
    asked: tuple[str, ...] = ()
    shown: Fields | None = None
    waits: bool = False
    cause: Cause | None = None
    file: str = ""
    continues: tuple[int, ...] = ()


class Batch(msgspec.Struct, frozen=True):
    """What one command did: undone and resumed as a whole.

    Attributes:
        id: The journal's number.
        at: Epoch seconds.
        origin: The front end that did it.
        title: One line for people, e.g. ``add tag rna``.
        purpose: Whether it was done, undone or redone.
        reverses: The batch that it undoes or redoes.
        counts: Entries by state, in the order of `State`; only states that have any.
        undone: How many of its entries were undone.
        given_up: How many of them, by state, only gave up a change that was not on the platform.
        asset_name: What its asset was called, if it has one entry; else empty.
        redone_by: The batch that did again what was undone of it, and stands; None: none does.
    """

    id: int
    at: float
    origin: str
    title: str
    purpose: Purpose
    reverses: int | None = None
    counts: dict[str, int] = {}
    undone: int = 0
    given_up: dict[str, int] = {}
    asset_name: str = ""
    redone_by: int | None = None

    @property
    def total(self) -> int:
        """How many entries it has: two for an asset that is archived and deleted."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """How many of its entries wait for the user."""
        return sum(self.counts.get(state, 0) for state in PENDING)

    @property
    def standing(self) -> int:
        """How many of its entries were done and not undone."""
        return self.counts.get(State.APPLIED, 0) - self.undone

    @property
    def did_nothing(self) -> bool:
        """Whether nothing came of it, nor will: all of it was left out, needless or refused."""
        ended = (State.SKIPPED, State.UNCHANGED, State.REFUSED, State.DISCARDED)
        return all(state in ended for state, count in self.counts.items() if count)

    @property
    def kept(self) -> int:
        """How many of its entries are kept, to be resent or discarded."""
        return sum(self.counts.get(state, 0) for state in KEPT)

    @property
    def outcome(self) -> str:
        """How it ended, in words: ``96 applied, 5,629 discarded``, ``2 applied (undone)``.

        Of what another command or window is sending now: ``5,621 to be sent, 8 being sent``.
        """
        counts = {
            state: count - self.given_up.get(state, 0) for state, count in self.counts.items()
        }
        counts["given up"] = sum(self.given_up.values())
        creates = self.purpose is Purpose.DO and self.title.startswith("create ")
        if creates and not counts.keys() & {State.APPLIED, State.DISCARDED}:
            counts = {
                _NOT_MADE if state == State.REFUSED else state: count
                for state, count in counts.items()
            }
        stopped = counts.pop(State.STOPPED, 0)
        words = ", ".join(
            f"{count:,} {tell_outcome(state)}" for state, count in counts.items() if count
        )
        if self.undone:
            again = f", done again by change {self.redone_by}" if self.redone_by else ""
            words += f" ({'' if self.undone == self.total else f'{self.undone:,} '}undone{again})"
        if stopped:
            words += f"{'; ' if words else ''}stopped, {stopped:,} not sent"
        return words


class Reason(msgspec.Struct, frozen=True):
    """Why several entries of a batch ended as they did.

    Attributes:
        state: How they ended.
        text: Why, in one sentence.
        hint: What to do about it.
        count: How many entries.
        cause: See `Entry.cause`.
    """

    state: State
    text: str
    hint: str
    count: int
    cause: Cause | None = None

    @property
    def told(self) -> str:
        """How they ended, in words."""
        return tell_outcome(_name_end(self.state, self.cause))
