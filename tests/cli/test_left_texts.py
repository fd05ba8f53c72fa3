"""A text that an editor left goes on where it was written, and nowhere else."""

from pathlib import Path

import pytest

from coexplorer.demo.server import DemoServer
from tests.support.program import Program
from tests.support.server import RAW


@pytest.fixture
def typed(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A changed text whose editor failed, so that it is kept; the next editor works."""
    script = tmp_path / "ed.sh"
    script.write_text("#!/bin/sh\nsed -i 's/^tags: /tags: typed, /' \"$1\"\nexit ${RC-1}\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    program.ok("sync")
    assert program("edit", RAW).code == 2
    monkeypatch.setenv("RC", "0")
    (path,) = (tmp_path / "home").rglob("edits/edit-*.coexplorer")
    return path


def test_a_text_is_never_sent_to_another_platform(
    program: Program, legacy_server: DemoServer, typed: Path
) -> None:
    other = Program(legacy_server)
    tags = legacy_server.store.get(RAW).tags
    for given in ((), ("1",), (str(typed),)):
        done = other("edit", "--resume", *given)
        assert done.code == 5, done
        assert program.server.url in done.err
        assert f"CODEOCEAN_DOMAIN={program.server.url} coexplorer edit --resume" in done.err
        assert typed.exists()
    assert legacy_server.store.get(RAW).tags == tags
    log = other.ok("log")
    assert "typed and not sent" not in log.out
    assert f"not here: 1 text for {program.server.url}" in log.err

    assert "about ecephys_655019" in program.ok("log").out
    program.ok("edit", "--resume")
    assert "typed" in program.server.store.get(RAW).tags
    assert not typed.exists()


def test_several_texts_are_listed_with_their_assets_names(program: Program, typed: Path) -> None:
    second = typed.with_name("edit-second.coexplorer")
    shown = typed.parent.with_name("edits-shown")
    second.write_text(typed.read_text() + "# more\n")
    (shown / second.name).write_bytes((shown / typed.name).read_bytes())
    lines = program.ok("edit", "--resume").lines
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert all("about ecephys_655019_2023-04-03_18-17-07 " in line for line in lines)


def test_a_text_of_an_earlier_version_is_taken_up_only_once_its_platform_is_confirmed(
    program: Program, typed: Path
) -> None:
    shown = typed.parent.with_name("edits-shown") / typed.name
    shown.write_text(shown.read_text().partition("\n")[2])
    assert "nobody knows for which platform" in program("edit", "--resume").err
    assert program("edit", "--resume", str(typed)).code != 0
    assert "typed" not in program.server.store.get(RAW).tags
    assert typed.exists()


def test_a_text_about_an_asset_that_is_gone_stays(program: Program, typed: Path) -> None:
    program.server.store.delete(RAW)
    assert program("edit", "--resume").code == 4
    assert typed.exists()
