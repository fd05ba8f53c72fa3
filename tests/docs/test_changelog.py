"""CHANGELOG.md stays what a user gets, by group: a merge by lines brings old groups back."""

from __future__ import annotations

import re

from tests.support.pages import ROOT

GROUPS = [
    "Finding",
    "Editing",
    "Many at once",
    "Sharing and metadata",
    "Computations",
    "The app",
    "The mount",
    "Commands and scripts",
    "The embedded platform",
    "Safety",
]


def test_each_version_has_each_group_once_and_in_order() -> None:
    _, *versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    assert versions
    for version in versions:
        introduction, *groups = re.split(r"^### ", version, flags=re.MULTILINE)
        named = [group.partition("\n")[0] for group in groups]
        assert named == [name for name in GROUPS if name in named]
        assert "\n- " not in introduction, "an entry in no group"
        assert all("\n- " in group for group in groups), "a group without an entry"
