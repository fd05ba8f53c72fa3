"""What a change to many assets would do to each, as it is shown and then carried out. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from coexplorer.fields import Fields, Value, changed_fields, replace_values, tell_fields
from coexplorer.library.entries import (
    ARCHIVING,
    ATTACHING,
    RESTORED,
    Action,
    Entry,
    EntryDraft,
    State,
)
from coexplorer.library.field_diffs import (
    FieldDiff,
    describe_difference,
    describe_folder,
    describe_roles,
    describe_storage,
)
from coexplorer.library.losses import Loss
from coexplorer.library.selection import Fit
from coexplorer.library.used_by import Uses
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.models import AssetId
from coexplorer.sharing.roles import Roles

_REMOVING = (Action.ARCHIVE, Action.DELETE)
_SEEMS = {
    Action.ARCHIVE: "seems to be archived already",
    Action.UNARCHIVE: "seems not to be archived",
}


class PlanItem(msgspec.Struct, frozen=True):
    """What the plan does to one asset, as far as the catalog knows.

    Attributes:
        base: The fields that the diff was made from.
        mine: What they should become; equals `base` unless `action` is an edit.
        reason: Why the asset is skipped; empty if it is not.
        archive_first: Archive it before it is deleted.
        needless: It is left out because nothing needs to change.
        loss: What happens to its files, if `action` is a delete.
        fit: What it must still be when it is read again, right before it is changed.
        asked: Fields that were given as a whole.
        seen: `base`, but for tags that are asked for and seem to be there already: the merge must
            do them anyway if somebody changes them in between. None: as `base`.
        since: What of it has changed since the user chose it, in words.
        is_unsure: It seems to need no change, but that is old news: the platform is asked.
        withdraws: Nothing is sent: a change that is not on the platform is given up. `base` and
            `mine` are those of that change.
        waits: It can't be sent now, and would be kept unsent.
        restores: Nothing is sent: a change that an undo gave up waits again.
        leaves_part: An undo leaves some of it alone; `note` says what.
        roles_before: Where the asset is shared: members' roles now, as far as they are known. Where
            it is attached or detached: see `Entry.roles_before`.
        roles: Their roles afterwards; likewise.
        note: What else is to be said of it: what of it is left alone, or that it can't be sent now.
        schema: Says how values of custom metadata are shown.
        uses: What uses the asset, if it is archived or deleted; None: nobody has asked.
    """

    asset_id: AssetId
    name: str
    action: Action
    base: Fields
    mine: Fields
    reason: str = ""
    archive_first: bool = False
    needless: bool = False
    loss: Loss | None = None
    fit: Fit | None = None
    asked: tuple[str, ...] = ()
    seen: Fields | None = None
    is_unsure: bool = False
    since: tuple[str, ...] = ()
    withdraws: bool = False
    waits: bool = False
    restores: bool = False
    leaves_part: bool = False
    note: str = ""
    roles_before: Roles = {}
    roles: Roles = {}
    schema: MetadataSchema = UNKNOWN
    uses: Uses | None = None

    @property
    def is_sent(self) -> bool:
        """Whether something is sent to the platform, or it is asked if that is needed."""
        return not (self.reason or self.withdraws or self.waits or self.restores)

    @property
    def remark(self) -> str:
        """What else is to be said of it: `note`, or why nothing may be sent."""
        if self.restores:
            return RESTORED
        if self.is_unsure:
            return f"{_SEEMS.get(self.action, 'seems to have it already')}; the platform is asked"
        return self.note

    @property
    def diff(self) -> tuple[FieldDiff, ...]:
        """The fields that change, the members, the folder where it is attached, the storage."""
        if self.action in ATTACHING:
            return describe_folder(self.roles_before, self.roles)
        if self.action is Action.TRANSFER:
            return describe_storage(self.roles_before, self.roles)
        fields = describe_difference(self.base, self.mine, self.schema)
        return (*fields, *describe_roles(self.roles_before, self.roles))

    def drafts(self) -> tuple[EntryDraft, ...]:
        """Return what the journal writes down about it before anything is sent."""
        edits = self.action is Action.EDIT
        fit = self.fit
        if fit is not None and (self.archive_first or self.action in ARCHIVING):
            fit = fit.whether_archived_or_not()
        draft = EntryDraft(
            asset_id=self.asset_id,
            asset_name=self.name,
            action=self.action,
            base=(self.seen or self.base) if edits else None,
            mine=self.mine if edits else None,
            state=State.SKIPPED if self.reason else State.PLANNED,
            reason=self.reason,
            needless=self.needless,
            fit=fit,
            asked=self.asked,
        )
        if self.action in (Action.SHARE, Action.TRANSFER, *ATTACHING):
            draft = msgspec.structs.replace(
                draft, roles_before=dict(self.roles_before), roles=dict(self.roles)
            )
        if not self.archive_first:
            return (draft,)
        return (EntryDraft(self.asset_id, self.name, Action.ARCHIVE, fit=self.fit), draft)


class Plan(msgspec.Struct, frozen=True):
    """A bulk edit before anything is sent: show it, then hand it to `Changes.apply`.

    Attributes:
        title: One line for the log.
        items: What is done to each asset.
        about: The batch that is taken back; None: the plan takes nothing back.
        given_up: Other changes that are not on the platform and that it replaces.
        drafts: What takes that batch back, entry by entry; `Changes.apply` does nothing else.
        caution: What is to be known before any of it is done; empty: nothing.
        where: Of attaching: ``to capsule 'Spike sorting' (03af3513)``; else empty.
    """

    title: str
    items: tuple[PlanItem, ...]
    about: int | None = None
    given_up: tuple[Entry, ...] = ()
    drafts: tuple[EntryDraft, ...] = ()
    caution: str = ""
    where: str = ""

    @property
    def todo(self) -> tuple[PlanItem, ...]:
        """What would be sent."""
        return tuple(item for item in self.items if not item.reason)

    @property
    def skipped(self) -> tuple[PlanItem, ...]:
        """What is skipped, each with its reason."""
        return tuple(item for item in self.items if item.reason)

    @property
    def missed(self) -> tuple[PlanItem, ...]:
        """What is left out although the user wants it and it is not done yet."""
        return tuple(item for item in self.skipped if not item.needless)

    @property
    def removed(self) -> list[AssetId]:
        """The assets that it archives or deletes: what uses them matters."""
        return [item.asset_id for item in self.todo if item.action in _REMOVING]

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What happens to the files of the assets to delete."""
        return tuple(item.loss for item in self.todo if item.loss is not None)


