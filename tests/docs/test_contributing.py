"""CONTRIBUTING answers "where would I change X?", and the glossary says what its words mean."""

from __future__ import annotations

import re

import pytest

from tests.support.pages import ROOT, find_names, find_places

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")


def read_rows(page: str) -> list[list[str]]:
    """Return the cells of all rows of a page's tables, without heads."""
    rows = re.findall(r"^\| (.+) \|$", page, re.MULTILINE)
    return [row.split(" | ") for row in rows if not row.startswith(("to change", "word |"))]


ANSWERS = dict(read_rows(CONTRIBUTING))
TERMS = read_rows(GLOSSARY)


@pytest.mark.parametrize("question", ANSWERS)
def test_an_answer_needs_no_more_than_six_files(question: str) -> None:
    places = find_places(ANSWERS[question])
    assert len(set(places)) <= 6
    assert places or "search for" in ANSWERS[question]


@pytest.mark.parametrize(
    "thing",
    [
        "command",
        "column",
        "key",
        "color",
        "setting",
        "editable field",
        "merged",
        "ask of the library",
        "search language",
        "how long to retry",
        "error's sentence",
        "save in the mount",
        "fault",
    ],
)
def test_the_usual_questions_are_answered(thing: str) -> None:
    assert [question for question in ANSWERS if thing in question] != []


@pytest.mark.parametrize("row", TERMS, ids=[row[0] for row in TERMS])
def test_a_word_has_a_meaning_and_a_place(row: list[str]) -> None:
    word, meaning, place = row
    assert word
    assert meaning
    assert find_names(place) or find_places(place)
