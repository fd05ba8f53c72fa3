"""``docs/config.md`` has every key that ``config.toml`` may have, and no other."""

from __future__ import annotations

import re
import tomllib

from coexplorer.config import file
from coexplorer.config.file import parse_config
from coexplorer.tui.columns import COLUMN_BY_ID
from coexplorer.tui.keys import build_keymap
from tests.support.pages import ROOT

PAGE = (ROOT / "docs" / "config.md").read_text("utf-8")
TABLES = re.split(r"In `\[(?:files|profiles\.NAME)\]`", PAGE.split("## An example")[0])
EXAMPLE = tomllib.loads(PAGE.split("```toml\n")[1].split("```")[0])


def find_keys(table: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_key_has_its_row() -> None:
    top, files, profile = map(find_keys, TABLES)
    assert sorted(files) == sorted(file._FILES_KEYS), "docs/config.md has a row for each"
    assert sorted(top) == sorted(file._TOP_KEYS), "docs/config.md has a row for each"
    assert sorted(profile) == sorted(file._PROFILE_KEYS), "docs/config.md has a row for each"


def test_the_example_uses_every_key_and_is_right() -> None:
    config = parse_config(EXAMPLE)
    assert config.warnings == ()
    assert set(EXAMPLE) == file._TOP_KEYS, "the example at the end of docs/config.md has them all"
    used = {key for profile in EXAMPLE["profiles"].values() for key in profile}
    assert used == file._PROFILE_KEYS
    assert set(EXAMPLE["files"]) == file._FILES_KEYS
    assert build_keymap(config.keys, config.actions).problems == ()


def test_every_column_is_named() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `columns` |")]
    assert re.findall(r"`(\w+)`", row)[1:] == list(COLUMN_BY_ID)
    assert set(EXAMPLE["columns"]) <= set(COLUMN_BY_ID)
