"""A module whose docstring says that it is pure reads no clock and does no I/O."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.pages import ROOT

FORBIDDEN = {"anyio", "trio", "asyncio", "sqlite3", "os", "time", "socket", "subprocess", "pathlib"}


def says_pure(path: Path) -> bool:
    return bool(re.search(r"\bPure\.", ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""))


def find_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


PURE = sorted(path for path in (ROOT / "coexplorer").rglob("*.py") if says_pure(path))


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_called_pure_is(path: Path) -> None:
    assert find_imports(path) & FORBIDDEN == set()


def test_there_are_pure_modules() -> None:
    assert {"merge.py", "fields.py"} <= {path.name for path in PURE}
