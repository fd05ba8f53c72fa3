"""A class's name means one thing: no two modules have a public class of the same name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_no_two_classes_have_the_same_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.glob("coexplorer/**/*.py")):
        if path.is_relative_to(ROOT / "coexplorer" / "demo"):
            continue  # a server of its own: it has the platform's words for what we have, too
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
    assert len(places) > 200
