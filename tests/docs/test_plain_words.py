"""Docs, docstrings, comments and messages are in plain English: no phrase that nobody says.

A phrase that crept in and reads like a translation goes into `STRANGE`, with what to say instead.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.pages import ROOT

STRANGE = {
    r"so many (?:at most|seconds|of them|times)": "at most N; this many",
    r"an? \w+ of which": "a file that has …",
    r"(?:made|read|drawn|built|written|asked|painted) anew": "again; a new one",
    r"in place of": "instead of",
    r"for ever": "forever; permanently",
    r"all the same": "anyway",
    r"one a line": "one per line",
    r"(?:a|an|no|of|rule|guard|mistake) \w+ of ours": "our own; one of our",
    r"without case": "ignoring case",
    r"if (?:it|they) shall": "should; to",
    r"shall (?:be|have|go|do|ask|become)": "should; must; is to",
    r"has not done \w+ing": "is still …ing",
    r"when it is none": "if it is not one",
    r"that is (?-i:none)": "that is not one",
    r"took its place": "replaced it",
    r"stands? behind the": "comes after",
    r"(?:inside|outside) of": "inside; outside",
    r"no more than nobody|of nobody's": "nobody",
    r"(?<!there )is no (?:JSON|list|text|action|status|version|table|id)\b": "is not a …",
    r"look at (?:it|the \w+) afresh|read afresh": "read again",
    r"mend (?:it|that|the)": "fix",
    r"nobody can be asked": "no terminal to ask on",
    r"send it to nowhere": "discard it",
    r"what (?!\w+ was)\w+ holds is": "those in … are",
    r"what stands above": "the … above",
    r"default holds": "applies",
    r"no address is known of": "can't be resolved",
    r"list is told": "is reported",
    r"so it is when": "the same happens when",
    r"moves its cursor": "interactive",
    r"fix that place": "correct it there",
    r"is rebuilt from": "has been rebuilt",
    r"nothing (?:that is )known": "unknown",
    r"waits for you\b": "is waiting",
    r"(?:keep|separated by|commas or) blanks": "spaces",
    r"says (?:any|no)thing there": "has a value; has no value",
    r"as any other": "like any other",
    r"(?:was|is|were|be) (?:already so|so already)": "already set; already that way",
    r"there are data": "there is data",
    r"Ctrl-C ends it": "Press Ctrl-C to stop",
    r"it does not tell|does not tell until when": "won't say; does not say when",
    r"whom you do not|who opens": "anyone you do not; whoever opens",
    r"aliases of one's own|of one's own": "user-defined; your own",
    r"colours?|favourites?|neighbours?|behaviours?|grey": "American spelling",
    r"lest|whereof|thereof|wherein|therein|hereby|thereby": "plain words",
}
"""A pattern → what to say instead."""


def find_strange(text: str) -> list[str]:
    """Return the strange phrases in a text, each with better words."""
    flat = re.sub(r"\s+(?:#\s+)?", " ", text)
    return [
        f"{found.group()!r}: {better}"
        for pattern, better in STRANGE.items()
        for found in re.finditer(rf"\b(?:{pattern})\b", flat, re.IGNORECASE)
    ]


def read_words(path: Path) -> str:
    """Return what people read in a file: all of a page; comments and strings of a module."""
    source = path.read_text("utf-8")
    if path.suffix == ".md":
        return source
    texts = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    comments = "\n".join(re.findall(r"(?:^|\s)# .*", source))
    return "\n\n".join([*texts, comments])


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "coexplorer").rglob("*.py")]


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_words_are_plain(path: Path) -> None:
    assert find_strange(read_words(path)) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Wait so many seconds at most.", 1),
        ("a file of which there is nothing to say", 1),
        ("another process has not done opening it", 1),
        ("read\n    # anew, for ever", 2),
        ("as many as there are; the same in all places; made again", 0),
    ],
)
def test_strange_phrases_are_found(text: str, count: int) -> None:
    assert len(find_strange(text)) == count
