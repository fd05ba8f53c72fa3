"""The search language: text ↔ query tree. Pure; the catalog turns the tree into SQL.

Names are imported on first use: a list needs neither completion nor the platform's part.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from coexplorer.query.fold import SEPARATOR, fold  # the function, not the module of its name

if TYPE_CHECKING:
    from coexplorer.query.complete import Completion, complete_at, find_key_at
    from coexplorer.query.fields import (
        FIELDS,
        FLAGS,
        SORT_FIELDS,
        QueryField,
        ValueKind,
        find_field,
    )
    from coexplorer.query.format import format_id, format_query, format_term, format_text
    from coexplorer.query.matching import fulfils, group_terms, spell_value
    from coexplorer.query.narrow import narrow_text, narrow_to_tag
    from coexplorer.query.parse import parse_partial, parse_query, parse_value
    from coexplorer.query.remote import PlatformPart, platform_part
    from coexplorer.query.tree import (
        Ago,
        AllTags,
        Compare,
        Day,
        DayBefore,
        Flag,
        Has,
        Match,
        Never,
        Query,
        SortKey,
        Term,
        Word,
    )
    from coexplorer.query.typed import apply_types, asks_typed
    from coexplorer.query.values import Interval, format_size, interval, number_span, parse_size

__all__ = [
    "FIELDS",
    "FLAGS",
    "SEPARATOR",
    "SORT_FIELDS",
    "Ago",
    "AllTags",
    "Compare",
    "Completion",
    "Day",
    "DayBefore",
    "Flag",
    "Has",
    "Interval",
    "Match",
    "Never",
    "PlatformPart",
    "Query",
    "QueryField",
    "SortKey",
    "Term",
    "ValueKind",
    "Word",
    "apply_types",
    "asks_typed",
    "complete_at",
    "find_field",
    "find_key_at",
    "fold",
    "format_id",
    "format_query",
    "format_size",
    "format_term",
    "format_text",
    "fulfils",
    "group_terms",
    "interval",
    "narrow_text",
    "narrow_to_tag",
    "number_span",
    "parse_partial",
    "parse_query",
    "parse_size",
    "parse_value",
    "platform_part",
    "spell_value",
]

_ROOMS = {
    **dict.fromkeys(("Completion", "complete_at", "find_key_at"), "complete"),
    **dict.fromkeys(
        ("FIELDS", "FLAGS", "SORT_FIELDS", "QueryField", "ValueKind", "find_field"), "fields"
    ),
    **dict.fromkeys(("format_id", "format_query", "format_term", "format_text"), "format"),
    **dict.fromkeys(("fulfils", "group_terms", "spell_value"), "matching"),
    **dict.fromkeys(("narrow_text", "narrow_to_tag"), "narrow"),
    **dict.fromkeys(("parse_partial", "parse_query", "parse_value"), "parse"),
    **dict.fromkeys(("PlatformPart", "platform_part"), "remote"),
    **dict.fromkeys(
        (
            "Ago",
            "AllTags",
            "Compare",
            "Day",
            "DayBefore",
            "Flag",
            "Has",
            "Match",
            "Never",
            "Query",
            "SortKey",
            "Term",
            "Word",
        ),
        "tree",
    ),
    **dict.fromkeys(("asks_typed", "apply_types"), "typed"),
    **dict.fromkeys(("Interval", "format_size", "interval", "number_span", "parse_size"), "values"),
}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found