def show_by(plan: Plan, schema: MetadataSchema) -> Plan:
    """Return a plan that shows custom metadata as the schema types them."""
    items = tuple(msgspec.structs.replace(item, schema=schema) for item in plan.items)
    return msgspec.structs.replace(plan, items=items)


def tell_uses(plan: Plan, found: Mapping[AssetId, Uses]) -> Plan:
    """Return a plan that says what uses the assets that it archives or deletes."""
    items = tuple(
        msgspec.structs.replace(item, uses=found[item.asset_id])
        if item.asset_id in found and not item.reason and item.action in _REMOVING
        else item
        for item in plan.items
    )
    return msgspec.structs.replace(plan, items=items)


def keep_fit(item: PlanItem, fit: Fit | None) -> PlanItem:
    """Return an item that is carried out only if its asset still fits."""
    if fit is None:
        return item
    seen = None if item.action is Action.EDIT else item.base  # an edit keeps them anyway
    shown = item.fit.shown if item.fit else None
    return msgspec.structs.replace(item, fit=msgspec.structs.replace(fit, seen=seen, shown=shown))


def note_changes(plan: Plan, seen: Mapping[AssetId, Mapping[str, Value]]) -> Plan:
    """Say in a plan what has changed since its assets were chosen, as far as that was `seen`."""
    items = []
    for item in plan.items:
        before = replace_values(item.base, seen.get(item.asset_id, {}))
        changed = changed_fields(before, item.base)
        if changed:
            since = tuple(tell_fields([name]) for name in changed)
            fit = item.fit and msgspec.structs.replace(item.fit, seen=before)
            item = msgspec.structs.replace(item, since=since, fit=fit)  # noqa: PLW2901 - the same one
        items.append(item)
    return Plan(plan.title, tuple(items))
