"""What a bulk edit is meant to do, and what it would do to each asset. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from coexplorer.errors import InvalidField, Refused
from coexplorer.fields import (
    FieldKind,
    Fields,
    Value,
    changed_fields,
    field_named,
    find_field,
    replace_values,
    same_value,
    tell_fields,
    with_fields_of,
)
from coexplorer.lenient_json import encode_json
from coexplorer.library.attachments import Attaching
from coexplorer.library.entries import ATTACHING, RESTORED, Action, Entry, EntryDraft, State
from coexplorer.library.losses import Loss, find_loss
from coexplorer.library.merge import unique
from coexplorer.library.selection import Fit, keep_shown
from coexplorer.library.transfer_target import Transferring, show_storage
from coexplorer.library.used_by import Uses
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.metadata import UNKNOWN, MetadataMistake, MetadataSchema, read_texts, show_field
from coexplorer.models import AssetId, Record
from coexplorer.sharing.changes import SharingChange
from coexplorer.sharing.roles import Roles, title_of
from coexplorer.written import trim

_ARCHIVING = (Action.ARCHIVE, Action.UNARCHIVE)
_REMOVING = (Action.ARCHIVE, Action.DELETE)
_SEEMS = {
    Action.ARCHIVE: "seems to be archived already",
    Action.UNARCHIVE: "seems not to be archived",
}


class Change(msgspec.Struct, frozen=True):
    """One change to many assets; parts that are None or empty change nothing.

    Attributes:
        add_tags: Tags to add.
        remove_tags: Tags to remove; renaming a tag means removing the old one and adding the new
            one.
        only_with: Skip assets that have none of these tags (for renaming and merging tags).
        values: New values by the field's name; for a set, its complete value.
        metadata: By the key of custom metadata, the values that were typed; None takes it away.
        archive: True archives, False unarchives.
        delete: Delete for good; assets that are not archived are skipped.
        archive_first: With `delete`: archive assets that are not archived, then delete them.
        sharing: Who is to be able to see them.
        attaching: To or from which workplace they are attached or detached.
        transferring: Where their files are moved to.
    """

    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    only_with: tuple[str, ...] = ()
    values: Mapping[str, Value] = {}
    metadata: Mapping[str, Sequence[str] | None] = {}
    archive: bool | None = None
    delete: bool = False
    archive_first: bool = False
    sharing: SharingChange | None = None
    attaching: Attaching | None = None
    transferring: Transferring | None = None

    @property
    def action(self) -> Action:
        """The one action that this change stands for.

        Raises:
            Refused: It mixes kinds of change, or does nothing.
        """
        actions = [Action.EDIT] if self._edits() else []
        if self.archive is not None:
            actions.append(Action.ARCHIVE if self.archive else Action.UNARCHIVE)
        if self.delete:
            actions.append(Action.DELETE)
        if self.sharing is not None:
            actions.append(Action.SHARE)
        if self.attaching is not None:
            actions.append(self.attaching.action)
        if self.transferring is not None:
            actions.append(Action.TRANSFER)
        if len(actions) != 1:
            what = "nothing" if not actions else " and ".join(actions)
            raise Refused(f"this asks for {what} at once", hint="give one kind of change at a time")
        return actions[0]

    @property
    def title(self) -> str:
        """One line for the log, e.g. ``add tag rna``."""
        parts = []
        for name, value in self.values.items():
            if isinstance(value, tuple):
                parts.append(f"set {name} {', '.join(value) or '(none)'}")
        for verb, tags in (("add", self.add_tags), ("remove", self.remove_tags)):
            if tags:
                parts.append(f"{verb} {'tag' if len(tags) == 1 else 'tags'} {', '.join(tags)}")
        parts += [f"set {name}" for name, value in self.values.items() if isinstance(value, str)]
        parts += [
            f"take {key!r} away" if texts is None else f"set {key!r} to {', '.join(texts)}"
            for key, texts in self.metadata.items()
        ]
        if self.archive is not None:
            parts.append("archive" if self.archive else "unarchive")
        if self.delete:
            parts.append("archive and delete" if self.archive_first else "delete")
        if self.sharing is not None:
            parts.append(self.sharing.title)
        if self.attaching is not None:
            parts.append(self.attaching.told)
        if self.transferring is not None:
            parts.append(self.transferring.told)
        return "; ".join(parts)

    def _edits(self) -> bool:
        return bool(self.add_tags or self.remove_tags or self.values or self.metadata)


class FieldDiff(msgspec.Struct, frozen=True):
    """One field before and after; sets are joined by a comma and a blank.

    Attributes:
        added, removed: What was added to a set and removed from it; tells more than the two values.
    """

    field: str
    before: str
    after: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call the field; where an asset is shared, the member."""
        known = find_field(self.field)
        return title_of(self.field) if known is None else known.title

    @property
    def is_role(self) -> bool:
        """Whether it is a member's role; `before` is empty where that is not known."""
        return find_field(self.field) is None

    @property
    def is_set(self) -> bool:
        """Whether it is a set that changed."""
        return bool(self.added or self.removed)


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
        if fit is not None and (self.archive_first or self.action in _ARCHIVING):
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


