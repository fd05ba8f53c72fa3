"""What ``error`` files tell: of which failed saves, and in which words. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable

from coexplorer.errors import CoexplorerError, EditConflict
from coexplorer.fields import FieldKind, Fields, changed_rows, field_named
from coexplorer.fs.core.failures import name_unsent
from coexplorer.fs.core.file_format import FIELDS_OF_PARTS, NAMES_OF_PARTS, build_text
from coexplorer.fs.core.metadata_file import schema_in_use
from coexplorer.fs.kernel.inodes import Part
from coexplorer.library.entries import Entry, State
from coexplorer.metadata.showing import show_field
from coexplorer.models import AssetId

_PARTS = {field: part for part, field in FIELDS_OF_PARTS.items()}


def build_report(what: str, error: CoexplorerError, spell: Callable[[str], str] = str) -> str:
    """Say what failed, why, and what to do.

    Args:
        what: What was tried, e.g. ``saving tags``.
        error: Why it failed.
        spell: See `MountOptions`; texts of people stay as they are.
    """
    lines = [f"{what} failed: {spell(error.message)}"]
    hint = _tell_choice(error) if isinstance(error, EditConflict) else error.hint
    if hint:
        lines.append(f"what to do: {spell(hint)}")
    report = "\n".join(lines) + "\n"
    if isinstance(error, EditConflict):
        report += tell_versions(error.fields, error.base, error.mine, error.theirs)
    return report


def tell_versions(fields: Iterable[str], base: Fields, mine: Fields, theirs: Fields) -> str:
    """Return the three versions of each field that two have changed."""
    lines = []
    for field in fields:
        lines.append("")
        lines.extend(_version("it was before", field, base))
        lines.extend(_version("you wrote", field, mine))
        lines.extend(_version("the platform has", field, theirs))
    return "\n".join(lines) + "\n"


def tell_aside(what: str, entry: Entry, part: Part, spell: Callable[[str], str] = str) -> str:
    """Say that an earlier text of a file is not on the platform, and what to do with it.

    Args:
        what: What was tried, e.g. ``saving tags``.
        entry: What has the text.
        part: The file.
        spell: See `MountOptions`.
    """
    mine = b"" if entry.mine is None else build_text(entry.mine, part)
    return (
        f"{what}: an earlier text of yours is not on the platform\n"
        "what to do: add to the file what you want of it, or give it up:"
        f" {spell(f'coexplorer discard {entry.id}')}\n\n"
        f"--- as you wrote it then:\n{mine.decode(errors='replace')}"
    )


def tell_discard(entry_id: int, spell: Callable[[str], str]) -> str:
    """Return the line that says how a change that is kept is given up; `spell` as above."""
    return spell(f"or give it up: coexplorer discard {entry_id}\n")


def list_unresolved(entries: Iterable[Entry]) -> dict[tuple[AssetId, Part], list[Entry]]:
    """Return what an earlier mount could not save, by asset and file, in the order of `entries`.

    What was refused waits for nothing: it is left out as soon as somebody has opened ``error``.
    """
    files: dict[tuple[AssetId, Part], list[Entry]] = {}
    for entry in entries:
        waits = entry.state in (State.UNSENT, State.CONFLICT)
        is_news = entry.state is State.REFUSED and entry.looked_at is None
        if entry.origin == "mount" and (waits or is_news) and entry.base and entry.mine:
            changed = changed_rows(entry.base, entry.mine)
            if len(changed) == 1:
                files.setdefault((entry.asset_id, _PARTS[changed[0]]), []).append(entry)
    return files


def _tell_choice(error: EditConflict) -> str:
    """Name the three ways out of a conflict, each with its command."""
    mine, theirs = "save it again", "coexplorer discard NUMBER (coexplorer log has the number)"
    if error.entry is not None:
        theirs = f"coexplorer discard {error.entry}"
        rows = dict.fromkeys(field.partition(".")[0] for field in error.fields)
        copies = [_tell_copy(error, error.entry, field) for field in rows]
        mine = f"in this folder: {' && '.join(copies)}"
    return (
        "combine the two texts below in the file, and save it;\n"
        f"or have yours, now that you have opened this: {mine}\n"
        f"or keep the platform's: {theirs}"
    )


def _tell_copy(error: EditConflict, number: int, field: str) -> str:
    part = _PARTS[field]
    kept = name_unsent(number, error.base.name or error.asset_id, part)
    source = shlex.quote(f"../../.coexplorer/unsent/{kept}")
    return f"cp {source} {NAMES_OF_PARTS[part].decode()}"


def _version(who: str, field: str, fields: Fields) -> list[str]:
    row = field_named(field)
    if row.kind is FieldKind.SET:
        text = "\n".join(row.set_of(fields))
    elif row.kind is FieldKind.MAP:
        text = build_text(fields, _PARTS[field]).decode(errors="replace")
    else:
        text = show_field(row, fields, schema_in_use())
    return [f"--- {row.told}, as {who}:", *text.split("\n")]
