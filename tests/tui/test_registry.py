from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from coexplorer.tui.actions import ACTIONS
from coexplorer.tui.command_registry import BY_ID, COMMANDS
from coexplorer.tui.commands import Scope, Situation
from coexplorer.tui.key_docs import build_key_docs
from coexplorer.tui.keys import (
    build_keymap,
    key_of,
    name_key,
    parse_quick_action,
    put_in_force,
)

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def marked_commands() -> set[str]:
    """Return the ids that the tests of the app say they press."""
    found: set[str] = set()
    for path in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.command":
                found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def test_every_command_is_pressed_by_a_test() -> None:
    missing = {command.id for command in COMMANDS} - marked_commands()
    assert not missing, "press each in a test with @pytest.mark.command('its.id')"


def test_every_command_of_the_main_screen_has_a_handler() -> None:
    wanted = {command.id for command in COMMANDS if command.scope in (Scope.MAIN, Scope.EDIT)}
    told = "put each into the ACTIONS of its module in coexplorer/tui/actions, and nothing else"
    assert set(ACTIONS) == wanted, told


def test_ids_and_default_keys_are_unique() -> None:
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)
    assert build_keymap().problems == ()


def test_default_keys_are_sent_by_every_terminal() -> None:
    never = {"ctrl+m", "ctrl+i", "ctrl+h", "ctrl+j", "ctrl+[", "ctrl+enter", "alt+enter"}
    assert not [c.id for c in COMMANDS if never & set(c.keys)]


def test_key_docs_are_current() -> None:
    page = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    assert page == build_key_docs(), "run: make docs"


def test_an_override_takes_its_key_and_leaves_the_default() -> None:
    keymap = build_keymap({"asset.archive": ("B",)})
    assert keymap.find(Scope.MAIN, "B") == "asset.archive"
    assert keymap.find(Scope.MAIN, "a") is None


@pytest.mark.parametrize(
    ("command", "key", "owner"),
    [
        ("asset.archive", "j", "Down"),
        ("asset.archive", "ctrl+z", "Suspend"),
        ("app.suspend", "j", "Down"),
        ("app.suspend", "y", "Copy"),
        ("edit.save", "escape", "Leave"),
        ("plan.apply", "q", "Close"),
        ("screen.close", "y", "Carry it out"),
        ("log.retry", "x", "Discard"),
        ("view.1", "/", "Search"),
    ],
)
def test_a_taken_key_is_refused_and_the_command_keeps_its_own(
    command: str, key: str, owner: str
) -> None:
    keymap = build_keymap({command: (key,)})
    (problem,) = keymap.problems
    assert f"belongs to {owner}; {BY_ID[command].title} did not get it" in problem
    assert keymap.keys == build_keymap().keys
    assert keymap.commands == build_keymap().commands


def test_every_clash_is_named() -> None:
    wanted = {"asset.archive": ("j", "k", "B"), "edit.name": ("B", "/"), "tag.add": ("z", "z")}
    keymap = build_keymap(wanted, {"q": "+keep", "ctrl+l": "-keep", "B": "archive"})
    taken = [re.sub(r" \(.*", "", problem) for problem in keymap.problems]
    assert taken == [
        "key / already belongs to Search; Rename did not get it",
        "key j already belongs to Down; Archive or unarchive did not get it",
        "key k already belongs to Up; Archive or unarchive did not get it",
        "key B already belongs to Rename; Archive or unarchive did not get it",
        "key z already belongs to Details: taller, full, hidden; Add a tag did not get it",
        "key q already belongs to Quit; +keep did not get it",
        "key ctrl+l already belongs to Redraw; -keep did not get it",
        "key B already belongs to Rename; archive did not get it",
    ]
    assert keymap.keys["tag.add"] == ("+",)


def test_a_key_is_free_when_its_owner_is_given_others() -> None:
    keymap = build_keymap({"asset.archive": ("j",), "move.down": ("down",)})
    assert keymap.problems == ()
    assert keymap.find(Scope.MAIN, "j") == "asset.archive"
    assert keymap.keys["move.down"] == ("down",)


def test_two_commands_can_change_places() -> None:
    keymap = build_keymap({"asset.archive": ("t",), "edit.tags": ("a",)})
    assert keymap.problems == ()
    assert keymap.find(Scope.MAIN, "t") == "asset.archive"
    assert keymap.find(Scope.MAIN, "a") == "edit.tags"


