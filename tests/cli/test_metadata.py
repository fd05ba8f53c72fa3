"""Custom metadata in commands: typed by the deployment's schema, merged key by key."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from benchmarks.pty_session import Session
from coexplorer.demo.guesses import Guesses
from coexplorer.demo.metadata import SchemaField
from coexplorer.demo.server import DemoServer
from tests.support.program import Program, program_command
from tests.support.server import DERIVED, RAW, THEIRS

MARCH = 1_709_251_200
NEW = SchemaField("implant date", "date", range={"min": 1_577_836_800, "max": None})


def held(server: DemoServer, asset_id: str = RAW) -> dict[str, object]:
    return dict(server.store.get(asset_id).custom_metadata)


def test_keys_are_set_as_the_schema_types_them_and_taken_back(program: Program) -> None:
    before = held(program.server)
    program.ok(
        *("edit", RAW, "--meta", "subject id=1, 2", "--meta", "session date=2024-03-01"),
        *("--meta", "experimenter=Chen Wei-Ling", "--meta", "experimenter=Ada Nwosu"),
        *("--unset-meta", "age"),
    )
    assert held(program.server) == {
        "subject id": "1, 2",
        "modality": ["ecephys"],
        "session date": MARCH,
        "experimenter": ["Chen Wei-Ling", "Ada Nwosu"],
    }
    shown = program.ok("show", RAW).lines
    said = [line.split("metadata")[1].strip() for line in shown if line.startswith("  metadata ")]
    assert "subject id: 1, 2" in said
    assert "session date: 2024-03-01" in said
    assert "experimenter: Chen Wei-Ling, Ada Nwosu" in said
    program.ok("undo")
    assert held(program.server) == before
    assert "age: 61 days" in program.ok("show", RAW).out
    program.ok("redo")
    assert "age" not in held(program.server)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--meta", "age=old"), "'age': it must be a number (0 to 40,000 days), not 'old'"),
        (("--meta", "age=40001"), "'age': it must be 0 to 40,000 days"),
        (("--meta", "session date=soon"), "it must be a date such as 2024-03-01, not 'soon'"),
        (("--meta", "data level=Raw"), "it must be one of raw, derived, not 'Raw'"),
        (("--meta", "age=1", "--meta", "age=2"), "it takes one value only"),
        (
            ("--meta", "Subject_ID=1"),
            "no such key in the custom metadata; did you mean 'subject id",
        ),
        (("--unset-meta", "agee"), "no such key in the custom metadata; did you mean 'age'"),
        (("--unset-meta", "nosuch"), "there is no such key in the custom metadata"),
        (("--unset-meta", "subject id"), "it is required, so it can't be taken away"),
        (("--meta", "age"), "expected KEY=VALUE"),
        (("--meta", "age="), "--unset-meta takes a key away"),
        (("--meta", "age=1", "--unset-meta", "age"), "give either"),
    ],
)
def test_a_mistake_is_told_with_what_is_allowed_before_anything_is_sent(
    program: Program, options: tuple[str, ...], said: str
) -> None:
    done = program("edit", RAW, *options)
    assert done.code != 0
    assert said in done.err
    assert program.server.requests("PUT") == []


def test_many_are_set_by_a_query_and_what_is_so_already_is_left_out(program: Program) -> None:
    program.ok("sync")
    args = ("edit", "--query", "ecephys_655019", "--meta", "subject id=655020")
    plan = program.ok(*args, "--meta", "age=61", "--dry-run").out
    assert plan.count("655019 → 655020") == 2
    assert "(empty) → 61 days" in plan
    program.ok(*args, "--meta", "age=61", "-y")
    assert [held(program.server, each)["subject id"] for each in (RAW, DERIVED)] == ["655020"] * 2
    again = program.ok(*args, "-y").out
    assert "left as they were" in again
    assert len(program.server.requests("PUT")) == 2


def test_each_key_is_merged_with_a_colleagues_and_only_the_same_one_conflicts(
    program: Program,
) -> None:
    server = program.server
    colleague = Program(server, user=1)
    program.ok("sync")
    colleague.ok("edit", DERIVED, "--meta", "age=62")
    program.ok("edit", DERIVED, "--meta", "genotype=wt")
    assert (held(server, DERIVED)["age"], held(server, DERIVED)["genotype"]) == (62, "wt")


@pytest.mark.parametrize(
    ("typed", "theirs", "key", "said"),
    [
        (("--meta", "age=62"), 70, "age", ("61", "62", "70")),
        (("--meta", "genotype=wt"), "het", "genotype", ("", "wt", "het")),
        (("--unset-meta", "age"), 70, "age", ("61", "", "70")),
        (("--meta", "modality=behavior"), ["x", "y"], "modality", ("ecephys", "behavior", "x, y")),
    ],
    ids=str,
)
def test_a_conflict_in_a_key_is_told_with_its_three_versions(
    program: Program, typed: tuple[str, ...], theirs: object, key: str, said: tuple[str, ...]
) -> None:
    program.ok("sync")
    program.server.store.update(RAW, custom_metadata={**held(program.server), key: theirs})
    # Nothing new can be read, so the plan is made from what was known before.
    rule = program.server.faults.add(503, "POST", "data_assets/search")
    done = program("edit", "--query", f"id:{RAW} is:any", *typed, "--yes")
    program.server.faults.remove(rule)
    again = program("retry", "1")
    for each in (done, again):
        assert each.code == 8
        lines = [line.strip() for line in each.err.splitlines()]
        for side, value in zip(("base", "mine", "theirs"), said, strict=True):
            assert f"'{key}' ({side}): {value}".rstrip() in lines
    assert "1 in conflict" in done.out
    assert held(program.server)[key] == theirs


def test_a_key_that_only_some_assets_have_is_taken_away(program: Program) -> None:
    program.server.store.update(RAW, custom_metadata={"subject id": "1", "odd one": 1})
    program.ok("edit", RAW, DERIVED, "--unset-meta", "odd one", "--yes")
    assert held(program.server) == {"subject id": "1"}


def test_a_platform_that_merges_what_is_sent_is_told_to_clear_a_key(program: Program) -> None:
    program.server.guesses = Guesses(metadata="merge")
    program.ok("edit", RAW, "--unset-meta", "age", "--meta", "genotype=wt")
    assert "age" not in held(program.server)
    assert held(program.server)["genotype"] == "wt"


def test_an_edit_of_something_else_sends_no_metadata(program: Program) -> None:
    program.ok("edit", RAW, "--add-tag", "new")
    program.ok("edit", THEIRS, "--meta", "genotype=wt")
    first, second = (json.loads(each.body) for each in program.server.requests("PUT"))
    assert "custom_metadata" not in first
    assert second["custom_metadata"] == {"genotype": "wt"}


def test_a_new_asset_without_required_metadata_is_warned_of(program: Program) -> None:
    (program.server.make_bucket("my-bucket") / "reads.txt").write_text("ACGT")
    args = ("create", "--bucket", "my-bucket", "--public", "-o", "json")
    warning = "your deployment requires 'subject id', which you did not give"
    for meta in ((), ("--meta", "age=3")):
        done = program.ok(*args, "Without", *meta)
        assert (done.err.count(warning), len(done.json)) == (1, 1)
    assert warning in program(*args, "Refused", "--prefix", "no/such", "--meta", "age=3").err
    assert "requires" not in program.ok(*args, "With", "--meta", "subject id=9").err


def test_a_new_asset_can_have_metadata(program: Program) -> None:
    (program.server.make_bucket("my-bucket") / "reads.txt").write_text("ACGT")
    args = ("create", "With", "--bucket", "my-bucket", "--public", "--meta", "subject id=9")
    done = program("create", "Bad", "--bucket", "my-bucket", "--public", "--meta", "age=x")
    assert "'age': it must be a number" in done.err
    (row,) = program.ok(*args, "--meta", "session date=2024-03-01", "-o", "json").json
    assert held(program.server, row["id"]) == {"subject id": "9", "session date": MARCH}


@pytest.mark.parametrize(
    ("fault", "told"), [(503, "the platform failed with status 503"), ("html", "a web page")]
)
def test_a_schema_that_is_not_read_now_is_no_missing_one(
    program: Program, fault: int | str, told: str
) -> None:
    rule = program.server.faults.add(fault, "GET", "custom_metadata")
    done = program("metadata")
    assert (done.code, done.out) == (6, ""), done
    assert told in done.err
    assert "may have none" not in done.err
    program.server.faults.remove(rule)
    assert "age" in program.ok("metadata").out


NO_SCHEMAS = {
    "page": "<html><title>Sign in</title>",
    "null": "null",
    "empty": "{}",
    "deep": '{"fields":' + "[" * 3000 + "]" * 3000 + "}",
    "nameless": '{"fields":[{"nam":"x"}]}',
    "long": '{"fields":[' + ",".join(f'{{"name":"k{n}"}}' for n in range(3000)) + "]}",
}


@pytest.mark.parametrize("body", NO_SCHEMAS.values(), ids=NO_SCHEMAS)
def test_an_answer_that_is_no_schema_is_told_and_replaces_none(program: Program, body: str) -> None:
    rule = program.server.faults.add(200, "GET", "custom_metadata", body=body)
    done = program("metadata")
    assert (done.code, done.out) == (6, ""), done
    assert "can't be read (the platform" in program("sync").err
    program.server.faults.remove(rule)
    assert "age" in program.ok("metadata").out
    program.server.faults.add(200, "GET", "custom_metadata", body=body)
    done = program("metadata")
    assert "age" in done.out
    assert "can't be read now, so it is shown as of 20" in done.err


def test_a_platform_without_a_schema_takes_text_and_says_so(legacy_program: Program) -> None:
    done = legacy_program("metadata")
    assert done.code != 0
    assert "keys are edited as text" in done.err
    done = legacy_program(
        "edit", RAW, "--meta", "age=62", "--meta", "any key=2024-03-01", "--dry-run"
    )
    assert "can't be read, so values are sent as text" in done.err
    assert "any key" in done.out


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('has:"subjct id"', "no asset has the key 'subjct id'; did you mean 'subject id'?"),
        ('-has:"subjct id"', "no asset has the key 'subjct id'; did you mean 'subject id'?"),
        ('-"Subjects ID":=1', "no asset has the key 'Subjects ID'; did you mean 'subject id'?"),
        ('"zzz":>3', "no asset has the key 'zzz'"),
        ('has:"subject id" -"SUBJECT ID":zz "age":6 -owner:nobody created:2020..2021', ""),
    ],
)
def test_a_query_that_cannot_be_meant_so_says_what_strikes(
    program: Program, query: str, told: str
) -> None:
    program.ok("ls", "--ids")
    done = program("ls", "--offline", query)
    assert told in done.err
    assert told or not done.err
    if query.startswith("-has"):
        assert told in program.ok("edit", "--query", query, "--add-tag", "x", "--dry-run").err


def test_a_platform_that_tells_no_owners_is_said_to(legacy_program: Program) -> None:
    for query in ("owner:jonas", "-owner:maya", "-has:owner"):
        assert "does not tell the owners' names" in legacy_program("ls", query).err


def test_lists_have_metadata_as_columns(program: Program) -> None:
    program.ok("edit", RAW, "--meta", "session date=2024-03-01")
    columns = ("--columns", "id,metadata.session date,metadata.age")
    rows = program.ok("ls", "ecephys_655019 -sorted", *columns, "-o", "csv").lines
    assert rows == ["id,metadata.session date,metadata.age", f"{RAW},2024-03-01,61"]
    (row,) = program.ok("ls", "ecephys_655019 -sorted", *columns, "-o", "json").json
    assert row == {"id": RAW, "metadata.session date": MARCH, "metadata.age": 61}
    table = program.ok("ls", "ecephys_655019 -sorted", *columns).lines
    assert "2024-03-01" in table[1]


def test_a_new_key_is_everywhere_in_commands(program: Program, tmp_path: Path) -> None:
    """No line of ours is changed for it: see `tests.support.new_key`."""
    server = program.server
    program.ok("sync")
    server.metadata_fields = (*server.metadata_fields, NEW)
    assert "implant date" in program.ok("metadata").out
    typed = 'coexplorer edit x --meta "impl'
    complete = {"_COEXPLORER_COMPLETE": "bash_complete", "COMP_LINE": typed}
    said = program.spawn(env={**complete, "COMP_POINT": str(len(typed))}).out
    assert "implant date=" in said
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1]); text = path.read_text()\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(text)\n"
        "path.write_text(text.replace('metadata.age: 61 days',"
        " 'metadata.age: 62\\nmetadata.implant date: 2024-03-01'))\n"
    )
    editor = shlex.join([sys.executable, str(script)])
    command = program_command("edit", RAW)
    with Session(command, env={**program.env, "VISUAL": editor}) as session:
        session.wait_exit(timeout_s=60)
        assert session.status == 0, session.text()
    document = (tmp_path / "seen").read_text()
    assert "#   metadata.implant date: date, 2020-01-01 or later\n" in document
    assert "#   metadata.data level: one of raw, derived\n" in document
    assert (held(server)["implant date"], held(server)["age"]) == (MARCH, 62)
    assert "implant date: 2024-03-01" in program.ok("show", RAW).out
    columns = ("--columns", "id,metadata.implant date", "-o", "csv")
    assert program.ok("ls", '"implant date":2024-03-01', *columns).lines[1:] == [
        f"{RAW},2024-03-01"
    ]
    refused = program("edit", RAW, "--meta", "implant date=2019-12-31")
    assert "it must be 2020-01-01 or later" in refused.err
