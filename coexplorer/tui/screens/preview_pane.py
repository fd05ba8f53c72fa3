"""The pane that shows what is in a file: reads it, scrolls it, folds it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from coexplorer.errors import CoexplorerError, NotSignedIn, OtherPerson
from coexplorer.library.library import Library
from coexplorer.models import AssetId, FileEntry
from coexplorer.previews import (
    PicturePreview,
    Preview,
    TablePreview,
    TextPart,
    TextPreview,
    TreePreview,
    join_parts,
    make_preview,
    read_part_after,
    read_part_before,
    read_start,
    read_tail,
)
from coexplorer.remote_files import FileReader
from coexplorer.text import clean, clean_lines, size_text
from coexplorer.tui.columns import Line, Role, wrap
from coexplorer.tui.keys import key_of
from coexplorer.tui.preview_lines import (
    build_lines,
    build_row,
    build_tree,
    choose_folds,
    measure_columns,
)
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.long_lines import LongLines

SIDEWAYS = 8
"""Cells that a key scrolls to the side."""

StartWork = Callable[[Callable[[], Coroutine[None, None, None]]], None]


class PreviewPane(Vertical):
    """What is in a file.

    Args:
        library: Opens files.
        asset_id: Whose they are.
        start: Starts what reads; what was started before is cancelled.

    Attributes:
        entry: The file; None: there is none yet.
        body: What takes keys.
        reading: What reads a part of the file; None: nothing does.
        failed: It could not be read.
    """

    DEFAULT_CSS: ClassVar[str] = """
    PreviewPane #preview-head { height: 1; display: none; }
    PreviewPane #preview-body { height: 1fr; }
    """

    def __init__(self, library: Library, asset_id: AssetId, start: StartWork) -> None:
        super().__init__(id="preview")
        self._library = library
        self._asset_id = asset_id
        self._start = start
        self._rule = Rule()
        self._head = Lines(id="preview-head")
        self.body = LongLines(id="preview-body")
        self.body.has_cursor = False
        self.entry: FileEntry | None = None
        self.reading: _Reading | None = None
        self.failed = False
        self._file: FileReader | None = None
        self._preview: Preview | None = None
        self._told: list[Line] = []
        self._folded: set[int] = set()
        self._shown: list[int] = []
        self._left = 0
        self._read_bytes = 0

    def compose(self) -> ComposeResult:
        """What it is, the head of a table, the content."""
        yield self._rule
        yield self._head
        yield self.body

    @property
    def is_reading(self) -> bool:
        """Whether a part of the file is on its way."""
        return self.reading is not None

    @property
    def is_tree(self) -> bool:
        """Whether it can be folded."""
        return isinstance(self._preview, TreePreview)

    # Reading

    def open(self, entry: FileEntry) -> None:
        """Show a file, from its start."""
        self.entry = entry
        self._preview, self._told, self._left = None, [], 0
        self.failed = False
        self._start(self._load)

    def stop(self) -> None:
        """Say that reading was stopped; the request is given up with the worker."""
        self.reading = None
        if self._preview is None:
            self.failed = True
            self._tell("stopped", f"{key_of('files.retry')} reads it again")
        self.draw()

    async def _load(self) -> None:
        entry = self.entry
        if entry is None:
            return
        async with _Reading(self):
            await self.close_file()
            self._read_bytes = 0
            self.draw()
            self._file = await self._library.files.open(self._asset_id, entry.wire_path)
            preview = await make_preview(entry.path, self._file.size, self._read)
            self._preview = preview
            if isinstance(preview, TreePreview):
                self._folded = choose_folds(preview.nodes)
            self.body.has_cursor = self.is_tree
            self.draw(from_top=True)

    async def _read(self, offset: int, size: int) -> bytes:
        if self._file is None:
            raise AssertionError
        data = await self._file.read(offset, size)
        self._read_bytes += len(data)
        self.show_title()
        return data

    async def close_file(self) -> None:
        """Close the file; what is on its way for it is cut off."""
        file, self._file = self._file, None
        if file is not None:
            await file.aclose()

    def tell_error(self, error: CoexplorerError) -> None:
        """Say why it can't be read, with the way out."""
        self.failed = True
        again = f"{key_of('files.retry')} tries again"
        self._tell(error.message, f"{error.hint}; {again}" if error.hint else again)

    def _tell(self, *texts: str) -> None:
        cells = max(10, self.size.width)
        self._told = [
            ((part, Role.DIM if at else Role.BAD),)
            for at, text in enumerate(texts)
            for line in clean_lines(text)
            for part in wrap(line, cells)
        ]

    # Moving

    def go_to_end(self) -> None:
        """Show the end of the file: of a text only that is read."""
        preview = self._preview
        part = preview.part if isinstance(preview, TextPreview) and preview.can_page else None
        if part is not None and part.stop < part.size:
            self._start(partial(self._jump, at_end=True))
        else:
            self.body.move_to(len(self.body.lines) - 1)

    def go_to_start(self) -> None:
        """Show the start of the file."""
        preview = self._preview
        if isinstance(preview, TextPreview) and preview.part.start:
            self._start(partial(self._jump, at_end=False))
        else:
            self.body.move_to(0)

    async def _jump(self, *, at_end: bool) -> None:
        preview = self._preview
        if not isinstance(preview, TextPreview):
            return
        async with _Reading(self):
            read = read_tail if at_end else read_start
            part = await read(self._read, preview.part.size)
            self._preview = TextPreview(title=preview.title, part=part)
            self.draw(from_top=True)
            self.body.move_to(len(self.body.lines) - 1 if at_end else 0)

    def follow(self) -> None:
        """Read on where the end, or the beginning, of what was read is near."""
        preview = self._preview
        if not isinstance(preview, TextPreview) or not preview.can_page or self.is_reading:
            return
        page = max(1, self.body.size.height)
        at, part = self.body.at, preview.part
        if part.stop < part.size and at + 2 * page >= len(part.lines):
            self._start(self._load_after)
        elif part.start and at < page:
            self._start(self._load_before)

    async def _load_after(self) -> None:
        preview = self._preview
        if isinstance(preview, TextPreview):
            async with _Reading(self):
                more = await read_part_after(self._read, preview.part)
                part = join_parts(preview.part, more, keep_first=False)
                self._replace(part.lines, preview, part, before=preview.part.lines)

    async def _load_before(self) -> None:
        preview = self._preview
        if isinstance(preview, TextPreview):
            async with _Reading(self):
                more = await read_part_before(self._read, preview.part)
                part = join_parts(more, preview.part, keep_first=True)
                self._replace(part.lines, preview, part, before=preview.part.lines)

    def _replace(
        self,
        lines: tuple[tuple[str, int], ...],
        preview: TextPreview,
        part: TextPart,
        *,
        before: tuple[tuple[str, int], ...],
    ) -> None:
        """Show more lines; the one at the top stays there."""
        top = before[self.body.at][1] if self.body.at < len(before) else 0
        self._preview = TextPreview(title=preview.title, part=part)
        at = next((place for place, (_, stop) in enumerate(lines) if stop == top), self.body.at)
        self.draw()
        self.body.show_from(self.body.lines, at)

    def scroll_sideways(self, cells: int) -> bool:
        """Scroll to the side; tell whether there was anywhere to go."""
        before = self._left
        self._left = max(0, self._left + cells)
        if self._left == before or self.is_tree or isinstance(self._preview, PicturePreview):
            self._left = before
            return False
        self.draw()
        return True

    def set_folded(self, *, folded: bool | None) -> bool:
        """Fold or unfold the line under the cursor, or its other way round; tell whether it does.

        Args:
            folded: None: the other way round.
        """
        preview = self._preview
        if not isinstance(preview, TreePreview) or self.body.at >= len(self._shown):
            return False
        place = self._shown[self.body.at]
        if preview.nodes[place].stop == place + 1 or (place in self._folded) is folded:
            return False
        self._folded ^= {place}
        self.draw()
        return True

    def go_to_parent(self) -> bool:
        """Go to what the line under the cursor is in; tell whether it is in anything."""
        preview = self._preview
        if not isinstance(preview, TreePreview) or self.body.at >= len(self._shown):
            return False
        depth = preview.nodes[self._shown[self.body.at]].depth
        for at in range(self.body.at, -1, -1):
            if preview.nodes[self._shown[at]].depth < depth:
                self.body.move_to(at)
                return True
        return False

    # Drawing

    def on_resize(self) -> None:
        """Fit to the width and the height."""
        self.draw()

    def draw(self, *, from_top: bool = False) -> None:
        """Show what there is, for the room that there is."""
        self.show_title()
        preview = self._preview
        cells, lines = self.size.width, self.body.size.height
        self._head.display = isinstance(preview, TablePreview) and not self._told
        if not cells:
            return
        if self._told or preview is None:
            self.body.has_cursor = False
            self.body.show_from(self._told, 0)
            return
        if isinstance(preview, TreePreview):
            self._shown, built = build_tree(preview, self._folded, cells)
            show = self.body.show if not from_top else partial(self.body.show_from, top=0)
            show(built)
        elif isinstance(preview, PicturePreview):
            self._draw_picture(preview, cells, max(1, lines))
        else:
            if isinstance(preview, TablePreview):
                widths = measure_columns(preview)
                self._head.show([_as_title(build_row(preview.head, widths, self._left))])
            shown = build_lines(preview, cells, left=self._left)
            if from_top:
                self.body.show_from(shown, 0)
            else:
                self.body.show(shown)

    def _draw_picture(self, preview: PicturePreview, cells: int, lines: int) -> None:
        from coexplorer.tui.widgets.picture import draw_picture  # noqa: PLC0415  seldom needed

        in_color = not self.app.theme.startswith("ansi")
        base = self.body.rich_style
        self.body.show_strips(draw_picture(preview, cells, lines, base, in_color=in_color))

    def show_title(self) -> None:
        """Say which file it is, what it is, and whether it is being read."""
        entry = self.entry
        if entry is None:
            self._rule.show_title("")
            return
        parts = [entry.name]
        preview = self._preview
        if self.is_reading:
            done = f", {size_text(self._read_bytes)} read" if self._read_bytes else ""
            parts.append(f"reading{done}; {key_of('screen.close')} stops")
        elif preview is not None:
            parts.append(_tell_kind(preview))
        if preview is not None and preview.note:
            parts.append(preview.note)
        self._rule.show_title(" · ".join(clean(part) for part in parts))


def _as_title(line: Line) -> Line:
    return tuple((text, Role.TITLE) for text, _ in line)


def _tell_kind(preview: Preview) -> str:
    if not isinstance(preview, TextPreview) or not preview.can_page:
        return preview.title
    part = preview.part
    if not part.start and part.stop >= part.size:
        return f"{preview.title}, {size_text(part.size)}"
    share = round(100 * part.stop / max(1, part.size))
    where = "its end" if part.stop >= part.size else f"to {share} %"
    return f"{preview.title}, {size_text(part.size)}, {where}"


class _Reading:
    """Says that a part of the file is on its way, and how that ended."""

    def __init__(self, pane: PreviewPane) -> None:
        self._pane = pane

    async def __aenter__(self) -> None:
        self._pane.reading = self
        self._pane.show_title()

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> bool:
        pane = self._pane
        if pane.reading is not self:
            return False  # another read has replaced this one, and shows how it goes
        pane.reading = None
        if isinstance(error, CoexplorerError):
            pane.tell_error(error)
        if pane.is_attached:
            pane.draw()
        # Who is not signed in is asked for a token by the screen.
        is_told = isinstance(error, CoexplorerError)
        return is_told and not isinstance(error, NotSignedIn | OtherPerson)
