"""Writes the pictures of this folder: the app on sample data, at a fixed size, seed and clock.

    python screenshots/make.py [NAME …]      without names: all

Each picture is what the app drew after the keys of its scene, as SVG. The same program writes the
same bytes, so that a picture changes when what it shows does. With --png, rsvg-convert (Debian:
librsvg2-bin) makes a PNG of each, to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.demo.asset import Role
from coexplorer.demo.samples import CLOCK, generate
from coexplorer.demo.server import DemoServer
from coexplorer.models import Secret
from coexplorer.text import width
from coexplorer.tui.themes import DARK
from tests.support.tui import Running, running_app

HERE = Path(__file__).parent
SEED = 1
ASSETS = 1_200
LARGE, SMALL = (120, 36), (80, 24)
RAW = "tag:all(raw,ecephys) state:ready"
NOTE = "Probe B drifted during the first *ten minutes*. "
CALM_LOOKS = 10
CELL = 12.2  # what Rich gives a cell
BLANK = "&#160;"
TEXT = re.compile(
    r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"([^>]*)>([^<]*)</text>'
)

BACKGROUND = re.compile(r'<rect fill="([^"]*)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"([^>]*)/>')
BACKGROUNDS = re.compile(f"(?:{BACKGROUND.pattern}){{2,}}")
TOUCHING = 0.05


@dataclass(frozen=True)
class Scene:
    """A picture: how the app gets there."""

    play: Callable[[Running], Awaitable[None]]
    size: tuple[int, int] = LARGE
    theme: str = DARK


async def browse(app: Running) -> None:
    """An asset with a description, tags and sources."""
    await find(app, "tag:ecephys state:ready")
    await app.go_to("ecephys_729875_2026-03-05_14-23-38_sorted_2026-03-06_13-41-34")


async def search(app: Running) -> None:
    """A search while it is typed, with what could complete it."""
    await app.press("/")
    await app.type("is:mine size:>1TB tag:raw")
    await app.until_shown(f" of {ASSETS:,}")


async def edit(app: Running) -> None:
    """All fields are open, where they were shown."""
    await find(app, RAW)
    await app.press("e", "tab")
    await app.type(NOTE)


async def tags(app: Running) -> None:
    """A tag is completed, with its uses."""
    await find(app, RAW)
    await app.press("j", "t")
    await app.type("e")


async def share(app: Running) -> None:
    """Who can see an asset, above the question who should."""
    await find(app, RAW)
    row = app.main.rows.current
    if row is None:
        raise RuntimeError("there is no asset")
    app.server.store.update(
        row.id,
        everyone="none",
        groups={"Imaging": Role.VIEWER, "Data stewards": Role.EDITOR},
        roles={"jonas.lind@example.org": Role.VIEWER},
    )
    await app.press("p")
    await app.until_shown("who can see it:", "Imaging")
    await app.press("down")


async def plan(app: Running) -> None:
    """Marked assets get a tag, which one of them has already: what changes, before it does."""
    await find(app, RAW)
    await app.press("j", "j", "+")
    await app.until_shown("add tag")
    await app.type("keep")
    await app.press("enter")
    await app.until(lambda: bool(app.server.requests("PUT", answered=True)), "the tag")
    await app.until_gone("↑")
    await app.press("g", *["space"] * 7, "+")
    await app.until_shown("add tag")
    await app.type("keep")
    await app.press("enter")
    await app.until_shown("add tag keep: ")


async def conflict(app: Running) -> None:
    """The asset was changed elsewhere while the fields were open."""
    await find(app, RAW)
    await app.press("e")
    row = app.main.rows.current
    if row is None:
        raise RuntimeError("there is no asset")
    stored = app.stored(row.id)
    app.server.store.update(
        row.id,
        name=f"{stored.name}_bad-sync",
        description="Sync line lost after 41 minutes: *don't use* before it is repaired.\n",
        tags=(*stored.tags, "reviewed"),
    )
    await app.type("_drift")
    await app.press("tab")
    await app.type(NOTE)
    await app.press("ctrl+s")
    await app.until_shown("changed elsewhere")
    await app.press("m", "j")


async def log(app: Running) -> None:
    """A refused edit on top of what was done; a change of three assets is unfolded."""
    await find(app, RAW)
    await app.press("space", "space", "space", "+")
    await app.until_shown("add tag")
    await app.type("keep")
    await app.press("enter")
    await app.until_shown("add tag keep: ")
    await app.press("y")
    await app.until_shown("3 done")
    await app.press("escape")
    await app.until_shown("Name")
    await app.press("_", "a")
    await app.until(lambda: bool(app.server.requests("PATCH", answered=True)), "archived")
    await app.until_gone("↑")
    app.server.faults.add(403, "PUT")
    await app.press("j", "r")
    await app.type("_recovered")
    await app.press("enter")
    await app.until_shown("1 refused (L)")
    await app.until_gone("your text is kept")
    await app.press("L")
    await app.until_shown("1 refused", "messages of this session")
    await app.press("j", "j", "enter")
    await app.until_shown("▾")


async def open_files(app: Running) -> None:
    """The files of an asset, and the structure of one."""
    await find(app, "ecephys_729875_2026-03-05_14-23-38 tag:raw")
    await app.press("f")
    await open_file(app, "ecephys")
    await open_file(app, "session.nwb")
    await app.until_shown("HDF5")
    await app.press("tab", "j", "j", "j")


async def open_file(app: Running, name: str) -> None:
    """Open a file or folder by its name."""
    await app.until_shown(name)
    await app.press("/", "ctrl+u")
    await app.type(name)
    await app.press("enter")
    await app.until(lambda: not app.app.typing, "the question gone")
    await app.press("escape", "enter")


async def show_help(app: Running) -> None:
    """All keys, and why some can't be used."""
    await app.press("?")


