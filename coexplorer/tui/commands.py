"""What a command is, when its keys work, and why it may be disabled. Pure.

The commands themselves are in `command_registry`. A command is *what* can be done; `actions/` and
`screens/` say *how*. A test fails when a command has no handler, or when no test presses its key.

Keys are written as a terminal names them: a printable key by its character (``j``, ``G``, ``+``),
others by name (``space``, ``enter``, ``pagedown``, ``ctrl+s``). Only keys that every terminal sends
are used: never ctrl+m, i, h, j or [, ctrl+enter, alt+enter (design: tui.md, Rules).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec


class Scope(StrEnum):
    """Where a command's keys work."""

    ANYWHERE = "anywhere"
    """In every screen, and in fields, too."""
    MAIN = "main"
    EDIT = "edit"
    LOG = "log"
    CONFLICT = "conflict"
    PLAN = "plan"
    TAGS = "tags"
    FILES = "files"
    FORM = "form"


class Group(StrEnum):
    """Headings of the help screen, in their order."""

    MOVE = "Move"
    FIND = "Find"
    EDIT = "Edit in place"
    TRIAGE = "Triage"
    MANY = "Many at once"
    UNDO = "Undo"
    LOOK = "Look"
    NEW = "New and gone"
    REST = "Everything else"
    LOG = "In the log"
    CONFLICT = "In a conflict"
    PLAN = "In a plan"
    FILES = "In the files"


class Danger(StrEnum):
    """What a command can do to the platform."""

    NONE = "none"
    CHANGES = "changes"
    DESTROYS = "destroys"


class MarkUse(StrEnum):
    """What a command makes of marked assets; each that needs a row says one of them."""

    NONE = "none"
    """It acts on no asset."""
    CURSOR = "cursor"
    """It is about the cursor, whatever is marked: moving, marking, looking."""
    ONE = "one"
    """It acts on the asset under the cursor alone, and says so while others are marked."""
    ALL = "all"
    """It acts on all that are marked; while nothing is, on the one under the cursor."""


class Situation(msgspec.Struct, frozen=True):
    """What decides whether a command can run now.

    Attributes:
        connected: The library is open (it opens after the first frame).
        current: A row is under the cursor.
        rows: Length of the list.
        marked: How many rows are marked.
        query_fault: What is wrong with the query, or nothing.
        can_repeat: An action was done that ``.`` can repeat.
        searching: A search or view other than the plain list is on.
        been_elsewhere: There is a last place to go back to.
        mount_fault: Why mounting is not possible here, or nothing.
        editing: A field is being edited.
    """

    connected: bool = False
    current: bool = False
    rows: int = 0
    marked: int = 0
    query_fault: str = ""
    can_repeat: bool = False
    searching: bool = False
    been_elsewhere: bool = False
    mount_fault: str = ""
    editing: bool = False


Reason = Callable[[Situation], str]
"""Why a command can't run now, as half a sentence; empty when it can."""


def always(_now: Situation) -> str:
    """Nothing is needed."""
    return ""


def needs_library(now: Situation) -> str:
    """The catalog is open."""
    return "" if now.connected else "the catalog is still being opened"


def needs_row(now: Situation) -> str:
    """A row is under the cursor."""
    return "" if now.current else "the list is empty"


def needs_asset(now: Situation) -> str:
    """The catalog is open and a row under the cursor."""
    return needs_library(now) or needs_row(now)


def needs_target(now: Situation) -> str:
    """Acting on many is refused while the query has a mistake, which may have widened the list."""
    if now.marked and now.query_fault:
        return f"the search has a mistake ({now.query_fault})"
    return needs_library(now) or ("" if now.marked else needs_row(now))


def needs_sound_query(now: Situation) -> str:
    """The search can be read: what is marked by it is what was meant."""
    if now.query_fault:
        return f"the search has a mistake ({now.query_fault})"
    return needs_asset(now)


def needs_repeatable(now: Situation) -> str:
    """Something was done that can be repeated."""
    return needs_asset(now) or ("" if now.can_repeat else "there is nothing to repeat yet")


def needs_marks(now: Situation) -> str:
    """Something is marked."""
    return "" if now.marked else "nothing is marked"


def needs_mount(now: Situation) -> str:
    """The machine can mount."""
    return needs_library(now) or now.mount_fault


def needs_past(now: Situation) -> str:
    """There is an earlier place."""
    return "" if now.been_elsewhere else "there is no earlier place"


class Command(msgspec.Struct, frozen=True):
    """Something that a user can do.

    Attributes:
        id: Imperative and dotted, as in ``asset.archive``; the name in the config file.
        title: A few words for palette and help.
        keys: Default keys.
        help: One sentence for the help screen and the key docs.
        group: Its heading there.
        scope: Where its keys work.
        short: The word in the footer; nothing keeps it out of the footer.
        danger: What it can do to the platform.
        marks: See `MarkUse`.
        opens: It opens a field, a menu or a screen, or marks what the next key acts on: keys typed
            ahead wait for that.
        types: What it opens takes text: if nothing opens, what was typed for it runs no commands.
        why_disabled: See `Reason`.
    """

    id: str
    title: str
    keys: tuple[str, ...]
    help: str
    group: Group
    scope: Scope = Scope.MAIN
    short: str = ""
    danger: Danger = Danger.NONE
    marks: MarkUse = MarkUse.NONE
    opens: bool = False
    types: bool = False
    why_disabled: Reason = always


def rename(commands: Sequence[Command], command_id: str, word: str) -> list[Command]:
    """Return a footer's commands with another word for what one of them does now."""
    return [
        msgspec.structs.replace(command, short=word) if command.id == command_id else command
        for command in commands
    ]
