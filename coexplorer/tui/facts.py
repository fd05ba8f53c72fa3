"""An asset's details as lines. Pure; the description's Markdown is rendered by `markdown`.

Labels are as wide as `LABEL`; fields from the platform that we don't know are shown too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from coexplorer.asset_extras import read_extras
from coexplorer.fields import PLAIN, FieldKind
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.metadata.showing import show_value
from coexplorer.models import Asset, Record
from coexplorer.text import UNTOLD, clean, cut, width
from coexplorer.tui.columns import Line, Piece, Role, show_date, show_size, show_time, wrap

UsesTold = tuple[str, Role]
"""What is said of what uses an asset."""

LABEL = 13
"""Cells of the label column, its blank included."""

SECRETIVE = "—"
_WORD = re.compile(r"[^\W_]+")
_SECONDS = range(10**8, 10**10)
"""What a number of seconds since 1970 is likely to be: from 1973 on."""


def build_facts(
    record: Record,
    cells: int,
    texts: Mapping[str, Sequence[Line]],
    *,
    short: bool,
    schema: MetadataSchema = UNKNOWN,
    used: UsesTold | None = None,
) -> list[Line]:
    """Return the lines of the details.

    Args:
        record: What is known.
        cells: Width of the pane.
        texts: The description, and what else is a text, rendered; by the field's name.
        short: Only what fits a small pane, a few facts a line; else one fact a line.
        schema: Says how custom metadata are shown.
        used: What uses it, where there is room.
    """
    asset = record.asset
    most = 1 if short else None
    lines: list[Line] = []
    for field in PLAIN:
        if field.kind is FieldKind.TEXT:
            lines += _block(field.title, texts[field.name], most=3 if short else None)
        elif field.kind is FieldKind.SET:
            lines += _set(field.title, field.set_of(asset), cells)
        else:
            role = Role.TITLE if field.name == "name" else Role.TEXT
            text = clean(field.text_of(asset)) or SECRETIVE
            lines += _text(field.title, text, cells, role, most=most)
    if short:
        if asset.failure_reason:
            lines += _text("failed", clean(asset.failure_reason), cells, Role.BAD, most=1)
        keys = (asset.metadata or {}).items()
        shown = [(clean(key), _show_value(key, value, schema)) for key, value in keys]
        lines += _wrap([*_iter_facts(record), *shown], cells)
    else:
        lines += build_rest(record, cells, schema, used=used)
    return [_cut_line(line, cells) for line in lines]


def show_age(seconds: float) -> str:
    """Return how long ago something was: ``just now``, ``5 min ago``, ``3 h ago``."""
    minutes = max(0, int(seconds // 60))
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 60 else f"{minutes // 60} h ago"  # noqa: PLR2004


def build_rest(
    record: Record,
    cells: int,
    schema: MetadataSchema | None = UNKNOWN,
    *,
    used: UsesTold | None = None,
) -> list[Line]:
    """Return the lines of all that is not edited in place; none of it is cut off.

    Args:
        record: What is known.
        cells: Width of the pane.
        schema: Says how custom metadata are shown; None: they are edited above.
        used: What uses it; None: it is not said.
    """
    lines: list[Line] = []
    asset = record.asset
    if asset.failure_reason:
        lines += _text("failed", clean(asset.failure_reason), cells, Role.BAD)
    for label, text in _iter_facts(record):
        lines += _text(label, text, cells)
    if used is not None:
        lines += _text("used by", used[0], cells, used[1])
    if schema is not None:
        for key, value in (asset.metadata or {}).items():
            lines += _text(clean(key), _show_value(key, value, schema), cells)
    for label, text, role in _iter_extras(asset):
        lines += _text(label, text, cells, role)
    return lines


def _iter_facts(record: Record) -> Iterator[tuple[str, str]]:
    asset, membership = record.asset, record.membership
    yield "state", clean(asset.state) or UNTOLD
    yield "type", clean(asset.type) or UNTOLD
    if asset.owner:
        yield "owner", clean(asset.owner)
    if asset.size_bytes is not None:
        yield "size", f"{show_size(asset.size_bytes)} ({asset.size_bytes:,} bytes)"
    if asset.files is not None:
        yield "files", f"{asset.files:,}"
    yield "created", show_time(asset.created)
    if asset.last_used is not None:
        yield "last used", show_date(asset.last_used, never="never")
    marks = [
        name for name in ("archived", "favorite", "mine", "shared") if getattr(membership, name)
    ]
    if marks:
        yield "is", ", ".join(marks)
    if (source := asset.source) is not None and (source.bucket or source.origin):
        place = f"{source.bucket}/{source.prefix}".rstrip("/") if source.bucket else "uploaded"
        yield "source", clean(f"{source.origin} {place}{' (external)' if source.external else ''}")
    yield "id", clean(asset.id)


def _iter_extras(asset: Asset) -> Iterator[tuple[str, str, Role]]:
    if (made := asset.provenance) is not None:
        for label, text in (
            ("commit", made.commit),
            ("run script", made.run_script),
            ("image", made.docker_image),
            ("capsule", made.capsule),
            ("computation", made.computation),
            ("made from", ", ".join(made.data_assets)),
        ):
            if text:
                yield label, clean(text), Role.TEXT
    if asset.contained:
        yield "contains", clean(", ".join(asset.contained)), Role.TEXT
    extras = read_extras(asset)
    for label, text, role in (
        ("parameters", extras.parameters, Role.TEXT),
        ("profile", extras.profile, Role.TEXT),
        (
            "transferred",
            "" if extras.transferred is None else show_time(extras.transferred),
            Role.TEXT,
        ),
        ("not moved", extras.not_moved, Role.BAD),
    ):
        if text:
            yield label, clean(text), role
    for key, unknown in extras.others.items():
        yield clean(key), clean(str(unknown)), Role.DIM


def _show_value(key: str, value: object, schema: MetadataSchema) -> str:
    """Return a value as the schema types it.

    Where the schema does not say, and the key speaks of a date, a number of seconds is told as the
    day that it is.
    """
    field = schema.find(key)
    words = set(_WORD.findall(key.casefold()))
    dated = not words.isdisjoint(("date", "day", "time", "timestamp"))
    if field is None and dated and isinstance(value, int | float) and int(value) in _SECONDS:
        time = show_time(value).removesuffix(" 00:00")
        return f"{time} ({value})"
    return clean(show_value(field, value, units=True))


def _text(
    label: str, text: str, cells: int, role: Role = Role.TEXT, *, most: int | None = None
) -> list[Line]:
    """Return a fact in as many lines as its text needs."""
    if most == 1:
        return [_fact(label, [(text, role)])]
    parts = wrap(text, max(1, cells - LABEL))
    return [_fact("" if place else label, [(part, role)]) for place, part in enumerate(parts)]


def _fact(label: str, pieces: Sequence[Piece]) -> Line:
    name = cut(label, LABEL - 1)
    return ((name + " " * (LABEL - width(name)), Role.LABEL), *pieces)


def _block(label: str, lines: Sequence[Line], *, most: int | None) -> list[Line]:
    if not lines:
        return [_fact(label, [(SECRETIVE, Role.DIM)])]
    shown = list(lines if most is None else lines[:most])
    if len(shown) < len(lines):
        text, role = shown[-1][-1] if shown[-1] else ("", Role.TEXT)
        shown[-1] = (*shown[-1][:-1], (text.rstrip() + " …", role))
    return [_fact("" if place else label, line) for place, line in enumerate(shown)]


def _set(label: str, tags: Sequence[str], cells: int) -> list[Line]:
    if not tags:
        return [_fact(label, [(SECRETIVE, Role.DIM)])]
    rows: list[list[Piece]] = [[]]
    used = 0
    for tag in tags:
        text = cut(clean(tag), max(1, cells - LABEL))
        if used and used + width(text) + 2 > cells - LABEL:
            rows.append([])
            used = 0
        if used:
            rows[-1].append(("  ", Role.TEXT))
            used += 2
        rows[-1].append((text, Role.TAG))
        used += width(text)
    return [_fact("" if place else label, row) for place, row in enumerate(rows)]


def _wrap(facts: Sequence[tuple[str, str]], cells: int) -> list[Line]:
    """Put facts side by side, as many as fit on a line."""
    lines: list[list[Piece]] = [[]]
    used = 0
    for label, text in facts:
        if not text:
            continue
        wanted = len(label) + 1 + width(text) + 3
        if used and used + wanted > cells:
            lines.append([])
            used = 0
        lines[-1] += [(f"{label} ", Role.LABEL), (f"{text}   ", Role.TEXT)]
        used += wanted
    return [tuple(line) for line in lines if line]


def _cut_line(line: Line, cells: int) -> Line:
    out: list[Piece] = []
    left = cells
    for text, role in line:
        if left <= 0:
            break
        kept = cut(text, left)
        out.append((kept, role))
        left -= width(kept)
    return tuple(out)
