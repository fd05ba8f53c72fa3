"""What each command of the main screen does: functions of the screen, by the command's id.

They ask the library, tell the widgets, and hold no state of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coexplorer.tui.actions import (
    app,
    attaching,
    browse,
    clipboard,
    edit,
    editor,
    files,
    history,
    marks,
    metadata,
    new,
    retag,
    search,
    sharing,
    transferring,
    triage,
)

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action

ACTIONS: dict[str, Action] = {
    **browse.ACTIONS,
    **search.ACTIONS,
    **edit.ACTIONS,
    **triage.ACTIONS,
    **retag.ACTIONS,
    **sharing.ACTIONS,
    **attaching.ACTIONS,
    **transferring.ACTIONS,
    **metadata.ACTIONS,
    **marks.ACTIONS,
    **history.ACTIONS,
    **clipboard.ACTIONS,
    **files.ACTIONS,
    **new.ACTIONS,
    **editor.ACTIONS,
    **app.ACTIONS,
}
