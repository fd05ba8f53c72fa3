"""How the program says that it is called: what it says works in a new terminal."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from coexplorer.cli.program_path import find_call
from coexplorer.config.paths import name_in_shell

SCRIPT = "#!/bin/sh\necho called\n"


def make_script(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "coexplorer"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    return script


@pytest.fixture
def home() -> Path:
    return Path(os.environ["HOME"])


def call_in_new_terminal(call: str, folder: Path, path: str = "/usr/bin:/bin") -> str:
    done = subprocess.run(
        ["sh", "-c", call],
        env={"HOME": os.environ["HOME"], "PATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["clone/.venv/bin", "my data's $HOME/.venv/bin", "~/bin"])
def test_a_program_that_is_not_on_the_path_is_called_by_its_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for top in (home, tmp_path):
        script = make_script(top / name)
        monkeypatch.chdir(top)
        for called in (os.path.relpath(script, top), str(script)):
            monkeypatch.setattr(sys, "argv", [called])
            call = find_call()
            assert call_in_new_terminal(call, Path("/")) == "called"
            assert call.startswith("~/") == (top == home)


def test_a_program_on_the_path_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = make_script(tmp_path / "tools" / "coexplorer" / "bin")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "coexplorer").symlink_to(tool)
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    monkeypatch.setenv("PATH", path)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    for called in (tool, tmp_path / "bin" / "coexplorer"):
        monkeypatch.setattr(sys, "argv", [str(called)])
        assert find_call() == "coexplorer"
    assert call_in_new_terminal("coexplorer", Path("/"), path) == "called"


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_environment_that_is_active_here_is_not_so_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    script = make_script(tmp_path / "env" / "bin")
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    monkeypatch.setenv(variable, str(tmp_path / "env"))
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert call_in_new_terminal(find_call(), Path("/")) == "called"


def test_another_program_of_the_same_name_on_the_path_is_not_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, own = make_script(tmp_path / "other"), make_script(tmp_path / "own")
    monkeypatch.setenv("PATH", f"{other.parent}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "argv", [str(own)])
    assert find_call() == str(own)


def test_a_module_is_called_by_the_script_beside_its_python_or_as_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "__main__.py")])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert shlex.split(find_call())[1:] == ["-m", "coexplorer"]
    script = make_script(tmp_path / "bin")
    assert find_call() == str(script)


def test_a_home_at_the_root_shortens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert name_in_shell(Path("/opt/x")) == "/opt/x"