async def small(app: Running) -> None:
    """The list alone."""
    await find(app, RAW)
    await app.press("j", "j")


SCENES = {
    "browse": Scene(browse),
    "search": Scene(search),
    "edit": Scene(edit),
    "tags": Scene(tags),
    "share": Scene(share),
    "plan": Scene(plan),
    "conflict": Scene(conflict),
    "log": Scene(log),
    "files": Scene(open_files),
    "help": Scene(show_help),
    "light": Scene(browse, theme="textual-light"),
    "80x24": Scene(small, SMALL),
}


async def find(app: Running, text: str) -> None:
    """Search, and go to what was found."""
    await app.press("/")
    await app.type(text)
    await app.until_shown(f" of {ASSETS:,}")
    await app.press("enter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="; ".join(SCENES))
    parser.add_argument("--png", type=Path, metavar="FOLDER", help="put PNGs there, too")
    options = parser.parse_args()
    hold_the_machine_out()
    for name in options.names or SCENES:
        path = HERE / f"{name}.svg"
        path.write_text(asyncio.run(draw(SCENES[name])), encoding="utf-8")
        print(path.relative_to(HERE.parent), f"{path.stat().st_size:,} bytes", flush=True)
        if options.png:
            options.png.mkdir(exist_ok=True)
            target = options.png / f"{name}.png"
            subprocess.run(["rsvg-convert", "-o", str(target), str(path)], check=True)


def hold_the_machine_out() -> None:
    """Stop the clock, and forget the zone, the colours and the programs of this machine."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    time.time = lambda: float(CLOCK)
    shutil.which = lambda *_, **__: None
    for name in ("NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "TEXTUAL_THEME"):
        os.environ.pop(name, None)


async def draw(scene: Scene) -> str:
    """Play a scene and return its picture."""
    ids = random.Random(SEED)  # noqa: S311 - the same people in each picture
    uuid.uuid4 = lambda: uuid.UUID(int=ids.getrandbits(128), version=4)
    with tempfile.TemporaryDirectory() as folder, DemoServer(Path(folder) / "server") as server:
        me, colleague = (user.email for user in server.users[:2])
        server.store.insert(generate(ASSETS, seed=SEED, now=CLOCK, owner=me, colleague=colleague))
        settings = build_settings(server, Path(folder) / "mine")
        async with running_app(server, settings, size=scene.size) as app:
            app.app.theme = scene.theme
            await app.until_shown("1 All")
            await scene.play(app)
            await rest(app)
            return clean_picture(app.app.export_screenshot(title="coexplorer"))


def build_settings(server: DemoServer, folder: Path) -> Settings:
    """Return a profile that names no machine."""
    return Settings(
        profile="maya",
        base_url=server.url,
        domain="codeocean.example.org",
        token_source=GivenToken("screenshots", Secret(server.users[0].token)),
        catalog_path=folder / "catalog.sqlite3",
        journal_path=folder / "journal.sqlite3",
        paths=Paths(folder / "config", folder / "cache", folder / "state"),
        mount_folder=folder / "mount",
    )


async def rest(app: Running) -> None:
    """Wait until nothing on the screen changes any more."""
    calm, shown = 0, ""
    while calm < CALM_LOOKS:
        await app.pilot.pause(0.05)
        text = app.text()
        calm, shown = (calm + 1 if text == shown else 0), text


def clean_picture(svg: str) -> str:
    """Take out what leads to other machines (fonts), and place each word."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "shot", svg)
    svg = svg.replace("Fira Code", "Fira Code, DejaVu Sans Mono, Menlo, Consolas")
    svg = BACKGROUNDS.sub(_join_alike, svg)
    svg = TEXT.sub(_place, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _join_alike(found: re.Match[str]) -> str:
    """Join backgrounds that touch and look the same: where they meet depends on what was drawn."""
    joined: list[tuple[str, float, str, float, str]] = []
    for fill, x, y, cells, rest in BACKGROUND.findall(found[0]):
        if joined:
            last_fill, start, last_y, length, last_rest = joined[-1]
            touches = abs(start + length - float(x)) < TOUCHING
            if touches and (last_fill, last_y, last_rest) == (fill, y, rest):
                joined[-1] = (fill, start, y, length + float(cells), rest)
                continue
        joined.append((fill, float(x), y, float(cells), rest))
    return "".join(
        f'<rect fill="{fill}" x="{x:g}" y="{y}" width="{length:g}"{rest}/>'
        for fill, x, y, length, rest in joined
    )


def _place(found: re.Match[str]) -> str:
    """Give each word its own place: columns stand also where the font is narrower than ours.

    Browsers fit a text into its length; other viewers don't know of it.
    """
    style, start, y, rest, text = found.groups()
    parts = []
    at = float(start)
    for word in re.split(f"({BLANK}+)", text):
        cells = width(html.unescape(word))
        if word and not word.startswith(BLANK):
            parts.append(
                f'<text class="{style}" x="{at:g}" y="{y}" textLength="{CELL * cells:g}"'
                f' lengthAdjust="spacingAndGlyphs"{rest}>{word}</text>'
            )
        at += CELL * cells
    return "".join(parts)


if __name__ == "__main__":
    main()
