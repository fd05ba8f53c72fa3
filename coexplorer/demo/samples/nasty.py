"""Names, descriptions and tags that break careless programs; every sample has some of each kind.

People, uploaders and other platforms' exports really produce most of them; a few come from somebody
with bad intentions.
"""

from __future__ import annotations

from dataclasses import dataclass

from coexplorer.demo.samples.descriptions import build_long_description
from coexplorer.demo.samples.files import VAST

LONGEST_FILE_NAME_BYTES = 255
"""NAME_MAX of Linux file systems (limits.h)."""


@dataclass(frozen=True, slots=True)
class Nasty:
    """One kind of trouble.

    Attributes:
        kind: What it is, for tests and for people who look for one.
        name: The asset's name.
        description: Its description; most have none.
        tags: Its tags.
        tree: Its files (`files`).
    """

    kind: str
    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    tree: str = "nasty"


def _fill(text: str, size_bytes: int) -> str:
    """Repeat a text to an exact size in UTF-8, filled up with ASCII."""
    times, rest = divmod(size_bytes, len(text.encode()))
    return text * times + "x" * rest


NASTY = (
    Nasty("duplicate", "ecephys_690706_2023-11-02_14-05-51"),
    Nasty("duplicate", "ecephys_690706_2023-11-02_14-05-51"),
    Nasty("duplicate", "ecephys_690706_2023-11-02_14-05-51"),
    Nasty("case", "Behavior pilot data"),
    Nasty("case", "behavior Pilot data"),
    Nasty("slash", "cohort 7/mouse 655019/day 3"),
    Nasty("slash", "/"),
    Nasty("dots", ".hidden_session"),
    Nasty("dots", "..."),
    Nasty("dots", ".."),
    Nasty("255 bytes", _fill("脳の記録", LONGEST_FILE_NAME_BYTES)),
    Nasty("256 bytes", _fill("mémoire·", LONGEST_FILE_NAME_BYTES + 1)),
    Nasty("500 bytes", "ecephys_655019_" + _fill("🧠", 485)),
    Nasty("right to left", "תיעוד קליפת המוח 655019"),
    Nasty("right to left", "report_\u202egnp.exe"),
    Nasty("combining", "Z\u0335\u0321a\u0337\u0322l\u0334\u0323g\u0336\u0324o\u0338 plane 3"),
    Nasty("combining", "Re\u0301sume\u0301 of cafe\u0301 sessions"),
    Nasty("combining", "Résumé of café sessions"),
    Nasty("wide", "大脑皮层单细胞转录组测序_第三批"),
    Nasty("wide", "🧠🔬 pilot 👩🏽‍🔬👨‍👩‍👧‍👦 🇳🇴"),
    Nasty("zero width", "ecephys\u200b_655019\u2060_pilot\ufeff"),
    Nasty("escape", "title \x1b]52;c;Y3VybCBldmls\x07 clipboard"),
    Nasty("escape", "clear \x1b[2J\x1b[H screen"),
    Nasty("escape", "C1 \x9b2J \x9d0;owned\x9c"),
    Nasty("control", "bell\x07 back\x08\x08 delete\x7f"),
    Nasty("line break", "two\nlines of name"),
    Nasty("line break", "tab\tand return\rover"),
    Nasty("markup", "atlas [/v1]"),
    Nasty("markup", "atlas [v2] [bold red]hot[/] [link=https://evil.example]x[/link]"),
    Nasty("markup", "$(touch pwned) `id` ${HOME}; rm -rf *"),
    Nasty("percent", "session%2F655019"),
    Nasty("percent", "100%25 complete %"),
    Nasty("spaces", "trailing spaces   "),
    Nasty("spaces", "   leading spaces"),
    Nasty("tilde", "~"),
    Nasty("tilde", "ecephys_690706_2023-11-02_14-05-51~1a2b3c4d"),
    Nasty("dash", "--help"),
    Nasty("quotes", "O'Brien's \"best\" \\ session, *?"),
    Nasty("long description", "Notes of a long project", build_long_description(10_000)),
    Nasty(
        "description",
        "description with everything in it",
        "tab\there\r\nand CRLF\n\n\x1b[31mred\x1b[0m \x1b]0;title\x07 [/b] [red]\n"
        "<script>alert(1)</script>\n\n```\nunclosed fence\n\n| a | b\n|--\n\n"
        "[![x](y)](javascript:alert(1))\n" + "no-space-" * 60 + "\n\u202eright to left",
    ),
    Nasty("blank description", "description of blanks", " \n\t\n  "),
    Nasty(
        "tags",
        "tags that bite",
        tags=(
            "two words",
            "tag:raw",
            "key: value",
            "脑",
            "🧠 wide",
            "Raw",
            "raw",
            "[red]",
            "a/b",
            "-minus",
            '"quoted"',
            "comma, separated",
            "\x1b[2Jescape",
        ),
    ),
    Nasty("tags", "very many tags", tags=tuple(f"plate-{n:03d}" for n in range(120)), tree=VAST),
)
"""In this order; the first `len(NASTY)` assets of the share are one of each."""

SHARE = 0.01
"""How many of a large sample's assets are nasty ones."""


def count_nasty(count: int) -> int:
    """Say how many of `count` assets are nasty: at least one of each kind if there is room."""
    return min(count * 3 // 4, max(len(NASTY), int(count * SHARE)))
