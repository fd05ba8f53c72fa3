"""``files`` and ``get``."""

from pathlib import Path

import pytest

from tests.support.program import Program


@pytest.fixture
def asset(program: Program) -> str:
    """An asset with real files."""
    folder = program.server.make_bucket("lab-data") / "session"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha")
    (folder / "deep" / "b.bin").write_bytes(bytes(range(256)) * 4000)
    (folder / "deep" / "er" / "c.txt").write_text("gamma")
    args = ("--bucket", "lab-data", "--prefix", "session", "--public", "--wait", "--ids")
    return program.ok("create", "session", *args).out.strip()


def test_files_lists_one_level_or_all(program: Program, asset: str) -> None:
    assert {line.split()[0] for line in program.ok("files", asset).lines[1:]} == {"a.txt", "deep/"}
    deep = program.ok("files", asset, "deep", "--json").json
    assert {(each["path"], each["is_folder"]) for each in deep} == {
        ("deep/b.bin", False),
        ("deep/er", True),
    }
    rows = program.ok("files", asset, "--recursive", "--tsv").lines[1:]
    assert {row.split("\t")[0] for row in rows} == {
        "a.txt",
        "deep",
        "deep/b.bin",
        "deep/er",
        "deep/er/c.txt",
    }


def test_get_brings_all_of_it(program: Program, asset: str, tmp_path: Path) -> None:
    target = tmp_path / "here"
    written = program.ok("get", asset, "--to", str(target)).lines
    assert len(written) == 3
    assert (target / "a.txt").read_text() == "alpha"
    assert (target / "deep" / "er" / "c.txt").read_text() == "gamma"
    assert (target / "deep" / "b.bin").stat().st_size == 1_024_000


def test_get_brings_one_file_and_goes_on_where_it_ended(
    program: Program, asset: str, tmp_path: Path
) -> None:
    rule = program.server.faults.add("short", "GET", "/**b.bin*", times=1)
    program("get", asset, "deep/b.bin", "--to", str(tmp_path / "here"))
    program.server.faults.remove(rule)
    (path,) = program.ok("get", asset, "deep/b.bin", "--to", str(tmp_path / "here")).lines
    assert Path(path).read_bytes() == bytes(range(256)) * 4000
    assert not list((tmp_path / "here").rglob("*.part"))


def test_get_of_what_is_not_there_is_not_found(
    program: Program, asset: str, tmp_path: Path
) -> None:
    done = program("get", asset, "nowhere.txt", "--to", str(tmp_path / "here"))
    assert done.code == 4
