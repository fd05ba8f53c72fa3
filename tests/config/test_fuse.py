"""What is missing for the mount: named before anything is mounted, with one command to get it."""

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.config import fuse

SCRIPT = Path(__file__).parents[2] / "scripts" / "system-packages.sh"
NOBODY = 65534


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a device, the library, and no programs but those in a folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "fuse").touch()
    monkeypatch.setattr(fuse, "DEVICE", tmp_path / "fuse")
    monkeypatch.setenv("PATH", str(folder))
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: object() if name == "pyfuse3" else find_spec(name),
    )
    fuse._build_command.cache_clear()
    return folder


@pytest.fixture
def no_library(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same without the library."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyfuse3" else find_spec(name)
    )
    return programs


def add(folder: Path, *names: str) -> None:
    for name in names:
        shutil.copy("/bin/true", folder / name)


def find_hint() -> str:
    fault = fuse.find_mount_fault()
    assert fault is not None
    return fault.hint


def test_a_machine_with_everything_can_mount(programs: Path) -> None:
    add(programs, "fusermount3")
    assert fuse.find_mount_fault() is None


@pytest.mark.parametrize("manager", fuse.PACKAGES)
def test_one_command_brings_everything(no_library: Path, manager: str) -> None:
    add(no_library, manager)
    hint = find_hint()
    assert fuse.PACKAGES[manager] in hint
    assert "\n" not in hint
    # What it says is on the index is somebody else's and known; ours is not on it.
    assert re.search(r"&& \S+ -m pip install '?pyfuse3[^ ]*$", hint)
    assert "coexplorer[" not in hint


def test_all_of_debians_packages_are_named_and_the_scripts_name_the_same() -> None:
    named = set(fuse.PACKAGES["apt-get"].split()[3:])
    assert named == {"fuse3", "libfuse3-dev", "pkg-config", "gcc", "python3-dev"}
    text = SCRIPT.read_text()
    function = text[text.index("print_missing_for_mount()") : text.index("TEST_TOOLS=")]
    echoed = re.findall(r"\|\|\s*echo (.+)$", function, re.MULTILINE)
    # apt-get brings a compiler's headers by itself, unless it is told to bring no more than named.
    assert {word for line in echoed for word in line.split()} - {"libc6-dev"} == named


def test_only_the_program_is_asked_for_where_only_that_is_missing(programs: Path) -> None:
    add(programs, "apt-get")
    assert find_hint().endswith("apt-get install -y fuse3")


def test_a_machine_without_a_known_package_manager_hears_what_to_look_for(no_library: Path) -> None:
    assert "headers" in find_hint()
    assert "pyfuse3" in find_hint()


@pytest.mark.parametrize(
    ("marker", "installer"),
    [
        ("pipx_metadata.json", r"pipx inject \S+ '?pyfuse3"),
        ("", r"uv pip install --python \S+ '?pyfuse3"),
    ],
)
def test_the_library_goes_where_the_program_is(
    no_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: str, installer: str
) -> None:
    add(no_library, "apt-get")
    if marker:
        (tmp_path / marker).touch()
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert re.search(installer, find_hint())


def test_a_library_that_can_not_be_loaded_is_a_missing_one(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(programs, "apt-get", "fusermount3")
    (tmp_path / "pyfuse3.py").write_text("raise ImportError('libfuse3.so.3: no such file')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pyfuse3", raising=False)
    fault = fuse.find_mount_fault(load=True)
    assert fault is not None
    assert "libfuse3.so.3" in fault.message
    assert fuse.PACKAGES["apt-get"] in fault.hint


def test_no_device_and_no_proc_are_said(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(programs, "fusermount3")
    monkeypatch.setattr(fuse, "DEVICE", tmp_path / "nowhere")
    assert "--device /dev/fuse" in find_hint()
    monkeypatch.setattr(fuse, "MOUNTS", tmp_path / "nowhere")
    fault = fuse.find_mount_fault()
    assert fault is not None
    assert "Linux" in fault.message


@pytest.fixture
def closed_device(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    add(programs, "fusermount3")
    # pytest's own folders are closed to others altogether.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        device = Path(folder) / "fuse"
        device.touch(mode=0o600)
        if os.geteuid() != 0:
            device.chmod(0)
        programs.chmod(0o755)
        monkeypatch.setattr(fuse, "DEVICE", device)
        monkeypatch.setattr(shutil, "which", lambda name: name)
        yield


@pytest.mark.usefixtures("closed_device")
def test_a_device_that_may_not_be_opened_is_named() -> None:
    """As somebody who is not root, whom nothing is closed to."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            fault = fuse.find_mount_fault()
            os.write(writer, str(fault and (fault.message, fault.hint)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read().decode()
    os.wait()
    assert "are not allowed to open" in told
    assert "sudo chmod 666" in told
