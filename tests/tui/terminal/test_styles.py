"""Component styles that are computed late are the same as the ones Textual computes early."""

from typing import ClassVar

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.widget import Widget

from coexplorer.tui.terminal.styles import LazyStyles

CSS = """
Early, Late { background: $surface; height: 1; }
.part--one { color: $text-muted; text-style: bold; }
.part--two { background: $primary; color: $text; }
.narrow .part--one { color: $text-error; }
"""
PARTS = ("part--one", "part--two")


class Early(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = set(PARTS)


class Late(LazyStyles):
    COMPONENT_CLASSES: ClassVar[set[str]] = set(PARTS)

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[Style] = []

    def render(self) -> str:
        self.drawn.append(self.get_component_rich_style("part--one"))
        return "late"


class Both(App[None]):
    CSS = CSS

    def compose(self) -> ComposeResult:
        yield Early()
        yield Late()


async def test_late_styles_are_the_early_ones_also_after_a_change() -> None:
    app = Both()
    async with app.run_test() as pilot:
        early, late = app.query_one(Early), app.query_one(Late)

        def check() -> None:
            for name in PARTS:
                expected = early.get_component_rich_style(name)
                assert late.get_component_rich_style(name) == expected

        check()
        first = late.drawn[-1]
        app.theme = "textual-light"
        await pilot.pause()
        check()
        second = late.drawn[-1]
        assert second == early.get_component_rich_style("part--one") != first
        app.screen.add_class("narrow")
        await pilot.pause()
        check()
        assert late.drawn[-1] == early.get_component_rich_style("part--one") != second
        with pytest.raises(KeyError):
            late.get_component_styles("part--three")
