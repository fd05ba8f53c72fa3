"""``docs/invariants.md`` checked against the code: what it says never waits has no await."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.pages import ROOT, find_definition, find_names

PAGE = (ROOT / "docs" / "invariants.md").read_text("utf-8")


def read_table(head: str) -> list[list[str]]:
    """Return the cells, without backticks, of the table that has this first line."""
    table = PAGE.split(f"{head}\n", 1)[1].split("\n\n")[0]
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines()[1:]]
    return [[cell.strip("` ") for cell in row] for row in rows]


Wait = ast.Await | ast.AsyncFor | ast.AsyncWith


def find_waits(tree: ast.AST) -> list[Wait]:
    """Return all places where a piece of code waits, in the order of the source."""
    waits = [node for node in ast.walk(tree) if isinstance(node, Wait)]
    return sorted(waits, key=lambda node: (node.lineno, node.col_offset))


def iter_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of everything that is called, or handed on to be called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def called(wait: Wait) -> str:
    """Return the name of what an await calls."""
    call = wait.value if isinstance(wait, ast.Await) else None
    function = call.func if isinstance(call, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


NEVER = [row[0] for row in read_table("| where | why |")]
LAST = [(row[0], row[1] if len(row) > 1 else "") for row in read_table("| handler | last wait |")]
ORDER = [(row[0], row[1], row[2]) for row in read_table("| where | first | then |")]


@pytest.mark.parametrize("name", NEVER)
def test_what_must_never_wait_does_not(name: str) -> None:
    tree = find_definition(name)
    assert tree is not None
    assert not isinstance(tree, ast.AsyncFunctionDef)
    assert [ast.unparse(wait) for wait in find_waits(tree)] == []


@pytest.mark.parametrize(("name", "last"), LAST, ids=[name for name, _ in LAST])
def test_the_shared_entry_is_filled_in_after_the_last_wait(name: str, last: str) -> None:
    tree = find_definition(name)
    assert isinstance(tree, ast.AsyncFunctionDef)
    waits = find_waits(tree)
    if not last:
        assert waits == []
        return
    assert called(waits[-1]) == last
    filled = min(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "entry"
    )
    assert waits[-1].lineno <= filled


@pytest.mark.parametrize(("name", "first", "then"), ORDER, ids=[name for name, *_ in ORDER])
def test_the_intent_is_written_before_the_request_is_sent(name: str, first: str, then: str) -> None:
    tree = find_definition(name)
    assert tree is not None
    lines: dict[str, list[int]] = {}
    for line, called_name in iter_calls(tree):
        lines.setdefault(called_name, []).append(line)
    sent = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == f"client.{then}"
    ]
    assert len(sent) == 1
    assert max(lines[first]) < sent[0]


def test_after_the_reply_to_an_edit_nothing_waits() -> None:
    tree = find_definition("coexplorer.library.edit.Editor._edit")
    assert tree is not None
    # A reply that does not show the change is looked through; no cancellation ends that look.
    waits = [called(wait) for wait in find_waits(tree)]
    assert waits[-3:] == ["update", "_hear_no", "confirm_saved"]
    look = find_definition("coexplorer.library.asset_checks.AssetChecks.confirm_saved")
    assert look is not None
    assert "shield=True" in ast.unparse(look)


def test_a_look_waits_for_the_catalog_the_journal_and_proc_alone() -> None:
    own: set[str] = set()
    waited_for: set[str] = set()
    for module in ("lookup", "listing", "stat"):
        tree = find_definition(f"coexplorer.fs.handlers.{module}")
        assert tree is not None
        own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
        waited_for |= {called(wait) for wait in find_waits(tree)}
    waited_for -= own
    # The last one: relatives in the catalog; or a folder of data, the one place that asks.
    assert waited_for == {"can_match", "ensure_found", "list_unsent", "run_sync", "list"}


LOCKS = re.compile(r"\b(?:Lock|RLock|Semaphore|CapacityLimiter|flock|try_lock|open_lock)\(")


def test_every_lock_of_the_code_has_its_owner_on_the_page() -> None:
    named = set(find_names(PAGE))
    nameless = []
    for path in sorted((ROOT / "coexplorer").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if module.startswith("coexplorer.demo."):  # a server of its own, for tests
            continue
        makes = LOCKS.search(path.read_text())
        if makes and not any(name == module or name.startswith(f"{module}.") for name in named):
            nameless.append(module)
    # It guards what a signal may do to the terminal; any other belongs on the page.
    assert nameless == ["coexplorer.tui.quickstart.standing"]
