"""Editing keys that act in the order they were pressed.

Textual runs a widget's bindings after the keys that follow them in the same read: ``ctrl+u`` and a
word sent in one packet, as slow links do, would erase the word. So fields run their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, TextArea

from coexplorer.tui.messages import CopyWanted


def map_actions(bindings: Iterable[BindingType]) -> dict[str, str]:
    """Return key → action of a widget class's bindings."""
    actions: dict[str, str] = {}
    for binding in bindings:
        keys, action = (
            (binding.key, binding.action) if isinstance(binding, Binding) else binding[:2]
        )
        for key in keys.split(","):
            actions.setdefault(key.strip(), action)
    return actions


async def edit_at_once(widget: Widget, actions: dict[str, str], event: events.Key) -> bool:
    """Run the action of an editing key now; tell whether it was one."""
    action = actions.get(event.key)
    if action is None:
        return False
    event.stop()
    event.prevent_default()
    if action == "copy" and isinstance(widget, Input | TextArea):
        is_secret = isinstance(widget, Input) and widget.password
        widget.post_message(CopyWanted("" if is_secret else widget.selected_text))
    else:
        await widget.run_action(action)
    return True
