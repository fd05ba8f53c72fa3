"""Formats: one schema, every format, and what a spreadsheet may not be made to run."""

import csv
import io
import json
import re
from pathlib import Path

import anyio
import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.cells import read_text, write_row, write_text
from coexplorer.cli.asset_keys import ASSET, LIGHT
from coexplorer.cli.cells import tsv_cell
from coexplorer.cli.commands import COMMANDS, cli
from coexplorer.cli.row_kinds import Holds, RowKind, time_text
from coexplorer.cli.schema import KINDS, VERSION
from coexplorer.config import load_settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.fields import replace_values
from coexplorer.library import open_library
from coexplorer.library.named_assets import parse_list
from coexplorer.models import AssetId
from tests.support.program import Program
from tests.support.server import OLD, RAW, SESSION, THEIRS, VIEWED, make_id

SCHEMA = Path(__file__).with_name(f"schema-{VERSION}.json")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_no_key_changes_within_a_version() -> None:
    """Scripts stand on these keys: rename or remove one, and raise `VERSION`; add to the file."""
    known = json.loads(SCHEMA.read_text(encoding="utf-8"))
    now = {
        kind.name: {
            key.name: f"{key.holds}{' or null' if key.nullable else ''}" for key in kind.keys
        }
        for kind in KINDS
    }
    lost = [name for name, keys in known.items() if keys.items() - now.get(name, {}).items()]
    assert not lost, (
        "a script may stand on this key: raise VERSION, and begin schema-<VERSION>.json"
    )
    assert now == known, f"add the new keys to {SCHEMA.name}: from now on scripts stand on them"


def check(rows: list[dict[str, object]], kind: RowKind) -> None:
    """Compare rows with what the table says of their keys."""
    assert rows
    kinds = {Holds.TEXT: str, Holds.FLAG: bool, Holds.OBJECT: dict, Holds.BYTES: int}
    for row in rows:
        assert tuple(row) == kind.names
        for key in kind.keys:
            value = row[key.name]
            if value is None:
                assert key.nullable, key.name
            elif key.holds is Holds.TIME:
                assert TIME.fullmatch(str(value)), key.name
            elif key.holds in {Holds.TEXTS, Holds.OBJECTS}:
                assert isinstance(value, list), key.name
            elif key.holds is Holds.NUMBER:
                assert isinstance(value, int | float), key.name
                assert not isinstance(value, bool), key.name
            else:
                assert type(value) is kinds[key.holds], key.name


SOURCES = {
    "asset": (("ls", "--all"), ("show", RAW, OLD), ("ls", "--remote"), ("wait", RAW)),
    "file": (("files", RAW),),
    "tag": (("tags",),),
    "plan": (
        ("archive", RAW, VIEWED, "--dry-run"),
        ("rm", OLD, "--dry-run"),
        ("tags", "rename", "raw", "primary", "--dry-run"),
        ("tags", "merge", "raw", "--into", "primary", "--dry-run"),
    ),
    "outcome": (("edit", RAW, "--add-tag", "new"), ("undo",), ("redo",), ("log", "1")),
    "entry": (("log",),),
    "share": (("stats",),),
    "attached asset": (("attached", SESSION),),
    "use": (("uses", RAW),),
    "duplicate": (("duplicates",),),
    "relative": (("lineage", RAW),),
    "profile": (("profiles",),),
    "setting": (("config", "list"),),
}


def list_sources() -> list[tuple[str, tuple[str, ...]]]:
    return [(kind, args) for kind, commands in SOURCES.items() for args in commands]


@pytest.fixture
def rich(program: Program, tmp_path: Path) -> Program:
    """A program with something to print for each command."""
    program.server.store.update(VIEWED, name="Zebrafish atlas")
    config = tmp_path / "home" / "config" / "coexplorer" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[profiles.lab]\ndomain = "lab.example.com"\ntoken_command = "pass"\n')
    config.chmod(0o600)
    program.ok("edit", RAW, "--add-tag", "first")
    program.ok("edit", RAW, "--add-tag", "second")
    program.ok("undo")
    return program


@pytest.mark.parametrize(("name", "args"), list_sources(), ids=str)
def test_every_command_prints_the_keys_of_its_kind(
    rich: Program, name: str, args: tuple[str, ...]
) -> None:
    kind = next(each for each in KINDS if each.name == name)
    done = rich.ok(*args, "-o", "json")
    check(done.json, kind)
    if args[0] in {"edit", "undo", "redo"}:
        return  # a second one would do something else
    rows = [json.loads(line) for line in rich.ok(*args, "-o", "jsonl").lines]
    assert rows == done.json
    flat = list(csv.reader(io.StringIO(rich.ok(*args, "-o", "csv").out, newline="")))
    assert tuple(flat[0]) == kind.flat_names
    assert len(flat) == len(rows) + 1
    assert rich.ok(*args, "-o", "tsv").lines[0].split("\t") == flat[0]
    if kind.id_key:
        assert rich.ok(*args, "-o", "ids").lines == [row[kind.id_key] for row in rows]
    else:
        assert rich(*args, "-o", "ids").code == 2


