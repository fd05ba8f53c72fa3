"""Which key does what: the registry's defaults, the user's overrides and one-key actions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import ascii_lowercase

import msgspec

from coexplorer.text import guess_word
from coexplorer.tui.command_registry import BY_ID, COMMANDS
from coexplorer.tui.commands import Command, Scope

_CLOSED_ALIKE = (Scope.LOG, Scope.CONFLICT, Scope.PLAN, Scope.TAGS, Scope.FILES)
SHARED = dict.fromkeys(_CLOSED_ALIKE, Scope.FORM)
"""Scopes whose list of keys ends with another scope's."""

_UNRELIABLE = ("ctrl+m", "ctrl+i", "ctrl+h", "ctrl+j", "ctrl+[", "ctrl+enter", "alt+enter")
"""Keys that some terminals send as another one, or not at all (design: tui.md, Rules)."""


_NAMED = {
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete"),
    *("backspace", "tab", "enter", "escape", "space", "backslash", "underscore"),
    *("right_square_bracket", "circumflex_accent"),
    *(f"f{number}" for number in range(1, 25)),
}
_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
"""In the order in which Textual names them."""


class QuickAction(msgspec.Struct, frozen=True):
    """What a key of the user's own does: ``+TAG``, ``-TAG``, ``archive`` or ``unarchive``.

    Attributes:
        add_tag: Tag to add, or nothing.
        remove_tag: Tag to remove, or nothing.
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


def _find_neighbors(scope: Scope) -> tuple[Scope, ...]:
    """Return the scopes whose keys work wherever the keys of `scope` do."""
    if scope is Scope.ANYWHERE:
        return tuple(Scope)
    below = (SHARED[scope],) if scope in SHARED else ()
    above = tuple(each for each, shared in SHARED.items() if shared is scope)
    return (scope, *below, *above, Scope.ANYWHERE)


class _Builder(msgspec.Struct):
    commands: dict[tuple[Scope, str], str] = {}
    keys: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []

    def find_owner(self, scope: Scope, key: str) -> Command | None:
        """Return the command that already has a key that another one wants."""
        owners = (self.commands.get((each, key)) for each in _find_neighbors(scope))
        return next((BY_ID[owner] for owner in owners if owner is not None), None)

    def give(self, command: Command, keys: Iterable[str]) -> None:
        """Give a command keys that nobody else has."""
        self.keys[command.id] = tuple(keys)
        for key in self.keys[command.id]:
            self.commands[command.scope, key] = command.id

    def grant(self, command: Command, wanted: Iterable[str]) -> None:
        """Give a command the keys that the user wants for it, as far as they are free.

        A key that somebody else has by default is free when the user gives that one keys, too.
        """
        granted = []
        for key in dict.fromkeys(wanted):
            owner = self.find_owner(command.scope, key)
            if owner is None or owner is command or self._is_own(command, key, owner):
                granted.append(key)
            else:
                self.problems.append(
                    f"key {show_key(key)} already belongs to {owner.title};"
                    f" {command.title} did not get it"
                    f" (give {owner.id} other keys first)"
                )
        self.give(command, granted)

    def _is_own(self, command: Command, key: str, owner: Command) -> bool:
        """Tell whether two commands have a key by default, each where the other has it not."""
        return key in command.keys and key in owner.keys


def build_keymap(
    overrides: Mapping[str, tuple[str, ...]] | None = None,
    actions: Mapping[str, str] | None = None,
) -> Keymap:
    """Put defaults and the config file's keys together; what can't be had is said in `problems`.

    Args:
        overrides: Id of a command → keys that replace its own.
        actions: Key → ``+TAG``, ``-TAG``, ``archive`` or ``unarchive``.
    """
    overrides = overrides or {}
    builder = _Builder()
    problems = builder.problems
    problems.extend(f"there is no command {name}" for name in overrides if name not in BY_ID)
    for command in COMMANDS:
        builder.give(command, () if command.id in overrides else command.keys)
    for command in COMMANDS:
        if command.id in overrides:
            builder.grant(command, _reliable(overrides[command.id], problems))
    for command in COMMANDS:
        # Who gets nothing of what was wanted keeps what it had.
        if overrides.get(command.id) and not builder.keys[command.id]:
            owners = {key: builder.find_owner(command.scope, key) for key in command.keys}
            builder.give(command, [key for key, owner in owners.items() if owner is None])
    quick: dict[str, QuickAction] = {}
    for key, text in (actions or {}).items():
        owner = builder.find_owner(Scope.MAIN, key)
        action = parse_quick_action(text)
        if not _reliable((key,), problems):
            continue
        if owner is not None:
            problems.append(
                f"key {show_key(key)} already belongs to {owner.title}; {text} did not get it"
            )
        elif action is None:
            problems.append(f"{text} is not an action: write +TAG, -TAG, archive or unarchive")
        else:
            quick[key] = action
    return Keymap(builder.commands, quick, builder.keys, tuple(problems))


def parse_quick_action(text: str) -> QuickAction | None:
    """Read a one-key action of the config file; None if it is not one."""
    text = text.strip()
    if text in ("archive", "unarchive"):
        return QuickAction(archive=text == "archive")
    tag = text[1:].strip()
    if tag and text[0] == "+":
        return QuickAction(add_tag=tag)
    if tag and text[0] == "-":
        return QuickAction(remove_tag=tag)
    return None


def is_key(text: str) -> bool:
    """Tell whether a text names a key as the app gets it: see `name_key`."""
    if len(text) == 1:
        return text.isprintable() and not text.isspace()
    *modifiers, base = text.split("+") if not text.endswith("++") else [*text[:-2].split("+"), "+"]
    if modifiers != [each for each in _MODIFIERS if each in modifiers]:
        return False
    if base in _NAMED:
        return True
    # A capital letter is typed with shift, and comes as itself.
    types = len(base) == 1 and base.isprintable() and not base.isspace() and base == base.lower()
    return types and bool(modifiers) and modifiers != ["shift"]


def _tell_no_key(text: str) -> str:
    """Say that something is not the name of a key."""
    names = [*_NAMED, *(f"ctrl+{letter}" for letter in ascii_lowercase)]
    guess = guess_word(text.lower(), names)
    return f"{text!r} is not the name of a key{guess}"


def _reliable(keys: Iterable[str], problems: list[str]) -> list[str]:
    kept = []
    for key in keys:
        if not is_key(key):
            problems.append(_tell_no_key(key))
        elif key in _UNRELIABLE:
            problems.append(f"key {key} is not sent by every terminal: left out")
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


_in_force: list[Keymap] = []
"""The app's keymap: one in a process, so that what builds a text need not be handed it."""


def put_in_force(keymap: Keymap) -> None:
    """Let texts name the keys of this keymap from now on."""
    _in_force[:] = [keymap]


def key_of(command_id: str) -> str:
    """Return the key that runs a command, as texts name it; without one, what the palette takes."""
    keymap = _in_force[0] if _in_force else build_keymap()
    key = keymap.first(command_id)
    return show_key(key) if key else f": {BY_ID[command_id].title}"


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
