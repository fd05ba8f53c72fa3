"""The peer: a bare Textual app with the same rows in its DataTable. Usage: datatable.py ROWS."""

from __future__ import annotations

import sys
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.widgets import DataTable


class Peer(App[None]):
    BINDINGS: ClassVar = [("q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("Name", "Type", "Size", "Created", "Tags")
        for number in range(int(sys.argv[1])):
            name = f"ecephys_{655000 + number}_2023-04-03_18-17-07"
            table.add_row(name, "dataset", f"{number % 900}GB", "2023-04-03", "raw ecephys")


if __name__ == "__main__":
    Peer().run()
