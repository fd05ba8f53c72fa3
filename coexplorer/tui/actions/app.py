"""Everything else: refreshing, mounting, columns, palette, theme, help, quitting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from coexplorer.errors import ConfigError
from coexplorer.tui import external
from coexplorer.tui.columns import COLUMN_BY_ID, COLUMNS
from coexplorer.tui.command_registry import COMMANDS
from coexplorer.tui.commands import Group, Scope
from coexplorer.tui.keys import show_key
from coexplorer.tui.themes import THEMES
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coexplorer.tui.workbench import Action, Workbench


async def refresh(screen: Workbench) -> None:
    """Ask the platform for new assets and other people's edits."""
    screen.feeds.header.show("looking for changes")
    try:
        report = await screen.library.sync.catch_up()
        screen.say(f"{report.total:,} assets, {report.removed:,} gone")
    finally:
        screen.feeds.header.show("")
        await screen.feeds.load_status()
        screen.feeds.list.restore_order()
        screen.feeds.list.load()
        await screen.feeds.details.forget_uses()


async def sweep(screen: Workbench) -> None:
    """Read everything again."""
    screen.feeds.list.restore_order()
    report = await screen.library.sync.sweep()
    how = "all" if report.complete else "not all: the platform stopped early"
    screen.say(f"{report.seen:,} assets read ({how}), {report.removed:,} gone")


async def mount(screen: Workbench) -> None:
    """Mount or unmount."""
    mounted = await external.is_mounted(screen.settings.mount_folder)
    screen.feeds.header.show("unmounting…" if mounted else "mounting…")
    try:
        screen.say(await screen.coexplorer.set_mounted(mounted=not mounted))
    finally:
        screen.feeds.header.show("")


async def columns(screen: Workbench) -> None:
    """Choose columns: one after the other is put in or taken out."""
    shown = list(screen.rows.columns)
    while True:
        choices = [
            Choice(c.id, text=f"[{'x' if c.id in shown else ' '}] {c.title}") for c in COLUMNS
        ]
        choices.append(Choice("", text="as the width allows"))
        chosen = await screen.prompt.choose("columns (Esc ends)", choices)
        if chosen is None:
            return
        if not chosen:
            shown = []
        elif chosen in shown:
            shown.remove(chosen)
        else:
            shown = [c for c in COLUMN_BY_ID if c in shown or c == chosen]
        screen.rows.show_columns(shown)
        _keep_columns(screen, shown)
        shown = list(screen.rows.columns)


def _keep_columns(screen: Workbench, columns: Iterable[str]) -> None:
    try:
        external.save_columns(screen.settings, tuple(columns))
    except ConfigError as error:
        screen.say(f"the columns last until you leave: {error}", severity="warning")


async def palette(screen: Workbench) -> None:
    """Find a command by its words."""
    keymap = screen.coexplorer.keymap
    now = screen.situation()

    def complete(typed: str) -> list[Choice]:
        words = typed.casefold().split()
        found = []
        # Who looks for a command does not look for a way down.
        for command in sorted(COMMANDS, key=lambda command: command.group is Group.MOVE):
            if command.scope not in (Scope.MAIN, Scope.ANYWHERE):
                continue
            hay = f"{command.title} {command.id} {command.help}".casefold()
            if all(word in hay for word in words):
                why = command.why_disabled(now)
                key = show_key(keymap.first(command.id))
                found.append(
                    Choice(
                        command.id,
                        text=f"{command.title}  {key}",
                        help=f"not now: {why}" if why else command.help,
                    )
                )
        return found

    chosen = await screen.prompt.ask("command", complete=complete, first=True)
    if chosen and screen.find_handler(chosen) is not None:
        screen.perform(chosen)
    elif chosen:
        screen.say(f"there is no command {chosen}", severity="warning")


async def theme(screen: Workbench) -> None:
    """Choose the theme."""
    if os.environ.get("NO_COLOR"):
        screen.say(
            "without colors (NO_COLOR) only the terminal's own look is available",
            severity="warning",
        )
        return
    choices = [Choice(name, help=help_) for name, help_ in THEMES.items()]
    chosen = await screen.prompt.choose("theme", choices)
    if chosen is not None:
        screen.app.theme = chosen
        memory = screen.coexplorer.memory
        memory.remembered.theme = chosen
        memory.save()


def sign_in(screen: Workbench) -> None:
    """Give another domain or token."""
    screen.coexplorer.sign_in_again(None)


def show_help(screen: Workbench) -> None:
    """Show all keys."""
    from coexplorer.tui.screens.help import HelpScreen  # noqa: PLC0415  needed here only

    screen.app.push_screen(HelpScreen())


async def leave(screen: Workbench) -> None:
    """Leave the app; what is being typed stays as a draft."""
    await screen.coexplorer.keep_frame()
    screen.app.exit()


ACTIONS: dict[str, Action] = {
    "sync.refresh": refresh,
    "sync.sweep": sweep,
    "mount.toggle": mount,
    "list.columns": columns,
    "app.palette": palette,
    "app.theme": theme,
    "app.sign_in": sign_in,
    "app.help": show_help,
    "app.quit": leave,
}
