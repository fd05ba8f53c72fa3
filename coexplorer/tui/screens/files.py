"""The files of an asset: a tree of them, and beside it what is in one.

On a narrow screen the preview replaces the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from coexplorer.errors import CoexplorerError, FileTrouble, NotSignedIn, OtherPerson
from coexplorer.library.library import Library
from coexplorer.models import Asset, FileEntry
from coexplorer.text import clean, plural, size_text
from coexplorer.tui import external
from coexplorer.tui.built_lines import BuiltLines
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.file_tree import FileTree
from coexplorer.tui.getting import FilesToGet, Getting
from coexplorer.tui.keys import key_of, name_key
from coexplorer.tui.screens.base import HERE, CommandScreen
from coexplorer.tui.screens.key_queue import START, Input
from coexplorer.tui.screens.preview_pane import SIDEWAYS, PreviewPane
from coexplorer.tui.widgets.choices import Choice
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.long_lines import LongLines
from coexplorer.tui.widgets.picker import Picker
from coexplorer.tui.widgets.prompt import Prompt

BESIDE: Final = 100
"""Cells from which the preview is beside the tree."""
FOLDER = "folder"
"""What keys wait for: what is in a folder that was opened, or in a file on a narrow screen."""
MOST_PAGED: Final = 64 * 1000 * 1000
"""Bytes of a file that is copied for $PAGER."""
_PIECE_BYTES: Final = 1024 * 1024
_OF_PREVIEW: Final = frozenset({"files.pager", "files.pane", "files.retry", "screen.close"})

StartGetting = Callable[[], None]


def _find_ending(name: str) -> str:
    """Return the ending of a name, if it is a plain one."""
    ending = Path(name).suffix
    return ending if ending[1:].isascii() and ending[1:].isalnum() else ""


class FilesScreen(CommandScreen[None]):
    """Browse an asset's files.

    Args:
        library: Lists and reads them.
        asset: Whose files they are.
        getting: Takes what is to be downloaded; it goes on when this is left.
        start_getting: Starts it.
    """

    scope: ClassVar[Scope] = Scope.FILES
    tells_keys: ClassVar[bool] = True
    loads_first: ClassVar[bool] = True
    DEFAULT_CSS = """
    FilesScreen #files-panes { height: 1fr; }
    FilesScreen #tree { width: 1fr; height: 1fr; }
    FilesScreen #preview { width: 3fr; height: 1fr; display: none; }
    FilesScreen.beside #tree { width: 2fr; }
    FilesScreen.previews #preview { display: block; }
    FilesScreen.previews.narrow #tree { display: none; }
    FilesScreen.beside #preview { padding: 0 0 0 1; }
    FilesScreen #getting { height: 1; display: none; background: $surface; }
    """

    def __init__(
        self, library: Library, asset: Asset, getting: Getting, start_getting: StartGetting
    ) -> None:
        super().__init__()
        self._library = library
        self._asset = asset
        self._getting = getting
        self._start_getting = start_getting
        self._tree = FileTree()
        self._listing: set[str] = set()
        self._rule = Rule()
        self._files = LongLines(id="tree")
        self._pane = PreviewPane(library, asset.id, self._restart_reading)
        self._line = Lines(id="getting")
        self._prompt = Prompt()
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        """Whose files, the tree and the preview, what is on its way, the keys."""
        yield self._rule
        with Horizontal(id="files-panes"):
            yield self._files
            yield self._pane
        yield self._line
        yield self._prompt
        yield self._footer

    def on_mount(self) -> None:
        """Ask for the first files."""
        self.set_focus(self._files)
        self._fit()
        self._getting.changed = self._show_getting
        self._show_getting()
        self._list("")

    async def on_unmount(self) -> None:
        """Let go of what was open."""
        if self._getting.changed == self._show_getting:
            self._getting.changed = None
        await self._pane.close_file()

    def on_resize(self) -> None:
        """Fit to the width."""
        self._fit()

    def _fit(self) -> None:
        beside = self.app.size.width >= BESIDE
        self.set_class(beside, "beside")
        self.set_class(not beside, "narrow")
        self.call_after_refresh(self._show)

    # Keys that are typed ahead

    def take_key(self, event: Input) -> bool:
        """Take a key; the one that leaves waits for nothing: it stops what is waited for.

        A letter may be part of a name that is typed ahead.
        """
        waits = self.holds_for(START) or self.holds_for(FOLDER)
        if waits and isinstance(event, events.Key) and not event.is_printable:
            key = name_key(event.key, event.character)
            if self.coexplorer.keymap.find(self.key_scope, key) == "screen.close":
                self.drop_held()
                self.do_screen_close()
                return True
        return super().take_key(event)

    async def _release(self) -> None:
        await self.release_keys(START)
        await self.release_keys(FOLDER)

    # Folders

    def _list(self, folder: str) -> None:
        self._listing.add(folder)
        self._show()
        self.start(f"list {folder}", partial(self._load_folder, folder))

    async def _load_folder(self, folder: str) -> None:
        troubles: list[CoexplorerError] = []
        try:
            entries = await self._library.files.list_folder(
                self._asset.id, folder, trouble=troubles.append
            )
        except CoexplorerError as error:
            again = f"{key_of('files.retry')} tries again"
            told = f"{error.message}\n{error.hint}" if error.hint else error.message
            self._tree.put_fault(folder, f"{told}\n{again}")
            if isinstance(error, NotSignedIn | OtherPerson):
                raise
        else:
            self._tree.put(folder, entries)
            for trouble in troubles[:1]:
                self.say(f"{trouble.message}: {trouble.hint}", severity="warning", about=HERE)
        finally:
            self._listing.discard(folder)
            self._show()
            await self._release()

    # What is shown

    def _show(self) -> None:
        self._tree.fit(max(1, self._files.size.width))
        self._files.show(BuiltLines(len(self._tree.rows), self._build_row))
        self._show_title()
        self._show_footer()

    def _build_row(self, at: int) -> Line:
        return self._tree.build_line(at, self._files.size.width)

    def _show_title(self) -> None:
        asset = self._asset
        parts = [asset.name]
        if asset.files is not None:
            parts.append(plural(asset.files, "file"))
        if asset.size_bytes is not None:
            parts.append(size_text(asset.size_bytes))
        if self._tree.wanted:
            parts.append(f"names with {self._tree.wanted}")
        if self._tree.marked:
            parts.append(f"{len(self._tree.marked):,} marked")
        self._rule.show_title(" · ".join(clean(part) for part in parts))

    def _show_footer(self) -> None:
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def _show_getting(self) -> None:
        line = self._getting.line
        self._line.display = bool(line)
        stops = f"   {key_of('files.stop')} stops" if line else ""
        self._line.show([((f"{clean(line)}{stops}", Role.ACCENT),)])

    @property
    def _in_preview(self) -> bool:
        return self.focused is self._pane.body

    @property
    def _row_entry(self) -> FileEntry | None:
        at = self._files.at
        return self._tree.rows[at].entry if at < len(self._tree.rows) else None

    def iter_footer(self) -> list[Command]:
        """Offer what can be done in the pane that has the keys."""
        shown = super().iter_footer()
        if self._in_preview:
            kept = _OF_PREVIEW | ({"files.open"} if self._pane.is_tree else set())
            return [command for command in shown if command.id in kept]
        if self._pane.entry is None:
            return [command for command in shown if command.id != "files.pane"]
        return shown

    async def on_descendant_focus(self) -> None:
        """Other keys matter now."""
        await super().on_descendant_focus()
        self._show_footer()

    def on_picker_moved(self, event: Picker.Moved) -> None:
        """Read on where a text nears its end."""
        event.stop()
        self.coexplorer.settle(HERE)
        if self._in_preview:
            self._pane.follow()

    # Moving and opening: in workers, as a pane handles its own keys later than these are found

    def on_click(self, event: events.Click) -> None:
        """Open what was clicked twice."""
        if event.widget is self._files and event.chain > 1:
            self.perform("files.open")

    async def do_files_open(self) -> None:
        """Open the folder or file under the cursor, or fold what is."""
        if self._in_preview:
            self._pane.set_folded(folded=None)
            return
        row, entry = self._tree.rows[self._files.at], self._row_entry
        if entry is None:
            if row.is_fault:
                await self.do_files_retry()
        elif entry.is_folder:
            self._toggle(entry)
        else:
            self._preview(entry)

    def _toggle(self, entry: FileEntry) -> None:
        folder = entry.wire_path
        if self._tree.is_open(folder):
            self._tree.close(folder)
            self._show()
            return
        self._tree.open(folder)
        if self._tree.needs_listing(folder) and folder not in self._listing:
            self.hold_keys(FOLDER)
            self._list(folder)
        self._show()

    def _preview(self, entry: FileEntry) -> None:
        self.add_class("previews")
        self._pane.open(entry)
        if self.has_class("narrow"):
            self.hold_keys(FOLDER)
            self.set_focus(self._pane.body)
        self.call_after_refresh(self._show)

    def _restart_reading(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self.restart("preview", partial(self._read, work))

    async def _read(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        finally:
            await self.release_keys(FOLDER)
            self._show_footer()

    async def do_files_unfold(self) -> None:
        """Open the folder, unfold the line, or scroll to the right."""
        if self._in_preview:
            if not self._pane.set_folded(folded=False):
                self._pane.scroll_sideways(SIDEWAYS)
            return
        entry = self._row_entry
        if entry is not None and entry.is_folder and not self._tree.is_open(entry.wire_path):
            self._toggle(entry)

    async def do_files_fold(self) -> None:
        """Close the folder that the cursor is on or in, fold the line, or scroll to the left."""
        if self._in_preview:
            pane = self._pane
            if not (
                pane.set_folded(folded=True)
                or pane.go_to_parent()
                or pane.scroll_sideways(-SIDEWAYS)
            ):
                self._leave_preview()
            return
        entry = self._row_entry
        if entry is not None and entry.is_folder and self._tree.is_open(entry.wire_path):
            self._toggle(entry)
        elif (parent := self._tree.find_folder(self._files.at)) is not None:
            self._files.move_to(parent)

    async def do_files_pane(self) -> None:
        """Go from the tree to the preview, or back."""
        if self._in_preview:
            self._leave_preview()
        elif self._pane.entry is not None:
            self.add_class("previews")
            self.set_focus(self._pane.body)

    def _leave_preview(self) -> None:
        if self.has_class("narrow"):
            self.remove_class("previews")
            self.call_after_refresh(self._show)
        self.set_focus(self._files)

    async def do_files_start(self) -> None:
        """Go to the first row, or to the start of the file."""
        if self._in_preview:
            self._pane.go_to_start()
        else:
            self._files.move_to(0)

    async def do_files_end(self) -> None:
        """Go to the last row, or to the end of the file."""
        if self._in_preview:
            self._pane.go_to_end()
        else:
            self._files.move_to(len(self._tree.rows) - 1)

    async def do_files_retry(self) -> None:
        """Try again what went wrong."""
        row = self._tree.rows[self._files.at] if self._files.at < len(self._tree.rows) else None
        if row is not None and row.is_fault and not self._in_preview:
            self._tree.open(row.folder)
            self._list(row.folder)
        elif self._pane.failed and self._pane.entry is not None and self.has_class("previews"):
            self._pane.open(self._pane.entry)
        else:
            self.say("nothing has gone wrong here", about=HERE)

    def do_screen_close(self) -> None:
        """Stop what is read; else leave the preview, then what names are asked for, then all."""
        if self._pane.is_reading:
            self._pane.stop()
            self.workers.cancel_group(self, "preview")
        elif self._in_preview:
            self._leave_preview()
        elif self.has_class("previews"):
            self.remove_class("previews")
            self.call_after_refresh(self._show)
        elif self._tree.wanted:
            self._narrow("")
        else:
            self.dismiss(None)

    # Names

    async def do_files_find(self) -> None:
        """Ask for a part of a name, and show those alone that have it."""
        self._leave_preview()
        before = self._tree.wanted

        def narrow(text: str) -> tuple[Choice, ...]:
            self._narrow(text)
            return ()

        answer = await self._prompt.ask("names with", value=before, complete=narrow)
        self._narrow(before if answer is None else answer)
        if answer:
            self._go_to_next(1, at=-1)

    def _narrow(self, wanted: str) -> None:
        if wanted != self._tree.wanted:
            entry = self._row_entry
            self._tree.wanted = wanted
            self._tree.build_rows()
            rows = enumerate(self._tree.rows)
            self._files.at = next((at for at, row in rows if row.entry is entry), 0)
            self._show()
            self._files.move_to(self._files.at)

    async def do_files_next(self) -> None:
        """Go to the next name that was asked for."""
        self._go_to_next(1)

    async def do_files_previous(self) -> None:
        """Go to the name before."""
        self._go_to_next(-1)

    def _go_to_next(self, step: int, *, at: int | None = None) -> None:
        found = None
        if self._tree.wanted:
            found = self._tree.find_next(self._files.at if at is None else at, step)
        if found is not None:
            self._files.move_to(found)
        elif not self._tree.wanted:
            self.say(f"{key_of('files.find')} asks for a name first", about=HERE)
        else:
            self.say("no name has this in it", severity="warning", about=HERE)

    # Taking files along

    async def do_files_mark(self) -> None:
        """Mark the file or folder, or unmark it, and move on."""
        entry = self._row_entry
        if entry is not None and not self._in_preview:
            if self._tree.marked.pop(entry.path, None) is None:
                self._tree.marked[entry.path] = entry
            self._show()
            self._files.move_to(self._files.at + 1)

    def _targets(self) -> list[FileEntry]:
        if self._in_preview and self._pane.entry is not None:
            return [self._pane.entry]
        entry = self._row_entry
        return list(self._tree.marked.values()) or ([entry] if entry is not None else [])

    async def do_files_get(self) -> None:
        """Ask where to, and get the marked files and folders, or the one under the cursor."""
        targets = self._targets()
        if not targets:
            return
        what = targets[0].name if len(targets) == 1 else f"{len(targets):,} marked"
        place = await self._prompt.ask(f"get {what} into", value=str(external.find_folder(".")))
        if not place or not place.strip():
            return
        folder = external.find_folder(place.strip())
        wanted = [FilesToGet(self._asset.id, each.wire_path, folder) for each in targets]
        if self._getting.ask(wanted):
            self._start_getting()
        self._tree.marked.clear()
        self._show()

    async def do_files_stop(self) -> None:
        """Stop getting files; what has come of them is kept."""
        if self._getting.stop is None:
            self.say("nothing is on its way", about=HERE)
        else:
            self._getting.stop()

    async def do_files_copy(self) -> None:
        """Copy the paths, or the addresses in S3."""
        targets = self._targets()
        texts = {"path": "\n".join(each.path for each in targets)}
        source = self._asset.source
        if source is not None and source.bucket:
            start = f"s3://{source.bucket}/{source.prefix}".rstrip("/")
            texts["S3 URL"] = "\n".join(f"{start}/{each.path}" for each in targets)
        choices = [
            Choice(name, text=name, key=name[0].lower(), help=text.partition("\n")[0])
            for name, text in texts.items()
        ]
        if not targets:
            return
        title = "copy" if len(targets) == 1 else f"copy of {len(targets):,} marked"
        chosen = "path" if len(choices) == 1 else await self._prompt.choose(title, choices)
        if chosen is None:
            return
        copied = await self.coexplorer.copy(texts[chosen])
        told = (
            f"copied {texts[chosen]}" if len(targets) == 1 else f"copied {len(targets):,} of them"
        )
        self.say(told if copied else "this terminal has no clipboard")

    async def do_files_pager(self) -> None:
        """Open a copy of the file in $PAGER."""
        entry = self._pane.entry if self._in_preview else self._row_entry
        if entry is None or entry.is_folder:
            self.say("choose a file first", about=HERE)
            return
        size = entry.size_bytes
        if size is not None and size > MOST_PAGED:
            gets = key_of("files.get")
            self.say(f"{entry.name} has {size_text(size)}: {gets} gets it", severity="warning")
            return
        self.say(f"reading {entry.name} for $PAGER", about="pager")
        content = bytearray()
        async with await self._library.files.open(self._asset.id, entry.wire_path) as file:
            while len(content) < min(file.size, MOST_PAGED):
                content += await file.read(len(content), _PIECE_BYTES)
        self.coexplorer.settle("pager")
        try:
            problem = await self.coexplorer.run_pager(bytes(content), _find_ending(entry.name))
        except OSError as error:
            raise FileTrouble.of("a copy of the file", "written", error) from None
        if problem:
            self.say(problem, severity="warning")
