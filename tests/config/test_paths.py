"""The folders are those that platformdirs gives, which is too slow to ask on Linux."""

import os
import sys
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS

from coexplorer.config.paths import find_paths
from coexplorer.folders import APP, find_folders

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


@pytest.mark.parametrize("given", [None, "", "here", "/else/where", "/with a blank/"])
@pytest.mark.parametrize("name", NAMES)
def test_on_macos_likewise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, given: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for each in NAMES:
        monkeypatch.delenv(each, raising=False)
    if given is not None:
        monkeypatch.setenv(name, given)
    found = find_folders(os.environ, "darwin")
    wanted = MacOS(APP, appauthor=False)
    assert found is not None
    assert [Path(each) for each in found] == [
        wanted.user_config_path,
        wanted.user_cache_path,
        wanted.user_state_path,
    ]


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("home", [None, "", "home"])
def test_without_a_home_no_folder_is_guessed(platform: str, home: str | None) -> None:
    env = {} if home is None else {"HOME": home}
    assert find_folders(env, platform) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the standard is Linux's")
@pytest.mark.parametrize("relative", ["here", "./here", "~/here"])
def test_a_folder_that_depends_on_where_one_stands_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, relative: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", relative)
    assert find_paths().cache_dir == tmp_path / ".cache" / APP
