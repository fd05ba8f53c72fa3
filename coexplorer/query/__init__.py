"""The search language: text ↔ query tree. Pure; the catalog turns the tree into SQL."""

from coexplorer.query.complete import Completion, complete_at
from coexplorer.query.fields import FIELDS, FLAGS, SORT_FIELDS, QueryField, ValueKind, find_field
from coexplorer.query.fold import SEPARATOR, fold
from coexplorer.query.format import format_query, format_term, format_text
from coexplorer.query.judge import fulfils, group_terms, spell_value
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
    Match,
    Never,
    Query,
    SortKey,
    Term,
    Word,
)
from coexplorer.query.values import Interval, format_size, interval, parse_size

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
    "complete_at",
    "find_field",
    "fold",
    "format_query",
    "format_size",
    "format_term",
    "format_text",
    "fulfils",
    "group_terms",
    "interval",
    "narrow_text",
    "narrow_to_tag",
    "parse_partial",
    "parse_query",
    "parse_size",
    "parse_value",
    "platform_part",
    "spell_value",
]
