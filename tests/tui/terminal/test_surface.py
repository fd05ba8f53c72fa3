"""The private parts of Textual that `terminal` uses: these tests name what changed."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import split_graphemes
from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

ROOT = Path(__file__).parents[3]

PRIVATE_IMPORTS = {
    "textual._ansi_sequences.SYNC_END",
    "textual._ansi_sequences.SYNC_START",
    "textual._compositor.ChopsUpdate",
    "textual._compositor.Compositor",
    "textual._compositor.CompositorUpdate",
    "textual._compositor.LayoutUpdate",
    "textual._xterm_parser.XTermParser",
}
"""All private modules of Textual's that the app imports from; importing them is their test."""

PRIVATE_CALLS = {
    "_attach",
    "_build_driver",
    "_compositor_refresh",
    "_display",
    "_get_component_classes",
}
"""What is called on Textual's classes by `super()` or on a node; each is in `SURFACE`."""

SURFACE: list[tuple[Callable[..., object], list[str]]] = [
    (App._display, ["self", "screen", "renderable"]),
    (App._build_driver, ["self", "headless", "inline", "mouse", "size"]),
    (XTermParser.__init__, ["self", "debug"]),
    (XTermParser.feed, ["self", "data"]),
    (LayoutUpdate.__init__, ["self", "strips", "region"]),
    (ChopsUpdate.__init__, ["self", "chops", "spans", "chop_ends"]),
    (Strip.render_ansi, ["style", "color_system"]),
    (Compositor.render_update, ["self", "full", "screen_stack", "simplify"]),
    (Compositor.render_partial_update, ["self"]),
    (Widget.render_lines, ["self", "crop"]),
    (Screen._compositor_refresh, ["self"]),
    (LinuxDriver.__init__, ["self", "app", "debug", "mouse", "size"]),
    (LinuxDriver.write, ["self", "data"]),
    (LinuxDriver.flush, ["self"]),
    (LinuxDriver.start_application_mode, ["self"]),
    (LinuxDriver.stop_application_mode, ["self"]),
    (LinuxDriver.run_input_thread, ["self"]),
    (LinuxDriver.disable_input, ["self"]),
    (LinuxDriver.close, ["self"]),
    (LinuxDriver.suspend_application_mode, ["self"]),
    (LinuxDriver.resume_application_mode, ["self"]),
    (LinuxDriver._get_terminal_size, ["self"]),
    (LinuxDriver._sigtstp_application, ["self", "_"]),
    (LinuxDriver._sigcont_application, ["self", "_"]),
    (App.copy_to_clipboard, ["self", "text"]),
    (App.on_event, ["self", "event"]),
    (split_graphemes, ["text", "unicode_version"]),
    (DOMNode.__init__, ["self", "name", "id", "classes"]),
    (DOMNode._attach, ["self", "parent"]),
    (DOMNode._get_component_classes, []),
    (DOMNode.get_component_styles, ["self", "names"]),
    (DOMNode.notify_style_update, ["self"]),
    (Stylesheet.apply, ["self", "node", "animate", "cache"]),
]


@pytest.mark.parametrize(
    ("function", "parameters"), SURFACE, ids=[function.__qualname__ for function, _ in SURFACE]
)
def test_textual_still_has_what_the_terminal_room_touches(
    function: Callable[..., object], parameters: list[str]
) -> None:
    assert list(inspect.signature(function).parameters) == parameters


def test_updates_of_the_screen_are_still_of_the_kinds_that_the_layer_reads() -> None:
    kinds = {kind.__name__ for kind in CompositorUpdate.__subclasses__()}
    assert kinds == {"LayoutUpdate", "ChopsUpdate", "InlineUpdate"}


def test_a_screen_still_draws_by_a_compositor_that_knows_which_widgets_make_up_a_row() -> None:
    compositor = Screen()._compositor
    assert type(compositor) is Compositor
    assert compositor._dirty_regions == set()
    assert compositor.layers_visible == []


def test_a_driver_still_keeps_its_size_threads_and_settings_where_ours_looks() -> None:
    source = inspect.getsource(LinuxDriver)
    for name in ("_writer_thread", "_key_thread", "attrs_before", "exit_event", "fileno"):
        assert f"self.{name}" in source
    assert "self._driver._size" in inspect.getsource(App.size.fget)  # type: ignore[attr-defined]  # a property


def test_the_console_still_says_how_many_colours_it_has() -> None:
    assert hasattr(Console(), "_color_system")


def test_whatever_is_private_and_touched_is_listed() -> None:
    imports, calls = set(), set()
    for path in (ROOT / "coexplorer").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual._"):
                imports |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                own = path.is_relative_to(ROOT / "coexplorer" / "tui" / "terminal")
                if own and not node.attr.endswith("__") and _is_of_textual(node.value):
                    calls.add(node.attr)
    assert imports == PRIVATE_IMPORTS
    assert calls == PRIVATE_CALLS
    named = {function.__name__ for function, _ in SURFACE}
    assert named >= PRIVATE_CALLS


def _is_of_textual(value: ast.expr) -> bool:
    """Tell whether something private is asked of a superclass or a node of the DOM."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id == "super"
    return isinstance(value, ast.Name) and value.id == "node"
