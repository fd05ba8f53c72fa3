"""What a query that found nothing may have been meant to say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from coexplorer.query.fields import find_field
from coexplorer.query.format import format_term
from coexplorer.query.tree import AllTags, Compare, Has, Match, Query, Word

_SET = re.compile(r"\[[^\]]+\]")
_CALL = re.compile(r"(\w+)\((.*)\)")
_EITHER = "the same field twice means either, as in tag:a tag:b; everything else must hold together"
_OPERATORS = dict.fromkeys(("OR", "|", "||"), _EITHER) | {
    "AND": "everything must hold together without it",
    "&": "everything must hold together without it",
    "&&": "everything must hold together without it",
    "NOT": "a - in front of a word or field leaves out what has it, as in -tag:a",
}
"""What other languages of queries have in capitals, and people write in any case."""


def explain_nothing(query: Query) -> str:
    """Return a sentence for who asked in another language, or misspelled; empty: nothing strikes.

    Args:
        query: It found no assets.
    """
    for term in query.terms:
        if isinstance(term, Match) and term.field == "type" and not term.custom:
            known = find_field("type")
            types = [name for name, _ in known.choices] if known else []
            if term.text not in types:
                return f"no asset has the type {term.text!r}; types are {', '.join(types)}"
    for term in query.terms:
        if isinstance(term, Match) and (hint := _explain_pattern(term)):
            return hint
    for text, is_word in _iter_texts(query):
        if is_word and (instead := _OPERATORS.get(text.upper())):
            return f"{text} was looked for as a word: {instead}"
        if text.startswith("(") or (text.endswith(")") and "(" not in text):
            return f"the parenthesis in {text!r} was looked for as it is: terms can't be grouped"
    return ""


def _explain_pattern(term: Match) -> str:
    """Return what somebody hears who wrote a pattern, or several tags, in another language."""
    if term.how == "glob" and (found := _SET.search(term.text)):
        return f"{found[0]} in a pattern is those characters: only * and ? stand for others"
    if (
        term.field == "tag"
        and not term.custom
        and not term.how
        and (of := _CALL.fullmatch(term.text))
    ):
        tags = " ".join(f"tag:{each.strip()}" for each in of[2].split(",") if each.strip())
        either = f"; the same field twice means either: {tags}" if tags else ""
        return f"{term.text!r} was looked for as a tag, as only all(…) lists several{either}"
    parts = [part.strip() for part in term.text.split(",")]
    if len(parts) > 1 and all(parts) and term.how != "glob" and not term.negated:
        each = " ".join(format_term(msgspec.structs.replace(term, text=part)) for part in parts)
        return f"{term.text!r} was looked for as it is; the same field twice means either: {each}"
    return ""


def needs_a_look(query: Query) -> bool:
    """Tell whether the query asks for something that only the catalog can tell whether there is."""
    return any(
        (isinstance(term, Match | Has | Compare) and (term.custom or term.field == "owner"))
        or (isinstance(term, Compare) and term.op == "..")
        for term in query.terms
    )


def _iter_texts(query: Query) -> Iterator[tuple[str, bool]]:
    """Yield what is looked for, and whether it is a word of its own."""
    for term in query.terms:
        match term:
            case Word():
                yield term.text, True
            case Match():
                yield term.text, False
            case AllTags():
                yield from ((tag, False) for tag in term.tags)
            case _:
                pass
