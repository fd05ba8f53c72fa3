"""``docs/keys.md``, from the registry: ``make docs``; a test keeps it current."""

from __future__ import annotations

import sys

from coexplorer.tui.command_registry import COMMANDS
from coexplorer.tui.commands import Danger, Group
from coexplorer.tui.keys import build_keymap, show_key

_CLASHES = (
    "A key that is already taken is refused, the message names its owner, and the command keeps "
    "its old keys. To use another command's key, give that command other keys in `[keys]`: with "
    '`"move.down" = ["down"]`, `j` is free.'
)


def build_key_docs() -> str:
    """Return the whole page as Markdown."""
    keymap = build_keymap()
    parts = [
        "# Keys",
        "Written by `make docs` from the program itself; a test keeps it current.",
        "Every command is in the palette too (`:`). A command's id is its name in the config file:",
        '```toml\n[keys]\n"asset.archive" = ["A"]\n\n[actions]\nK = "+keep"\nx = "archive"\n```',
        _CLASHES,
    ]
    for group in Group:
        commands = [command for command in COMMANDS if command.group is group]
        if not commands:
            continue
        parts.append(f"## {group.value}")
        rows = ["| keys | what | id |", "|---|---|---|"]
        for command in commands:
            keys = " ".join(f"`{show_key(key)}`" for key in keymap.keys[command.id])
            note = " **Can't be undone.**" if command.danger is Danger.DESTROYS else ""
            rows.append(f"| {keys or 'palette only'} | {command.help}{note} | `{command.id}` |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(build_key_docs())
