"""A new editable field is one row of the table: every front end has it, and none resets it."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import coexplorer
from benchmarks.pty_session import Session
from coexplorer.fields import EDITABLE, FIELDS, Editable, FieldKind
from coexplorer.fs.kernel.inodes import PARTS, asset_inode, split_asset
from tests.support.mounted import Mounted, wait_until
from tests.support.onemore import KEY, NAME, KnowingServer, copy_with_one_more
from tests.support.program import Done, Program, program_command
from tests.support.server import RAW, few_assets

OLD = "doi:10.1000/old"
TITLE = "ecephys_655019_2023-04-03_18-17-07"


@pytest.fixture(scope="session")
def more(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the program has one more field."""
    return copy_with_one_more(tmp_path_factory.mktemp("more"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KnowingServer]:
    """A platform where one asset has the field."""
    with KnowingServer(tmp_path / "server") as server:
        me, colleague = (user.email for user in server.users[:2])
        server.store.insert(few_assets(me, colleague))
        server.references[RAW] = OLD
        yield server


class Runner:
    """Runs commands of the program with one more field."""

    def __init__(self, server: KnowingServer, more: dict[str, str]) -> None:
        self._program = Program(server)
        self.env = {**self._program.env, **more}

    def __call__(self, *args: str, **env: str) -> Done:
        done = self._program.spawn(*args, env={**self.env, **env})
        assert done.code == 0, done
        return done


@pytest.fixture
def run(server: KnowingServer, more: dict[str, str]) -> Runner:
    return Runner(server, more)


def sent(server: KnowingServer, method: str = "PUT") -> list[dict[str, object]]:
    """What was asked of the platform, oldest first."""
    return [json.loads(request.body) for request in server.requests(method)]


# --- The table itself


def test_the_table_and_the_struct_have_the_same_fields() -> None:
    assert Editable.__struct_fields__ == EDITABLE
    assert len({field.file for field in FIELDS}) == len({field.key for field in FIELDS})
    assert all(bool(field.one) == (field.kind is FieldKind.SET) for field in FIELDS)


def test_nothing_puts_fields_together_one_by_one() -> None:
    """Else a field that is not named there is reset."""
    assert list(find_puttings_together("Fields(a.name, description=b)")) == [1]
    package = Path(coexplorer.__file__).parent
    sources = (path for path in package.rglob("*.py") if "demo" not in path.parts)
    found = {path.name: list(find_puttings_together(path.read_text())) for path in sources}
    assert {name: lines for name, lines in found.items() if lines} == {}


def find_puttings_together(source: str) -> Iterator[int]:
    """Yield the lines where `Fields` is called with more than a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Fields":
            named = [each for each in node.keywords if each.arg is not None]  # not ``**values``
            if len(node.args) + len(named) > 1:
                yield node.lineno


def test_every_field_has_room_in_an_inode_number() -> None:
    assert [split_asset(asset_inode(7, part)) for part in PARTS] == [(7, part) for part in PARTS]


# --- Commands


def test_this_platform_resets_what_a_program_does_not_know(server: KnowingServer) -> None:
    """Else the other tests here could not fail."""
    Program(server).ok("edit", RAW, "--add-tag", "new", "--yes")
    assert server.references == {}


def test_commands_have_the_field(server: KnowingServer, run: Runner) -> None:
    assert f"--{NAME}" in run("edit", "--help").out
    shown = run("show", RAW).out
    assert re.search(rf"^  {NAME} +{OLD}$", shown, re.MULTILINE)
    assert KEY not in shown  # nor is it shown once more, as a key that nobody knows
    (row,) = json.loads(run("show", RAW, "-o", "json").out)
    assert row[NAME] == OLD
    assert run("ls", f"{TITLE} -sorted", "--columns", f"id,{NAME}", "-o", "csv").out.split() == [
        f"id,{NAME}",
        f"{RAW},{OLD}",
    ]
    plan = run("edit", RAW, "--reference", " doi:10.1000/new ", "--dry-run").out
    assert f"{OLD} → doi:10.1000/new" in plan
    assert sent(server) == []
    run("edit", RAW, "--reference", " doi:10.1000/new ", "--yes")
    assert sent(server)[-1][KEY] == "doi:10.1000/new"
    assert f"set {NAME}" in run("log").out
    run("undo")
    assert server.references[RAW] == OLD
    refused = Program(server).spawn("edit", RAW, "--reference", "a\x1bb", "--yes", env=run.env)
    assert refused.code != 0
    assert f"{NAME}: control character" in refused.err
    assert len(sent(server)) == 2


def test_commands_do_not_reset_it(server: KnowingServer, run: Runner) -> None:
    run("edit", RAW, "--add-tag", "new", "--description", "Told anew.", "--yes")
    run("tags", "rename", "new", "newer", "--yes")
    run("undo")
    assert [each[KEY] for each in sent(server)] == [OLD] * 3
    run("edit", RAW, "--reference", "", "--yes")
    assert server.references[RAW] == ""


def test_a_new_asset_can_have_it(server: KnowingServer, run: Runner) -> None:
    (server.make_bucket("my-bucket") / "reads.txt").write_text("ACGT")
    run("create", "With it", "--bucket", "my-bucket", "--public", "--reference", "doi:1")
    run("create", "Without", "--bucket", "my-bucket", "--public")
    bodies = [body for body in sent(server, "POST") if "source" in body]
    assert [body.get(KEY) for body in bodies] == ["doi:1", None]
    assert KEY not in bodies[1]


# --- The editor's document


def edit_with(run: Runner, folder: Path, pattern: str, new: str) -> str:
    """Replace one text in the document, as an editor would; return the document as it was."""
    script = folder / "editor.py"
    script.write_text(
        "import pathlib, re, sys\n"
        "path = pathlib.Path(sys.argv[1]); text = path.read_text()\n"
        f"pathlib.Path({str(folder / 'seen')!r}).write_text(text)\n"
        f"path.write_text(re.sub({pattern!r}, {new!r}, text, count=1, flags=re.MULTILINE))\n"
    )
    command = program_command("edit", RAW)
    with Session(command, env={**run.env, "VISUAL": f"{sys.executable} {script}"}) as session:
        session.wait_exit(timeout_s=60)
        assert session.status == 0, session.text()
    return (folder / "seen").read_text()


def test_the_document_has_the_field(server: KnowingServer, run: Runner, tmp_path: Path) -> None:
    document = edit_with(run, tmp_path, r"^reference: .*$", "reference: doi:10.1000/new")
    assert f"\n{NAME}: {OLD}\n" in document
    assert [each[KEY] for each in sent(server)] == ["doi:10.1000/new"]


def test_the_document_does_not_reset_it(server: KnowingServer, run: Runner, tmp_path: Path) -> None:
    edit_with(run, tmp_path, r"^mount: .*$", "mount: elsewhere")
    assert [(each["mount"], each[KEY]) for each in sent(server)] == [("elsewhere", OLD)]


# --- Other kinds


def test_a_set_is_merged_and_shown_as_one(server: KnowingServer, tmp_path: Path) -> None:
    run = Runner(server, copy_with_one_more(tmp_path / "set", "SET"))
    server.references[RAW] = ["b", "a, 1"]
    assert f"  {NAME:<14}b  a, 1\n" in run("show", RAW).out
    plan = run("edit", RAW, "--reference", "c,b", "--dry-run").out
    assert f"  {NAME:<12}+c -a, 1\n" in plan
    document = edit_with(run, tmp_path, r"^name: .*$", "name: Renamed")
    assert f'\n{NAME}: b, "a, 1"\n' in document
    run("edit", RAW, "--reference", "c,b", "--yes")
    assert [each[KEY] for each in sent(server)] == [["b", "a, 1"], ["b", "c"]]
    (server.make_bucket("my-bucket") / "reads.txt").write_text("ACGT")
    run("create", "New", "--bucket", "my-bucket", "--public", "--citation", "x", "--citation", "y")
    assert sent(server, "POST")[-1][KEY] == ["x", "y"]


def test_another_text_is_a_string_in_the_document(server: KnowingServer, tmp_path: Path) -> None:
    run = Runner(server, copy_with_one_more(tmp_path / "text", "TEXT"))
    server.references[RAW] = "two\nlines"
    assert "\n\n  two\n  lines\n" in run("show", RAW).out
    document = edit_with(run, tmp_path, r"^reference: .*$", r'reference: "three\\nlines"')
    assert f'\n{NAME}: "two\\nlines"\n' in document
    run("edit", RAW, "--add-tag", "new", "--yes")
    assert [each[KEY] for each in sent(server)] == ["three\nlines"] * 2


# --- The app


def test_the_app_has_the_field_and_its_form_saves_it(server: KnowingServer, run: Runner) -> None:
    with Session(program_command(), columns=120, rows=40, env=run.env) as session:
        session.wait_for("synced", timeout_s=60)
        session.write("/ecephys_655019 -sorted\r")
        session.wait_for(re.compile(rf"{NAME} +{OLD}"), timeout_s=60)
        session.write("e")
        session.wait_for("save", timeout_s=60)
        session.write("\t\t\t\t/2\r")
        (put,) = server.log.wait_for(1, "PUT", answered=True)
        assert json.loads(put.body)[KEY] == f"{OLD}/2"
        session.wait_for(re.compile(rf"{NAME} +{OLD}/2"), timeout_s=60)
        session.write("r2\r")
        put = server.log.wait_for(2, "PUT", answered=True)[-1]
        assert json.loads(put.body)["name"] == f"{TITLE}2"
        assert json.loads(put.body)[KEY] == f"{OLD}/2"
        session.write("+more\r")
        put = server.log.wait_for(3, "PUT", answered=True)[-1]
        assert json.loads(put.body)[KEY] == f"{OLD}/2"


# --- The mount


@pytest.fixture
def mounted(server: KnowingServer, more: dict[str, str], tmp_path: Path) -> Iterator[Mounted]:
    home = tmp_path / "mounted"
    home.mkdir()

    class MoreMounted(Mounted):
        @property
        def env(self) -> dict[str, str]:
            return {**super().env, **more}

    mount = MoreMounted(server, home, tmp_path / "mount")
    try:
        mount.start()
        yield mount
    finally:
        mount.clean_up()


def test_the_mount_has_a_file_for_the_field(server: KnowingServer, mounted: Mounted) -> None:
    asset = mounted.asset(TITLE)
    file = asset / "reference.txt"
    assert file.name in [each.name for each in asset.iterdir()]
    assert file.read_text() == f"{OLD}\n"
    assert file.name in (mounted.folder / "README.md").read_text()
    file.write_text("doi:10.1000/new\n")
    assert [each[KEY] for each in sent(server)] == ["doi:10.1000/new"]
    assert json.loads((asset / "asset.json").read_text())[KEY] == "doi:10.1000/new"
    (asset / "description.md").write_text("Told anew.\n")
    (asset / "tags").write_text("a\nb\n")
    asset.rename(asset.parent / "Another name")
    wait_until(lambda: len(sent(server)) == 4, "all saves")
    assert [each[KEY] for each in sent(server)] == ["doi:10.1000/new"] * 4
