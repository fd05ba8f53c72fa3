"""Says what a change would do to each of many assets, and which it skips and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from coexplorer.fields import Fields, changed_fields, replace_values, same_value, with_fields_of
from coexplorer.library.bulk_change import Change, change_fields
from coexplorer.library.entries import ARCHIVING, Action
from coexplorer.library.losses import find_loss
from coexplorer.library.merge import unique
from coexplorer.library.plans import Plan, PlanItem, keep_fit
from coexplorer.library.selection import Fit, keep_shown
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.models import AssetId, Record
from coexplorer.written import trim


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
    elif action in ARCHIVING:
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
