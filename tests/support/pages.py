"""What docs and docstrings refer to, and whether it exists. Nothing is imported for that."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs" / "design"

_CITED = re.compile(r"design:\s+(?P<page>[\w-]+\.md)(?:,\s+(?P<heading>[^).\n]+))?")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"coexplorer(?:\.\w+)+")
_PLACE = re.compile(
    r"(?:coexplorer|tests|docs|scripts|benchmarks|screenshots|\.github|\.ci)/[\w./-]*"
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def list_sources() -> list[Path]:
    """Return all Python files of the project."""
    folders = ("coexplorer", "tests", "benchmarks", "screenshots")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def list_pages() -> list[Path]:
    """Return all Markdown pages of the project."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def iter_citations(text: str) -> Iterator[tuple[str, str]]:
    """Yield the page and the heading of each ``(design: page.md, Heading)`` in a Python file."""
    # A docstring's line may end anywhere within it, a comment's with a new `#`.
    unwrapped = re.sub(r"\s*\n\s*(?:#\s*)?", " ", text)
    for found in _CITED.finditer(unwrapped):
        yield found["page"], (found["heading"] or "").strip()


def find_headings(text: str) -> list[str]:
    """Return the headings of a page."""
    return _HEADING.findall(_FENCED.sub("", text))


def find_code(text: str) -> list[str]:
    """Return what stands in backticks on a page."""
    return _CODE.findall(_FENCED.sub("", text))


def find_names(text: str) -> list[str]:
    """Return the modules, and what is in them, that a page names: ``coexplorer.text.clean``."""
    return [name for name in find_code(text) if _MODULE.fullmatch(name)]


def find_places(text: str) -> list[str]:
    """Return the files and folders of the project that a page names."""
    return [name for name in find_code(text) if _PLACE.fullmatch(name)]


def find_links(text: str) -> list[str]:
    """Return the targets of the links of a page."""
    return _LINK.findall(_FENCED.sub("", text))


def anchor_of(heading: str) -> str:
    """Return the anchor that a heading has where Markdown is shown."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")


@functools.cache
def _read_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def find_definition(name: str) -> ast.AST | None:
    """Return what a dotted name stands for, without importing anything; None: nothing.

    A module, or in it a class, function or value, or in a class a method or value.
    """
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:count])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if path.exists():
            return _find_inside(_read_tree(path), parts[count:])
    return None


def _find_inside(tree: ast.AST, names: list[str]) -> ast.AST | None:
    for name in names:
        inner = next((node for node in _iter_body(tree) if name in _names_of(node)), None)
        if inner is None:
            return None
        tree = inner
    return tree


def _iter_body(tree: ast.AST) -> Iterator[ast.AST]:
    if isinstance(tree, ast.Module | ast.ClassDef):
        yield from tree.body
        for method in tree.body:  # what __init__ sets is there as well
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                yield from ast.walk(method)


def _names_of(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            targets = node.targets
        case ast.AnnAssign():
            targets = [node.target]
        case ast.ImportFrom():
            return [alias.asname or alias.name for alias in node.names]
        case _:
            return []
    names = []
    for target in targets:
        if isinstance(target, ast.Name):
            names.append(target.id)
        elif isinstance(target, ast.Attribute):
            names.append(target.attr)
    return names
