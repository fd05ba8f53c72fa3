"""How the app looks: themes and the style sheet that all screens share."""

from __future__ import annotations

import os
from collections.abc import Mapping

from textual.theme import Theme

THEMES: dict[str, str] = {
    "textual-dark": "dark",
    "textual-light": "light",
    "high-contrast": "high contrast",
    "ansi-dark": "the terminal's own 16 colours",
    "ansi-light": "the terminal's own 16 colours, on a light ground",
}


def build_themes() -> list[Theme]:
    """Return the themes of our own."""
    return [
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
        )
    ]


def choose_theme(remembered: str, env: Mapping[str, str] = os.environ) -> str:
    """Return the theme to start with; without colours the terminal's own look is the only one."""
    if env.get("NO_COLOR"):
        return "ansi-dark"
    return remembered if remembered in THEMES else "textual-dark"


STYLE = """
Screen { background: $background; scrollbar-size: 0 0; }
App:ansi AssetList {
    .list--cursor, .list--cursor-blurred, .list--head {
        color: ansi_default; background: ansi_default; text-style: underline;
    }
    .list--cursor { text-style: bold reverse; }
}
Toast { padding: 0 1; width: 60; max-width: 100%; }
ToastRack { margin: 0 0 1 0; }
"""