@pytest.mark.parametrize(("name", "command"), [("sync", "sync"), ("user", "whoami")])
def test_some_commands_answer_with_one_object(program: Program, name: str, command: str) -> None:
    kind = next(each for each in KINDS if each.name == name)
    answer = program.ok(command, "-o", "json").json
    check([answer], kind)
    (line,) = program.ok(command, "-o", "jsonl").lines
    assert json.loads(line).keys() == answer.keys()
    for style, mark in (("csv", ","), ("tsv", "\t")):
        head, row = program.ok(command, "-o", style).lines
        assert tuple(head.split(mark)) == kind.flat_names
        assert len(row.split(mark)) == len(kind.flat_names)
    assert program(command, "-o", "ids").code == 2


def test_flags_of_before_are_synonyms(program: Program) -> None:
    for flag, style in (
        ("--json", "json"),
        ("--json-lines", "jsonl"),
        ("--csv", "csv"),
        ("--tsv", "tsv"),
        ("--ids", "ids"),
    ):
        assert program.ok("ls", flag).out == program.ok("ls", "-o", style).out
        assert program.ok("ls", flag, f"--output={style}").out != ""


@pytest.mark.parametrize(
    "args",
    [
        ("ls", "-o", "json", "--tsv"),
        ("ls", "-o", "json", "-o", "csv"),
        ("tags", "--output", "tsv", "--json"),
        ("archive", RAW, "-o", "ids", "--json"),
        ("log", "-o", "table", "--json"),
    ],
)
def test_two_formats_are_an_error(program: Program, args: tuple[str, ...]) -> None:
    done = program(*args)
    assert (done.code, done.out) == (2, "")
    assert "give only one of" in done.err
    assert program.server.requests() == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("ls", "-o", "jsn"), "did you mean json?"),
        (("stats", "-o", "yaml"), "'yaml' is not one of table, json, jsonl, csv, tsv"),
        (("ls", "--columns", "nam"), "did you mean name?"),
        (("tags", "--columns", "size", "-o", "csv"), "choose from tag, assets"),
        (("ls", "--columns", "mark", "-o", "csv"), "no column 'mark'"),
        (("ls", "--columns", "nam"), "no column 'nam' (did you mean name?)"),
        (("ls", "--columns", "mark"), "no column 'mark'"),
        (("ls", "--columns", " , "), "expected some of"),
        (("ls", "--raw", "--columns", "id"), "leave --columns out"),
        (("ls", "--raw", "-o", "csv"), "--raw prints JSON"),
    ],
)
def test_unknown_format_or_column_does_nothing(
    program: Program, args: tuple[str, ...], says: str
) -> None:
    done = program(*args)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert program.server.requests() == []


@pytest.mark.parametrize("remote", [(), ("--remote",)])
@pytest.mark.parametrize("columns", ["size,name", "description,id,tags", "used,metadata,name"])
def test_columns_are_obeyed_by_every_format(
    program: Program, columns: str, remote: tuple[str, ...]
) -> None:
    args = ("ls", f"id:{RAW}", "--columns", columns, *remote)
    names = columns.replace("used", "last_used").split(",")
    (row,) = program.ok(*args, "-o", "json").json
    assert list(row) == names
    assert json.loads(program.ok(*args, "-o", "jsonl").out) == row
    assert program.ok(*args, "-o", "tsv").lines[0].split("\t") == names
    head, cells = csv.reader(io.StringIO(program.ok(*args, "-o", "csv").out, newline=""))
    assert head == names
    title = program.ok(*args).lines[0].split()
    assert len(title) == len(names)
    assert program.ok(*args, "-o", "ids").lines == [RAW]
    if "description" in names:
        assert cells[0] == "Raw **Neuropixels** recording."
        assert cells[2] == "ecephys,raw"


@pytest.mark.parametrize("remote", [(), ("--remote",)])
def test_every_column_is_there_in_every_format(program: Program, remote: tuple[str, ...]) -> None:
    names = [*ASSET.names, "metadata.age", "metadata.Subject ID", "metadata"]
    args = ("ls", f"id:{RAW}", *remote, "--columns")
    (row,) = program.ok(*args, ",".join(names), "-o", "json").json
    assert list(row) == list(dict.fromkeys(names))
    assert (row["metadata.age"], row["metadata.Subject ID"]) == (61, "655019")
    for style in ("table", "csv", "tsv", "jsonl"):
        assert "655019" in program.ok(*args, ",".join(names), "-o", style).out
    for name in names:
        (alone,) = program.ok(*args, name, "-o", "json").json
        assert alone == {name: row[name]}
        assert len(program.ok(*args, name).lines) >= 2


