"""Docs and docstrings refer to pages, headings, modules and files: all of them exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import (
    DESIGN,
    ROOT,
    anchor_of,
    find_definition,
    find_headings,
    find_links,
    find_names,
    find_places,
    iter_citations,
    list_pages,
    list_sources,
)

PAGES = [path.relative_to(ROOT).as_posix() for path in list_pages()]


def list_citing() -> list[Path]:
    """Return the files whose citations count: all but the ones about citations."""
    about = (Path(__file__), ROOT / "tests" / "support" / "pages.py")
    return [path for path in list_sources() if path not in about]


def test_every_citation_of_the_design_leads_to_a_page_and_a_heading() -> None:
    lost, found = [], 0
    for source in list_citing():
        for page, heading in iter_citations(source.read_text("utf-8")):
            found += 1
            path = DESIGN / page
            if not path.exists():
                lost.append(f"{source.relative_to(ROOT)}: no page {page}")
            elif heading and heading not in find_headings(path.read_text("utf-8")):
                lost.append(f"{source.relative_to(ROOT)}: no heading {heading!r} in {page}")
    assert lost == []
    assert found >= 40, "the pattern of citations finds no longer what there is"


def test_nothing_is_cited_in_a_way_that_the_test_above_overlooks() -> None:
    overlooked = []
    for source in list_citing():
        text = source.read_text("utf-8")
        count = len(list(iter_citations(text)))
        overlooked += [str(source.relative_to(ROOT))] * (text.count("design:") - count)
    assert overlooked == []


def test_a_citation_is_read_across_lines_and_with_its_heading() -> None:
    code = '"""Text (design:\n    api.md, The asset\n    object)."""\n# (design: tui.md, Screen)\n'
    assert list(iter_citations(code)) == [
        ("api.md", "The asset object"),
        ("tui.md", "Screen"),
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_modules_and_files_that_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert [name for name in find_names(text) if find_definition(name) is None] == []
    assert [place for place in find_places(text) if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    path = ROOT / page
    dead = []
    for link in find_links(path.read_text("utf-8")):
        if link.startswith(("https:", "http:", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize(
    ("name", "is_there"),
    [
        ("coexplorer.fs.kernel.request_loop", True),
        ("coexplorer.fs.kernel.request_loop.Door", True),
        ("coexplorer.fs.kernel.request_loop.Door.__aenter__", True),
        ("coexplorer.fs.kernel.request_loop.TURN_S", True),
        ("coexplorer.fs.nowhere", False),
        ("coexplorer.fs.kernel.request_loop.Nobody", False),
        ("coexplorer.fs.kernel.request_loop.Door.nothing", False),
    ],
)
def test_names_are_looked_up_without_importing_them(name: str, is_there: bool) -> None:  # noqa: FBT001 - a case
    assert (find_definition(name) is not None) is is_there


def _anchors(page: Path) -> set[str]:
    return {anchor_of(heading) for heading in find_headings(page.read_text("utf-8"))}
