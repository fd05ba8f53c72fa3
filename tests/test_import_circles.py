"""No module of a package needs one that needs it, not even for its types alone."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("coexplorer/*/__init__.py"))


@functools.cache
def read_imports() -> dict[str, set[str]]:
    """Return module → the modules of ours that it imports, ``if TYPE_CHECKING`` included."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in ROOT.glob("coexplorer/**/*.py")
    }
    return {
        name: {
            found for found in _iter_imports(path, set(files)) if found in files and found != name
        }
        for name, path in files.items()
    }


def _iter_imports(path: Path, known: set[str]) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if name in known else node.module for name in names]
    return found


def find_circles(imports: dict[str, set[str]]) -> set[str]:
    """Return all that needs itself by way of others."""
    return {name for name in imports if name in _reach(imports, name)}


def _reach(imports: dict[str, set[str]], name: str) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for need in imports.get(waiting.pop(), set()) - reached:
            reached.add(need)
            waiting.append(need)
    return reached


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_of_a_package_stands_in_a_circle(package: str) -> None:
    inside = {
        name: needs for name, needs in read_imports().items() if name.split(".")[1:2] == [package]
    }
    assert find_circles(inside) == set()


def test_no_package_stands_in_a_circle() -> None:
    packages: dict[str, set[str]] = {}
    for name, needs in read_imports().items():
        package = name.split(".")[1:2] or [""]
        found = {need.split(".")[1] for need in needs if "." in need}
        packages.setdefault(package[0], set()).update(found - set(package))
    assert find_circles(packages) == set()


@pytest.mark.parametrize(
    ("imports", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, set()),
        ({"a": {"b"}, "b": {"a"}}, {"a", "b"}),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"c"}}, {"b", "c"}),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, {"a", "b", "c"}),
        ({"a": {"b"}, "b": {"a", "x"}, "x": {"c"}, "c": {"d"}, "d": {"c"}}, {"a", "b", "c", "d"}),
    ],
)
def test_circles_are_found(imports: dict[str, set[str]], circles: set[str]) -> None:
    assert find_circles(imports) == circles
