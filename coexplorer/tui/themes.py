"""How the app looks: themes and the style sheet that all screens share."""

from __future__ import annotations

import os
from collections.abc import Mapping

from textual.theme import Theme

DARK = "coexplorer-dark"
THEMES: dict[str, str] = {
    DARK: "dark",
    "textual-light": "light",
    "high-contrast": "high contrast",
    "ansi-dark": "the terminal's own 16 colors",
    "ansi-light": "the terminal's own 16 colors, on a light ground",
}


def build_themes() -> list[Theme]:
    """Return the themes of our own.

    Every color of the dark one is in the fixed part of the palette of 256, so that it is named in
    few bytes (`terminal.cells.shorten_color`): a row of the list has five changes of color.
    """
    return [
        Theme(
            name=DARK,
            primary="#0087d7",
            secondary="#005faf",
            warning="#ffaf5f",
            error="#d75f87",
            success="#5faf87",
            accent="#ffaf5f",
            foreground="#e4e4e4",
            background="#121212",
            surface="#1c1c1c",
            panel="#262626",
            dark=True,
            variables={
                "text": "#e4e4e4",
                "text-muted": "#9e9e9e",
                "text-accent": "#ffd787",
                "text-warning": "#ffaf5f",
                "text-error": "#ff8787",
                "text-success": "#87d7af",
                "text-primary": "#5fafff",
                "text-secondary": "#5f87af",
                "block-cursor-background": "#005faf",
                "block-cursor-foreground": "#ffffff",
                "block-cursor-blurred-background": "#303030",
            },
        ),
        Theme(
            name="high-contrast",
            primary="#ffff00",
            secondary="#00ffff",
            warning="#ffaf00",
            error="#ff5f5f",
            success="#00ff00",
            accent="#00ffff",
            foreground="#ffffff",
            background="#000000",
            surface="#000000",
            panel="#303030",
            dark=True,
            text_alpha=1.0,
            variables={
                "block-cursor-background": "#ffff00",
                "block-cursor-foreground": "#000000",
                "text-muted": "#ffffff",
            },
        ),
    ]


def choose_theme(remembered: str, env: Mapping[str, str] = os.environ) -> str:
    """Return the theme to start with; without colors the terminal's own look is the only one."""
    if env.get("NO_COLOR"):
        return "ansi-dark"
    return remembered if remembered in THEMES else DARK


STYLE = """
Screen { background: $background; scrollbar-size: 0 0; }
TagsScreen, CreateScreen, ConfirmScreen { background: $background 0%; }
App:ansi AssetList {
    .list--cursor, .list--cursor-blurred, .list--head {
        color: ansi_default; background: ansi_default; text-style: underline;
    }
    .list--cursor { text-style: bold reverse; }
}
App:ansi LongLines .picker--unfocused {
    color: ansi_default; background: ansi_default; text-style: underline;
}
App:ansi Picker .picker--cursor {
    color: ansi_default; background: ansi_default; text-style: bold reverse;
}
Toast { padding: 0 1; width: 60; max-width: 100%; }
ToastRack { margin: 0 0 1 0; scrollbar-size: 0 0; }
"""