def build_plan(
    records: Sequence[Record],
    change: Change,
    fits: Mapping[AssetId, Fit] | None = None,
    is_current: Callable[[Record], bool] = lambda _: True,
    schema: MetadataSchema = UNKNOWN,
) -> Plan:
    """Say what `change` would do to each of `records`, and which it skips and why.

    Args:
        records: As they are known.
        change: What to do.
        fits: What some of them must still be when they are read again.
        is_current: Tells whether a record is recent enough to skip its asset as needing no change.
            An older one is planned, and judged when it is read again.
        schema: Says of what type custom metadata are.

    Raises:
        InvalidField: The change has a value that must never be sent.
        Refused: It has nothing to do, or more than one kind of change.
    """
    action = change.action
    _check_taken_away(records, change, schema)
    fits = fits or {}
    items = []
    for record in records:
        fit = fits.get(record.asset.id)
        if change.only_with:
            fit = msgspec.structs.replace(fit or Fit(), tags=change.only_with)
        found = fit is not None and bool(fit.query)
        item = _plan_item(record, change, action, found=found, is_current=is_current, schema=schema)
        items.append(keep_fit(item, fit))
    return Plan(change.title, tuple(items))


def _check_taken_away(records: Sequence[Record], change: Change, schema: MetadataSchema) -> None:
    """Check that a key that is to be taken away is one: that nobody has it tells nothing else.

    Raises:
        InvalidField: It is not in the schema, and no asset has it.
    """
    for key, texts in change.metadata.items():
        is_none = texts is None and schema.known and schema.find(key) is None
        if is_none and records and not any(key in (r.asset.metadata or {}) for r in records):
            raise schema.build_no_such(key)


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


def leave_out_done(item: PlanItem, now: Fields, *, is_current: bool) -> PlanItem:
    """Return an edit without the fields that are as it wants them already.

    Args:
        item: An edit.
        now: What is known of the asset now.
        is_current: Whether that is recent enough to skip the asset; otherwise sending looks again.
    """
    wanted = changed_fields(item.base, item.mine)
    done = [name for name in wanted if same_value(item.mine, now, name)]
    if len(done) < len(wanted):
        base = with_fields_of(item.base, now, done)
        return msgspec.structs.replace(item, base=base) if done else item
    if not is_current:
        return msgspec.structs.replace(item, is_unsure=True)
    return msgspec.structs.replace(
        item, base=item.mine, reason="already set", needless=True, is_unsure=False
    )


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


def describe_difference(
    before: Fields, after: Fields, schema: MetadataSchema = UNKNOWN
) -> tuple[FieldDiff, ...]:
    """Name the fields that differ, with both values; `schema` says which metadata are dates."""
    diffs = []
    for name in changed_fields(before, after):
        field = field_named(name)
        if field.kind is FieldKind.SET:
            old, new = field.set_of(before), field.set_of(after)
            added = tuple(each for each in new if each not in old)
            removed = tuple(each for each in old if each not in new)
            texts = ", ".join(old), ", ".join(new)
            diffs.append(FieldDiff(name, *texts, added=added, removed=removed))
        else:
            texts = show_field(field, before, schema), show_field(field, after, schema)
            diffs.append(FieldDiff(name, *texts))
    return tuple(diffs)


def describe_roles(before: Roles, after: Roles) -> tuple[FieldDiff, ...]:
    """Name the members whose roles differ, with both roles; empty where the old one is unknown."""
    return tuple(
        FieldDiff(member, before.get(member, ""), role)
        for member, role in after.items()
        if role != before.get(member)
    )


