"""``demo`` and ``serve`` on a full disk: one sentence, and a normal start once there is space.

The disks are small ones, in a namespace of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.namespaces import UNSHARE
from tests.support.program import TIMEOUT_S, program_command

TRIED_THEN_GROWN = """
set -e
mount -t tmpfs -o size="$2" tmpfs "$1"
export HOME="$1/home"
mkdir "$HOME"
if [ "$3" = full ]; then dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null || true; fi
shift 3
code=0; "$@" </dev/null >&2 || code=$?
echo "$code"
mount -o remount,size=200m "$HOME/.."
echo "--- grown" >&2
"$@" $AGAIN </dev/null | head -1
"""
"""Runs a command on a small disk, then on the same one with room; shows the code and a line."""

SERVE = ("serve", "--json", "--until-stdin-ends")


@pytest.mark.parametrize(
    ("size", "again"),
    [
        *((size, "") for size in ("8m full", "60k", "300k", "2m")),
        ("60k", "--fresh"),
        ("2m", "--fresh"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_full_disk_is_one_sentence_and_the_next_start_works(
    tmp_path: Path, command: str, size: str, again: str
) -> None:
    place = tmp_path / "small"
    place.mkdir()
    room, _, full = size.partition(" ")
    data = ("--data", f"{place}/home/data") if command == "serve" else ("--tour",)
    argv = program_command(*(SERVE if command == "serve" else ("demo",)), *data)
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", TRIED_THEN_GROWN, "sh", place, room, full, *argv],
        env={**env, "PYTHONPATH": os.pathsep.join(sys.path), "AGAIN": again},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    first, _, second = done.stderr.partition("--- grown\n")
    code, *lines = done.stdout.splitlines()
    assert code == "9", first
    assert "mistake in coexplorer" not in done.stderr
    told = [line for line in first.splitlines() if line.startswith("coexplorer: ")]
    assert len(told) == 1, first
    assert "full" in first or "No space left" in first
    assert "--fresh" not in first
    assert lines, second
    if command == "serve":
        assert json.loads(lines[0])["url"]