@pytest.mark.parametrize("command", [("ls",), ("ls", "--remote"), ("show", RAW)])
def test_a_column_of_a_key_that_no_asset_has_is_told(
    program: Program, command: tuple[str, ...]
) -> None:
    program.ok("sync")
    done = program.ok(*command, "--columns", "id,metadata.subjct id", "-o", "json")
    assert "no asset has the key 'subjct id'; did you mean 'subject id'?" in done.err
    assert done.json[0]["metadata.subjct id"] is None
    assert "no asset" not in program.ok(*command, "--columns", "metadata.Age", "-o", "json").err


@pytest.mark.parametrize(
    "args", [("tags", "assets,tag"), ("files", RAW, "size,path"), ("stats", "value,by")]
)
def test_columns_of_other_commands(program: Program, args: tuple[str, ...]) -> None:
    *command, columns = args
    rows = program.ok(*command, "--columns", columns, "-o", "json").json
    assert {tuple(row) for row in rows} == {tuple(columns.split(","))}
    assert program.ok(*command, "--columns", columns).lines[0].split() == [
        name.upper() for name in columns.split(",")
    ]


def test_never_used_is_null_and_so_is_a_time_that_is_none(program: Program) -> None:
    rows = {row["id"]: row for row in program.ok("ls", "-o", "json").json}
    assert rows[RAW]["last_used"] == "2023-11-14T22:13:20Z"
    assert rows[THEIRS]["last_used"] is None
    assert time_text(1e30) is None
    assert time_text(float("nan")) is None
    assert time_text(-62135596800) == "0001-01-01T00:00:00Z"
    assert time_text(-0.5) == "1969-12-31T23:59:59Z"


def test_row_holds_exactly_the_light_keys() -> None:
    assert {key.name for key in ASSET.keys if key.name in LIGHT} == LIGHT


FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "'=1", "''@x", "\uff1d1")
HARMLESS = ("plain", "'quoted'", "a=b", "5 - 3", "", 'say "x"', "a;b", " blank ", "zwei\nZeilen")


@pytest.mark.parametrize("text", [*FORMULAS, *HARMLESS])
def test_no_cell_begins_as_a_formula_and_all_are_read_back(text: str) -> None:
    cell = write_text(text)
    assert cell[:1] not in set("=+-@\t\r\uff1d")
    assert cell == text or text in FORMULAS
    (row,) = csv.reader(io.StringIO(write_row([cell, "x"]), newline=""), strict=True)
    assert [read_text(row[0]), row[1]] == [text, "x"]


@given(st.lists(st.text(alphabet="'=+-@\t,;\"\n\r ab\uff1d"), min_size=1))
def test_every_row_is_read_back(texts: list[str]) -> None:
    line = write_row([*map(write_text, texts), "end"])
    rows = list(csv.reader(io.StringIO(line + "\r\n", newline=""), strict=True))
    assert [[read_text(cell) for cell in row] for row in rows] == [[*texts, "end"]]


def test_csv_of_strangers_names_is_read_back_by_our_own_lists(program: Program) -> None:
    names = (*FORMULAS, *HARMLESS[5:], "Zoë", "鼠", "a,b")
    ids = [make_id(0xA0 + number) for number in range(len(names))]
    me = program.server.users[0].email
    program.server.store.insert(
        StoredAsset(
            id=each, name=name, owner=me, created=1_700_000_000, mount="m", tags=("q", name)
        )
        for each, name in zip(ids, names, strict=True)
    )
    out = program.ok("ls", "tag:q", "-o", "csv").out
    rows = list(csv.DictReader(io.StringIO(out, newline=""), strict=True))
    assert {row["id"]: read_text(row["name"]) for row in rows} == dict(zip(ids, names, strict=True))
    assert all(row["name"][:1] not in set("=+-@\t\r") for row in rows)
    assert {each.text for each in parse_list(out.encode())} == set(ids)
    assert {each.text for each in parse_list(b"\xef\xbb\xbf" + out.encode())} == set(ids)
    program.ok("edit", "-", "--add-tag", "listed", "--yes", stdin=out)
    assert {each.id for each in program.server.store.assets() if "listed" in each.tags} == set(ids)


OBEYED = (
    "clear \x1b[2J\x1b[H screen",
    "clipboard \x1b]52;c;aGk=\x07",
    "c1 \x9b2J",
    "over\rwritten",
    "bidi \u202ekcab",
    "tag \U000e0001",
    "del \x7f\\\x1b",
    r"said \x1b[2J, \\x1b and \u202e",
    r"C:\data\x \\server\new",
    "=\x1b]0;x\x07",
    "family \U0001f468\u200d\U0001f469",
)


