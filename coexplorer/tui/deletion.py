"""What a delete removes, as lines: judged by what the platform has now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from coexplorer.errors import ApiError, NotFound
from coexplorer.library.losses import Fate, describe_loss, describe_losses, find_loss
from coexplorer.library.selection import find_changes
from coexplorer.library.used_by import Uses, count_uses, describe_uses
from coexplorer.models import AssetId, Record
from coexplorer.text import clean, cut, plural, size_text
from coexplorer.tui.columns import Line, Role, show_date, wrap

MOST_NAMES = 10
MOST_LINES = 3
"""Lines of a description that are shown."""
MOST_CHARACTERS = 2_000
"""Characters of a description that are looked at for them."""
_FATES = {Fate.GONE: "", Fate.STAY: "  (its files stay)", Fate.OTHERS: "  (combines others)"}


class Doomed(msgspec.Struct, frozen=True):
    """What is to be deleted, as it was known and as it is.

    Attributes:
        known: As the list had it.
        answers: What the platform said of each, or why it said nothing; empty before it is asked.
        uses: What uses them; empty: not asked, or not answered yet.
    """

    known: tuple[Record, ...]
    answers: Mapping[AssetId, Record | ApiError] = {}
    uses: Mapping[AssetId, Uses] = {}

    @property
    def records(self) -> tuple[Record, ...]:
        """What there is to delete: as the platform has it, or as last known."""
        kept = []
        for record in self.known:
            answer = self.answers.get(record.asset.id)
            if isinstance(answer, Record):
                kept.append(answer)
            elif not isinstance(answer, NotFound):
                kept.append(record)
        return tuple(kept)

    @property
    def gone(self) -> tuple[Record, ...]:
        """What is no longer on the platform."""
        return tuple(r for r in self.known if isinstance(self.answers.get(r.asset.id), NotFound))

    @property
    def unread(self) -> tuple[ApiError, ...]:
        """Why some of it could not be read."""
        return tuple(
            each
            for each in self.answers.values()
            if isinstance(each, ApiError) and not isinstance(each, NotFound)
        )

    @property
    def changes(self) -> dict[AssetId, tuple[str, ...]]:
        """What has changed since it was known: asset → names of what differs."""
        found = {}
        for record in self.known:
            answer = self.answers.get(record.asset.id)
            if isinstance(answer, Record) and (what := find_changes(record.asset, answer.asset)):
                found[record.asset.id] = what
        return found

    @property
    def is_as_known(self) -> bool:
        """Whether the platform has all of it as it was shown."""
        return bool(self.answers) and not (self.gone or self.unread or self.changes)

    @property
    def words(self) -> str:
        """What is to be typed."""
        count = len(self.records)
        return "delete" if count == 1 else f"delete {count}"


def build_deletion(
    doomed: Doomed,
    cells: int,
    *,
    reading: str = "",
    note: str = "",
    most: int = 99,
    asking: str = "",
) -> list[Line]:
    """Return the lines that say what will be gone.

    Args:
        doomed: What is to be deleted.
        cells: Width of a line.
        reading: How far the look at the platform is, while it lasts.
        note: What else is to be said.
        most: Lines that there is room for: what says least is left out first.
        asking: How far the question is what uses them; empty: it is not asked now.
    """
    records = doomed.records
    if not records:
        what = "This asset is" if len(doomed.known) == 1 else "These assets are"
        return _fit(
            [((f"{what} no longer on the platform, or not shared with you.", Role.WARN),)], cells
        )
    what = "This asset" if len(records) == 1 else f"These {len(records):,} assets"
    head = f"{what} will be deleted. This cannot be undone."
    lines: list[Line] = [*(((part, Role.BAD),) for part in wrap(head, cells)), ()]
    lines += _build_one(records[0], cells) if len(records) == 1 else _build_many(doomed, cells)
    lines += [
        ((f"  {part}", role),)
        for text, role in [
            *([(note, Role.WARN)] if note else []),
            *_tell_uses(doomed, asking=asking),
            *_notes(doomed, reading),
        ]
        for part in wrap(text, cells - 2)
    ]
    unarchived = sum(1 for record in records if not record.membership.archived)
    if unarchived:
        lines.append(
            ((f"  {unarchived:,} not archived yet: archived first, then deleted.", Role.WARN),)
        )
    lines += [
        (),
        ((f"Type {doomed.words} and press Enter; Esc leaves everything as it is.", Role.TEXT),),
    ]
    return _fit(_shorten(lines, most), cells)


def _shorten(lines: list[Line], most: int) -> list[Line]:
    """Leave out empty lines, then facts and what is described, the last ones first."""
    for spare in (None, Role.DIM, Role.TEXT, Role.TITLE):
        for at in range(len(lines) - 2, 0, -1):
            role = lines[at][0][1] if lines[at] else None
            if len(lines) > most and role is spare:
                lines = [*lines[:at], *lines[at + 1 :]]
    # What is to be typed stands before the field, too.
    return lines[:-1] if len(lines) > most else lines


def _build_one(record: Record, cells: int) -> list[Line]:
    asset = record.asset
    lines: list[Line] = [
        ((f"  {part}", Role.TITLE),) for part in wrap(clean(asset.name), cells - 2)
    ]
    words = clean(" ".join(asset.description[:MOST_CHARACTERS].split()))
    about = wrap(words, cells - 2) if words else ["(no description)"]
    if len(about) > MOST_LINES:
        about = [*about[: MOST_LINES - 1], cut(about[MOST_LINES - 1] + "  ", cells - 3) + "…"]
    lines += [((f"  {part}", Role.TEXT if words else Role.DIM),) for part in about]
    facts = [
        asset.type,
        asset.owner,
        f"created {show_date(asset.created)}" if asset.created else "",
    ]
    if asset.size_bytes is not None:
        facts.append(size_text(asset.size_bytes))
    if asset.tags:
        facts.append(f"tags {', '.join(asset.tags)}")
    lines.append(((f"  {clean(' · '.join(filter(None, facts)))}", Role.DIM),))
    loss = find_loss(asset)
    said = clean(describe_loss(loss))
    role = Role.BAD if loss.fate is Fate.GONE else Role.WARN
    return [
        *lines,
        *(((f"  {part}", role),) for part in wrap(said[:1].upper() + said[1:], cells - 2)),
        (),
    ]


def _build_many(doomed: Doomed, cells: int) -> list[Line]:
    records, changes = doomed.records, doomed.changes
    losses = [find_loss(record.asset) for record in records]
    lines: list[Line] = [
        ((part, Role.BAD if fate is Fate.GONE else Role.WARN),)
        for fate, text in describe_losses(losses)
        for part in wrap(text, cells)
    ]
    lines.append(())
    telling = {*changes, *(key for key, each in doomed.uses.items() if each.found)}
    # What is not as it was shown, or is in use, is what people have to see.
    ordered = sorted(
        records,
        key=lambda record: record.asset.id not in telling,
    )
    for record in ordered[:MOST_NAMES]:
        asset = record.asset
        note = _FATES[find_loss(asset).fate]
        if (used := doomed.uses.get(asset.id)) is not None and used.found:
            note += "  in use"
        if what := changes.get(asset.id):
            note += f"  changed since: {', '.join(what)}"
        lines.append(
            (
                (cut(f"  {clean(asset.name)}", max(20, cells - len(note))), Role.TITLE),
                (note, Role.WARN),
            )
        )
    if len(records) > MOST_NAMES:
        lines.append(((f"  and {len(records) - MOST_NAMES:,} more", Role.DIM),))
    return lines


def _tell_uses(doomed: Doomed, *, asking: str) -> list[tuple[str, Role]]:
    """Say what uses what is to be deleted."""
    if asking:
        return [(asking, Role.DIM)]
    uses = [doomed.uses[each.asset.id] for each in doomed.records if each.asset.id in doomed.uses]
    if not uses:
        return []
    text = clean(describe_uses(uses[0]) if len(uses) == 1 else count_uses(uses))
    role = Role.DIM if all(each.is_unused for each in uses) else Role.WARN
    return [(f"{text[:1].upper()}{text[1:]}.", role)]


def _notes(doomed: Doomed, reading: str) -> list[tuple[str, Role]]:
    """Say where what is shown comes from, one sentence each."""
    notes: list[tuple[str, Role]] = []
    changes, one = doomed.changes, len(doomed.known) == 1
    if reading:
        notes.append((reading, Role.DIM))
    if changes and one:
        what = ", ".join(next(iter(changes.values())))
        notes.append((f"Changed since the list was read: {what}. Shown as it is now.", Role.WARN))
    elif changes:
        notes.append(
            (f"{plural(len(changes), 'asset')} changed since the list was read.", Role.WARN)
        )
    if doomed.gone:
        there = "is" if len(doomed.gone) == 1 else "are"
        notes.append(
            (f"{len(doomed.gone):,} {there} no longer on the platform: left out.", Role.WARN)
        )
    if doomed.unread:
        many = "It" if one else plural(len(doomed.unread), "asset")
        why = clean(doomed.unread[0].message)
        notes.append((f"{many} could not be read now ({why}): shown as last known.", Role.WARN))
    return notes


def _fit(lines: Sequence[Line], cells: int) -> list[Line]:
    return [tuple((cut(text, cells), role) for text, role in line) for line in lines]