def test_a_command_can_be_left_without_a_key() -> None:
    keymap = build_keymap({"app.quit": ()})
    assert keymap.problems == ()
    assert keymap.find(Scope.MAIN, "q") is None


@pytest.mark.parametrize(
    ("overrides", "actions", "problem"),
    [
        ({}, {"j": "+keep"}, "key j already belongs to Down"),
        ({}, {"K": "keep"}, "keep is not an action"),
        ({"asset.fly": ("F",)}, {}, "there is no command asset.fly"),
        ({"asset.archive": ("ctrl+m",)}, {}, "key ctrl+m is not sent by every terminal"),
        ({"edit.name": ("B",), "asset.archive": ("B",)}, {}, "key B already belongs to"),
    ],
)
def test_what_can_not_be_had_is_said(
    overrides: dict[str, tuple[str, ...]], actions: dict[str, str], problem: str
) -> None:
    assert any(problem in text for text in build_keymap(overrides, actions).problems)


def test_quick_actions_are_read() -> None:
    assert parse_quick_action("+keep").add_tag == "keep"  # type: ignore[union-attr]  # it is one
    assert parse_quick_action("- old tag").remove_tag == "old tag"  # type: ignore[union-attr]  # it is one
    assert parse_quick_action("unarchive").archive is False  # type: ignore[union-attr]  # it is one
    assert parse_quick_action("+") is None


def test_a_disabled_command_says_why() -> None:
    commands = {command.id: command for command in COMMANDS}
    nothing = Situation()
    assert commands["edit.name"].why_disabled(nothing) == "the catalog is still being opened"
    empty = Situation(connected=True)
    assert commands["asset.archive"].why_disabled(empty) == "the list is empty"
    faulty = Situation(connected=True, current=True, marked=3, query_fault="size: expected")
    assert "mistake" in commands["asset.archive"].why_disabled(faulty)
    assert "mistake" in commands["mark.all"].why_disabled(faulty)


def test_keys_are_named_as_they_are_typed() -> None:
    assert name_key("full_stop", ".") == "."
    assert name_key("upper_g", "G") == "G"
    assert name_key("space", " ") == "space"
    assert name_key("ctrl+s", "\x13") == "ctrl+s"


KEY = r"(?:[A-Zbcd-z+-]|ctrl\+[a-z])"
HARD_CODED = re.compile(
    rf"(?:^|[;:,(] ?){KEY}(?: [a-z]+s\b| and [-+] |\)| can | in | on )|[;:] {KEY}$"
)
"""A key and what it does, as texts name it: ``L shows it``, ``(L)``."""
FIXED_ESC = {"deletion.py", "confirm.py", "list_view.py", "welcome.py", "app.py", "prompt.py"}
"""There it is a field's or a menu's own key, or nobody has settings yet: it can't be another."""
ELSEWHERE = {"command_registry.py", "commands.py", "keys.py", "themes.py"}


def iter_texts(path: Path) -> list[str]:
    """Return the parts of a module's strings that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documented
    ]


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "coexplorer" / "tui").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_texts_take_their_keys_from_the_keymap(path: Path) -> None:
    if path.name not in ELSEWHERE:
        assert [text for text in iter_texts(path) if HARD_CODED.search(text)] == []
    if path.name not in ELSEWHERE | FIXED_ESC:
        assert [text for text in iter_texts(path) if re.search(r"\bEsc\b", text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "kept: L shows it",
        "the log (L) has",
        "; ctrl+r does",
        "u undoes",
        "kept as unsent: L",
        "; L can undo any change",
        "u in the list undoes it",
        " left: r on it sends it",
    ],
)
def test_hard_coded_keys_are_found(text: str) -> None:
    assert HARD_CODED.search(text)


def test_a_text_names_the_key_in_force_and_the_palette_where_there_is_none() -> None:
    try:
        put_in_force(build_keymap({"log.open": ("Q",), "asset.create": ()}))
        assert key_of("log.open") == "Q"
        assert key_of("asset.create") == f": {BY_ID['asset.create'].title}"
    finally:
        put_in_force(build_keymap())
    assert key_of("log.open") == "L"
