"""The base of the app: every frame leaves through the output layer, when the link is free.

What makes it a job of a shell is in `jobapp`.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import Generic, TypeVar

from rich.style import Style
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.driver import Driver
from textual.geometry import Offset
from textual.screen import Screen

from coexplorer.tui import opening
from coexplorer.tui.last_screen import Capture
from coexplorer.tui.terminal.capabilities import read_capabilities
from coexplorer.tui.terminal.cells import PLAIN, Pen
from coexplorer.tui.terminal.clipboard import build_copies
from coexplorer.tui.terminal.driver import QuietDriver
from coexplorer.tui.terminal.jobapp import JobApp
from coexplorer.tui.terminal.layer import OutputLayer

_Result = TypeVar("_Result")
_SYNC_WORTH_BYTES = 600
"""A frame that is shorter arrives in one piece, so it goes without its brackets."""

_LONGEST_HOLD_S = 2.0
"""The first frame stands for so long at most."""

_SIZE_WAITS_S = 1.0
"""After this long, a terminal that still reports no size is told what the app waits for."""

_NO_SIZE = (
    "\x1b[H\x1b[2Jcoexplorer is waiting: this terminal reports no size yet.\r\n"
    "If it never does: press q, run `stty columns 80 rows 24`, and start again.\r\n"
)


class TerminalApp(JobApp[_Result], Generic[_Result]):
    """An app that sends differences, paced by the terminal's answers.

    Headless (in tests) and with `opening.SWITCH` set, frames leave as Textual writes
    them.

    Attributes:
        typed_search: The search that was typed on the first frame. It does not come as keys again,
            unless this is made empty before the app runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._layer: OutputLayer | None = None
        self._frame_waits = False
        self._frame_timer: asyncio.TimerHandle | None = None
        self._painted = opening.take()
        self._holds = self._painted is not None
        self._size_timer: asyncio.TimerHandle | None = None
        self.typed_search = self._painted.search if self._painted is not None else ""

    @property
    def holds_output(self) -> bool:
        """Whether the first frame stands, and nothing is drawn until `begin_output`.

        It makes way for another screen above the first one, and for another size.
        """
        painted = self._painted
        fits = painted is not None and painted.size == tuple(self.size)
        return self._holds and fits and len(self.screen_stack) <= 1

    def on_load(self) -> None:
        """Remove the first frame when its time is up, whatever keeps the app from its rows."""
        if self._holds:
            asyncio.get_running_loop().call_later(_LONGEST_HOLD_S, self.begin_output)

    def on_resize(self) -> None:
        """Draw for the size once it is known; it may be the one that was assumed."""
        driver = self._find_driver()
        if driver is None:
            return
        if driver.lacked_size and driver.has_size:
            driver.lacked_size = False
            self.repaint()
        elif not driver.has_size and self._size_timer is None:
            loop = asyncio.get_running_loop()
            self._size_timer = loop.call_later(_SIZE_WAITS_S, self._tell_no_size)

    def _tell_no_size(self) -> None:
        self._size_timer = None
        driver = self._find_driver()
        if driver is not None and driver.is_active and not driver.has_size:
            driver.write(_NO_SIZE)
            driver.flush()

    def copy_to_clipboard(self, text: str) -> None:
        """Copy what was selected in a field, in the same way."""
        self.write_copies(text)

    def write_copies(self, text: str) -> bool:
        """Write what puts a text on the terminal's clipboard; tell whether it has one."""
        self._clipboard = text
        copies = build_copies(text, os.environ)
        if self._driver is not None:
            for copy in copies:
                self._driver.write(copy)
            self._driver.flush()
        return bool(copies)

    def begin_output(self) -> None:
        """Take the screen over from the first frame: what differs is sent."""
        if self._holds:
            self._holds = False
            self.screen.refresh(layout=True, repaint=True)

    def capture_frame(self) -> Capture | None:
        """Return what the screen would show if it were painted now; None without the layer."""
        driver = self._find_driver()
        if driver is None:
            return None
        update = self._render_all()
        rows = self._find_layer(driver).read(update) if update is not None else None
        if rows is None or len(rows) != self.size.height:
            return None
        terminal = read_capabilities(os.environ.get("TERM", ""))
        ordered = [rows[y] for y in range(self.size.height)]
        size = (self.size.width, self.size.height)
        return Capture(ordered, size, terminal)

    def find_pen(self, style: Style) -> Pen:
        """Return how a style looks on this terminal; for a screen that was captured."""
        driver = self._find_driver()
        return PLAIN if driver is None else self._find_layer(driver).find_pen(style)

    def _build_driver(
        self,
        headless: bool,  # noqa: FBT001 - as Textual calls it
        inline: bool,  # noqa: FBT001
        mouse: bool,  # noqa: FBT001
        size: tuple[int, int] | None,
    ) -> Driver:
        driver = super()._build_driver(headless, inline, mouse, size)
        if isinstance(driver, QuietDriver) and self._painted is not None:
            typed = b"" if self.typed_search else self._painted.typed
            driver.take_over(self._painted.terminal, typed)
        return driver

    def repaint(self) -> None:
        """Send the whole screen again, whatever the terminal shows (ctrl+l, after an editor)."""
        if self._layer is not None:
            self._layer.model.forget()
        super().repaint()

    def _display(self, screen: Screen[object], renderable: object) -> None:
        driver = self._find_driver()
        if driver is None or not isinstance(renderable, CompositorUpdate):
            if self._layer is not None and renderable is not None:
                self._layer.model.forget()
            super()._display(screen, renderable)  # type: ignore[arg-type]  # as Textual calls it
            return
        if self._batch_count or not self._running or self._closed:
            return
        try:
            self._show(driver, renderable)
        except Exception as error:  # noqa: BLE001 - as Textual does: shown as a crash, not hidden
            self._handle_exception(error)
        finally:
            self.post_display_hook()

    def _find_driver(self) -> QuietDriver | None:
        driver = self._driver
        if not isinstance(driver, QuietDriver) or driver.is_inline or not opening.is_on():
            return None
        return driver

    def _find_layer(self, driver: QuietDriver) -> OutputLayer:
        if self._layer is None:
            terminal = read_capabilities(os.environ.get("TERM", ""))
            self._layer = OutputLayer(
                self.console._color_system,  # noqa: SLF001 - as Textual's own output reads it
                terminal,
            )
            driver.on_answer = self._send_waiting_frame
            self._adopt(self._layer)
        return self._layer

    def _adopt(self, layer: OutputLayer) -> None:
        """Tell the layer what the first frame left on the screen."""
        painted, self._painted = self._painted, None
        if painted is None:
            return
        layer.resize(*painted.size)
        with suppress(ValueError):
            rows = opening.read_rows(painted)
            layer.model.adopt([() if y in painted.unknown else row for y, row in enumerate(rows)])

    def _show(self, driver: QuietDriver, update: CompositorUpdate) -> None:
        if self.holds_output or not driver.has_size:
            return
        layer = self._find_layer(driver)
        self._holds = False
        layer.resize(*self.size)
        now = time.monotonic()
        if self._frame_waits or not driver.pacer.may_send(now):
            # Newer screens replace the one that waits: the compositor has it when it goes.
            self._frame_waits = True
            if driver.pacer.may_send(now):
                self._send_waiting_frame()
            elif self._frame_timer is None:
                loop = asyncio.get_running_loop()
                self._frame_timer = loop.call_later(
                    driver.pacer.wait_s(now), self._send_waiting_frame
                )
            return
        written = layer.render(update)
        if written is None:
            layer.model.forget()
            written = update.render_segments(self.console)
        self._send(driver, written, now)

    def _send_waiting_frame(self) -> None:
        if self._frame_timer is not None:
            self._frame_timer.cancel()
            self._frame_timer = None
        driver = self._find_driver()
        if not self._frame_waits or driver is None or self._closed:
            return
        if not driver.pacer.may_send(time.monotonic()):
            return
        self._frame_waits = False
        update = self._render_all()
        if update is not None:
            self._display(self.screen, update)

    def _render_all(self) -> LayoutUpdate | None:
        update = self.screen._compositor.render_update(  # noqa: SLF001 - listed in test_surface
            full=True, screen_stack=self._background_screens
        )
        return update if isinstance(update, LayoutUpdate) else None

    def find_cursor(self) -> Offset:
        """Return where the terminal's cursor rests: in the field, or on what is chosen in a list.

        It is not seen there, but screen readers and braille displays follow it.
        """
        focused = self.screen.focused
        for name in ("chosen_place", "cursor_screen_offset"):  # ours; a field's of Textual's
            place = getattr(focused, name, None)
            if isinstance(place, Offset):
                return place
        return self.cursor_position

    def _send(self, driver: QuietDriver, written: str, now: float) -> None:
        x, y = place = self.screen.outer_size.clamp_offset(self.find_cursor())
        moved = place != self._previous_cursor_position
        if not written and not moved:
            return
        self._previous_cursor_position = place
        park = f"\x1b[{y + 1};{x + 1}H"
        data = written + park
        if self._sync_available and len(written) > _SYNC_WORTH_BYTES:
            data = SYNC_START + data + SYNC_END
        driver.write(data + driver.pacer.end_frame(now))
        driver.flush()
