"""The folders are those that platformdirs gives, which is too slow to ask on Linux."""

import sys
from pathlib import Path

import platformdirs
import pytest

from coexplorer.config.paths import APP, find_paths

NAMES = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")


@pytest.mark.parametrize("given", [None, "", "/else/where", "/with a blank/", "/a/../b", "/a//b"])
@pytest.mark.parametrize("name", NAMES)
def test_folders_are_those_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, given: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for each in NAMES:
        monkeypatch.delenv(each, raising=False)
    if given is not None:
        monkeypatch.setenv(name, given)
    found = find_paths()
    assert found.config_dir == platformdirs.user_config_path(APP, appauthor=False)
    assert found.cache_dir == platformdirs.user_cache_path(APP, appauthor=False)
    assert found.state_dir == platformdirs.user_state_path(APP, appauthor=False)


@pytest.mark.skipif(sys.platform != "linux", reason="the standard is Linux's")
@pytest.mark.parametrize("relative", ["here", "./here", "~/here"])
def test_a_folder_that_depends_on_where_one_stands_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, relative: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", relative)
    assert find_paths().cache_dir == tmp_path / ".cache" / APP
