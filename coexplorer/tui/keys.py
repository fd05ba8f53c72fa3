"""Which key does what: the registry's defaults, the user's overrides and one-key actions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.registry import BY_ID, COMMANDS

SHARED = {Scope.LOG: Scope.FORM, Scope.CONFLICT: Scope.FORM, Scope.PLAN: Scope.FORM}
"""Scopes whose keys end with those of another one."""

_UNRELIABLE = ("ctrl+m", "ctrl+i", "ctrl+h", "ctrl+j", "ctrl+[", "ctrl+enter", "alt+enter")
"""Keys that some terminals send as another one, or not at all (design: tui.md, Rules)."""


class QuickAction(msgspec.Struct, frozen=True):
    """What a key of the user's own does: ``+TAG``, ``-TAG``, ``archive`` or ``unarchive``.

    Attributes:
        add_tag: Tag to add, or nothing.
        remove_tag: Tag to take away, or nothing.
        archive: True archives, False unarchives, None leaves that alone.
    """

    add_tag: str = ""
    remove_tag: str = ""
    archive: bool | None = None

    @property
    def title(self) -> str:
        """A few words for help and notifications."""
        if self.archive is None:
            return f"add tag {self.add_tag}" if self.add_tag else f"remove tag {self.remove_tag}"
        return "archive" if self.archive else "unarchive"


class Keymap(msgspec.Struct, frozen=True):
    """The keys as they are in force.

    Attributes:
        commands: ``(scope, key)`` → id of the command.
        quick: Key → what the user wants it to do in the main scope.
        keys: Id of a command → its keys, in the order they are shown.
        problems: Sentences about settings that were left out, and why.
    """

    commands: Mapping[tuple[Scope, str], str]
    quick: Mapping[str, QuickAction]
    keys: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...] = ()

    def find(self, scope: Scope, key: str) -> str | None:
        """Return the id of the command that `key` runs in `scope`."""
        found = self.commands.get((scope, key))
        if found is None and (shared := SHARED.get(scope)) is not None:
            found = self.commands.get((shared, key))
        return found

    def first(self, command_id: str) -> str:
        """Return the key to show for a command; empty when it has none."""
        keys = self.keys.get(command_id, ())
        return keys[0] if keys else ""


class _Builder(msgspec.Struct):
    commands: dict[tuple[Scope, str], str] = {}
    keys: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []

    def give(self, command: Command, keys: Iterable[str]) -> None:
        kept = []
        for key in keys:
            owner = self.commands.setdefault((command.scope, key), command.id)
            if owner == command.id:
                kept.append(key)
            else:
                self.problems.append(
                    f"key {key} is taken by {BY_ID[owner].title}: not given to {command.title}"
                )
        self.keys[command.id] = tuple(kept)


def build_keymap(
    overrides: Mapping[str, tuple[str, ...]] | None = None,
    actions: Mapping[str, str] | None = None,
) -> Keymap:
    """Put defaults and the config file's keys together; what can't be had is said in `problems`.

    Args:
        overrides: Id of a command → keys in place of its own.
        actions: Key → ``+TAG``, ``-TAG``, ``archive`` or ``unarchive``.
    """
    overrides = overrides or {}
    builder = _Builder()
    problems = builder.problems
    problems.extend(f"there is no command {name}" for name in overrides if name not in BY_ID)
    # Overridden commands take their keys first: that is what the user asked for.
    for command in COMMANDS:
        if command.id in overrides:
            builder.give(command, _reliable(overrides[command.id], problems))
    for command in COMMANDS:
        if command.id not in overrides:
            free = (k for k in command.keys if not _overridden(builder, command, k))
            builder.give(command, free)
    quick: dict[str, QuickAction] = {}
    for key, text in (actions or {}).items():
        owner = builder.commands.get((Scope.MAIN, key))
        action = parse_quick_action(text)
        if owner is not None:
            problems.append(f"key {key} is taken by {BY_ID[owner].title}: not given to {text}")
        elif action is None:
            problems.append(f"{text} is no action: write +TAG, -TAG, archive or unarchive")
        else:
            quick[key] = action
    return Keymap(builder.commands, quick, builder.keys, tuple(problems))


def parse_quick_action(text: str) -> QuickAction | None:
    """Read a one-key action of the config file; None when it is none."""
    text = text.strip()
    if text in ("archive", "unarchive"):
        return QuickAction(archive=text == "archive")
    tag = text[1:].strip()
    if tag and text[0] == "+":
        return QuickAction(add_tag=tag)
    if tag and text[0] == "-":
        return QuickAction(remove_tag=tag)
    return None


def _overridden(builder: _Builder, command: Command, key: str) -> bool:
    return (command.scope, key) in builder.commands


def _reliable(keys: Iterable[str], problems: list[str]) -> list[str]:
    kept = []
    for key in keys:
        if key in _UNRELIABLE:
            problems.append(f"key {key} is not sent as such by every terminal: left out")
        else:
            kept.append(key)
    return kept


def name_key(key: str, character: str | None) -> str:
    """Name a pressed key as the registry does.

    Args:
        key: Textual's name, e.g. ``full_stop`` or ``ctrl+s``.
        character: What it typed, if it typed anything.
    """
    if character is not None and character.isprintable() and not character.isspace():
        return character
    return key


_SHOWN = {
    "escape": "Esc",
    "enter": "Enter",
    "space": "space",
    "tab": "Tab",
    "shift+tab": "shift+Tab",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "home": "Home",
    "end": "End",
}


def show_key(key: str) -> str:
    """Return a key as people read it."""
    return _SHOWN.get(key, key)