def describe_folder(before: Roles, after: Roles) -> tuple[FieldDiff, ...]:
    """Say in which folder an asset is attached, or was; empty where that is not known."""
    old, new = (next(iter(each.values()), "") for each in (before, after))
    if after:
        return (FieldDiff("folder", "", new),) if new else ()
    return (FieldDiff("folder", old, "not attached"),) if old else ()


def describe_storage(before: Roles, after: Roles) -> tuple[FieldDiff, ...]:
    """Say where the files of an asset are, as far as that is known, and where they are to be."""
    old, new = show_storage(before, after)
    return (FieldDiff("storage", old, new),) if new else ()


def change_fields(fields: Fields, change: Change, schema: MetadataSchema = UNKNOWN) -> Fields:
    """Apply the editing part of `change` to `fields`.

    Raises:
        InvalidField: A value of custom metadata is not what the schema allows.
    """
    fields = replace_values(fields, {**change.values, **_read_metadata(fields, change, schema)})
    tags = fields.tags
    # What is typed with something around it means the tag, unless the asset has it just so.
    removed = {tag if tag in tags else trim(tag) for tag in change.remove_tags}
    kept = (tag for tag in tags if tag not in removed)
    return replace_values(fields, {"tags": unique([*kept, *change.add_tags])})


def _read_metadata(fields: Fields, change: Change, schema: MetadataSchema) -> dict[str, Value]:
    """Return the values that were typed for keys of custom metadata, as JSON text."""
    values: dict[str, Value] = {}
    before = fields.metadata or {}
    for key, texts in change.metadata.items():
        name, value = f"metadata.{key}", None
        if texts is not None:
            try:
                value = read_texts(schema.find(key), texts, before.get(key))
            except MetadataMistake as error:
                raise InvalidField(name, f"it {error}") from None
        values[name] = None if texts is None else encode_json(value).decode()
    return values


def _add_asked_tags(base: Fields, change: Change, mine: Fields) -> Fields | None:
    """Return a base without the tags that were asked for; see `PlanItem.seen`."""
    removed = (tag if tag in base.tags else trim(tag) for tag in change.remove_tags)
    kept = (tag for tag in base.tags if tag not in change.add_tags)
    seen = unique([*kept, *(tag for tag in removed if tag not in mine.tags)])
    return None if set(seen) == set(base.tags) else replace_values(base, {"tags": seen})


def _plan_item(
    record: Record,
    change: Change,
    action: Action,
    *,
    found: bool,
    is_current: Callable[[Record], bool],
    schema: MetadataSchema,
) -> PlanItem:
    """Plan what is done to one asset.

    Args:
        record: The asset.
        change: What to do.
        action: Its one action.
        found: A query has found it; otherwise somebody named this very asset.
        is_current: See `build_plan`.
        schema: See `build_plan`.
    """
    asset = record.asset
    base = mine = asset.fields
    reason = ""
    is_unsure = False
    seen: Fields | None = None
    archived = record.membership.archived
    if action is Action.EDIT:
        mine = tidy_fields(change_fields(base, change, schema), base)
        if change.only_with and not set(change.only_with) & set(base.tags):
            mine, reason = base, f"has no tag {' or '.join(change.only_with)}"
        elif not (changed := changed_fields(base, mine)):
            is_unsure = not is_current(record)
            reason = "" if is_unsure else "already has it"
            seen = _add_asked_tags(base, change, mine)
        else:
            seen = _add_asked_tags(base, change, mine)
            check_fields(mine, only=changed, known=(base,), schema=schema)
    elif action in _ARCHIVING:
        # What is known may be a minute old. Of assets that are meant, sending asks the platform.
        if archived is change.archive:
            is_unsure = not found or not is_current(record)
            said = "already archived" if archived else "not archived"
            reason = "" if is_unsure else said
    elif archived is False and not change.archive_first:  # where nobody knows, sending looks again
        reason = "not archived: archive it first"
    needless = bool(reason) and action is not Action.DELETE
    first = action is Action.DELETE and not archived and change.archive_first
    deletes = action is Action.DELETE
    return PlanItem(
        asset.id,
        asset.name,
        action,
        base,
        mine,
        reason,
        first,
        needless,
        loss=find_loss(asset) if deletes else None,
        fit=keep_shown(asset) if deletes else None,
        asked=(*change.values, *(f"metadata.{key}" for key in change.metadata)),
        seen=seen,
        is_unsure=is_unsure,
    )