@given(st.text(alphabet="\\x1bu9U0e\x1b\x9b\r\n\t\u202e\U000e0001' =\""))
def test_what_a_terminal_obeys_is_written_in_a_way_that_leads_back(text: str) -> None:
    cell = write_text(text)
    assert read_text(cell) == text
    assert not {"\x1b", "\x9b", "\u202e", "\U000e0001"} & set(cell)
    assert "\r" not in cell.replace("\r\n", "")
    assert not {"\x1b", "\x9b", "\r", "\u202e", "\U000e0001"} & set(tsv_cell(text))


def test_programs_get_no_controls_and_all_of_the_names(program: Program) -> None:
    ids = [make_id(0xA0 + number) for number in range(len(OBEYED))]
    me = program.server.users[0].email
    program.server.store.insert(
        StoredAsset(
            id=each, name=name, owner=me, created=1_700_000_000, mount="m", tags=("q", name)
        )
        for each, name in zip(ids, OBEYED, strict=True)
    )
    names = dict(zip(ids, OBEYED, strict=True))
    out = program.ok("ls", "tag:q", "-o", "csv").out
    rows = list(csv.DictReader(io.StringIO(out, newline=""), strict=True))
    assert {row["id"]: read_text(row["name"]) for row in rows} == names
    assert {row["id"]: set(*csv.reader([read_text(row["tags"])])) for row in rows} == {
        each: {"q", name} for each, name in names.items()
    }
    for style in ("csv", "tsv"):
        piped = program.spawn("ls", "tag:q", "-o", style).out
        assert not {char for char in piped if not char.isprintable()} - set("\n\t\r\u200d")
        assert "screen" in piped
        assert r"\x1b[2J\x1b[H" in piped
        for columns in ("id,name", "name"):
            listed = program.ok("ls", "tag:q", "-o", style, "--columns", columns).out
            tag = f"{style} {columns}".replace(",", " ")
            program.ok("edit", "-", "--add-tag", tag, "--yes", stdin=listed)
            tagged = {each.id for each in program.server.store.assets() if tag in each.tags}
            assert tagged == set(ids)


@pytest.mark.parametrize("style", ["csv", "tsv"])
@pytest.mark.parametrize("columns", ["id", "id,name", "name"])
def test_table_without_a_row_is_an_empty_list(program: Program, style: str, columns: str) -> None:
    out = program.ok("ls", "name:nowhere", "-o", style, "--columns", columns).out
    assert program("edit", "-", "--add-tag", "x", "--yes", stdin=out).code == 4


def test_csv_has_the_line_ends_of_its_standard(program: Program) -> None:
    done = program.spawn("ls", "-o", "csv", "--columns", "id,name")
    # What is read as text has lost its \r.
    assert done.out.startswith("id,name\n")


def test_raw_prints_the_platforms_own_objects(program: Program) -> None:
    (found,) = program.ok("ls", f"id:{OLD}", "--all", "--raw", "-o", "json").json
    assert found["custom_metadata"] == {}
    assert found["_coexplorer"]["archived"] is True
    assert json.loads(program.ok("show", OLD, "--raw").out) == found
    assert program.ok("ls", "name:nowhere", "--raw").out == ""
    assert program.ok("ls", "name:nowhere", "--raw", "-o", "json").json == []


def test_every_command_that_prints_rows_takes_a_format() -> None:
    ctx = click.Context(cli, info_name="coexplorer")
    named = {command.split()[0] for kind in KINDS for command in kind.commands}
    for name in COMMANDS:
        command = cli.get_command(ctx, name)
        assert command is not None
        below = command.commands.values() if isinstance(command, click.Group) else ()
        takes = any(
            "--output" in parameter.opts for each in (command, *below) for parameter in each.params
        )
        assert takes == (name in named), name


def test_the_log_has_edits_of_custom_metadata(program: Program) -> None:
    async def edit() -> None:
        async with open_library(load_settings(env=program.env), origin="cli") as library:
            (found,) = await library.assets.records([AssetId(RAW)])
            base = found.asset.fields
            mine = replace_values(base, {"metadata.subject id": '"700000"'})
            await library.changes.edit(AssetId(RAW), base, mine)

    program.ok("sync")
    anyio.run(edit)
    (row,) = program.ok("log", "-o", "json").json
    assert row["metadata_seen"]["subject id"] == "655019"
    assert row["metadata_sent"]["subject id"] == "700000"
    program.ok("edit", RAW, "--add-tag", "new")
    rows = program.ok("log", "-o", "json", "-n", "1").json
    assert (rows[0]["metadata_seen"], rows[0]["metadata_sent"]) == (None, None)
    columns = ("entry", "metadata_sent")
    told = program.ok("log", "-o", "csv").lines[0].split(",")
    assert set(columns) & set(told) == {"entry"}
