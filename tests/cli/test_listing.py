"""``ls``, ``show``, ``stats`` and the like: reading, in every format."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coexplorer.cli.asset_keys import ASSET
from coexplorer.demo.asset import AppParameter
from coexplorer.tui.columns import COLUMN_BY_ID
from tests.support.program import Program
from tests.support.server import (
    COMBINED,
    DERIVED,
    DRAFT,
    FAILED,
    OLD,
    OUTSIDE,
    RAW,
    THEIRS,
    VIEWED,
)


def test_ls_lists_all_that_is_not_archived(any_program: Program) -> None:
    done = any_program.ok("ls", "--ids")
    assert set(done.lines) == {RAW, DERIVED, THEIRS, VIEWED, FAILED, DRAFT, COMBINED, OUTSIDE}


def test_ls_finds_sorts_and_cuts(any_program: Program) -> None:
    words = ("ls", "tag:raw name:ecephys", "--sort", "-size", "--json")
    assert [asset["id"] for asset in any_program.ok(*words).json] == [RAW]
    by_size = any_program.ok("ls", "is:mine", "--sort", "-size", "--ids", "--limit", "2").lines
    assert by_size == [COMBINED, RAW]
    rest = any_program.ok(
        "ls", "is:mine", "--sort", "-size", "--ids", "--limit", "1", "--offset", "1"
    )
    assert rest.lines == [RAW]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--archived",), {OLD}),
        (("--favorite",), {RAW}),
        (("--shared",), {THEIRS, VIEWED}),
        (("--type", "result"), {DERIVED}),
        (("--state", "failed"), {FAILED}),
        ((RAW,), {RAW}),
        ((RAW, OLD), {RAW, OLD}),
        ((f"{RAW},{FAILED}",), {RAW, FAILED}),
        ((f"{RAW}, {FAILED}", "state:failed"), {FAILED}),
        ((f"https://acme.org/data-assets/{THEIRS}/a-name",), {THEIRS}),
        (("--tag", "atlas", "--tag", "genomics"), {THEIRS, VIEWED}),
        (("tag:raw", "-name:ecephys", "--all"), {OLD}),
        (("is:mine", "-tag:ecephys", "-state:failed", "-is:external", "-type:combined"), {DRAFT}),
    ],
)
def test_ls_filters(program: Program, args: tuple[str, ...], expected: set[str]) -> None:
    assert set(program.ok("ls", *args, "--ids").lines) == expected


def test_an_owner_is_found_by_id_and_by_address(program: Program) -> None:
    (seen,) = program.ok("ls", RAW, "--raw", "--json").json
    by_address = program.ok("ls", f"owner:={seen['owner_email']}", "--ids").lines
    assert RAW in by_address
    assert THEIRS not in by_address
    for asked in (seen["owner"], seen["owner"][:8], f"={seen['owner']}", f"^{seen['owner'][:10]}"):
        assert program.ok("ls", f"owner:{asked}", "--ids").lines == by_address, asked
        assert program.ok("ls", "--remote", f"owner:{asked}", "--ids").lines == by_address, asked
    assert program.ok("ls", f"owner:{seen['owner'][:4]}", "--ids").lines == []


def test_ls_prints_the_same_assets_in_every_format(program: Program) -> None:
    ids = program.ok("ls", "--ids").lines
    assert [asset["id"] for asset in program.ok("ls", "--json").json] == ids
    lines = program.ok("ls", "--json-lines").lines
    assert [json.loads(line)["id"] for line in lines] == ids
    head, *rows = program.ok("ls", "--tsv").lines
    assert tuple(head.split("\t")) == ASSET.flat_names
    assert [row.split("\t")[0] for row in rows] == ids
    table = program.ok("ls").lines
    assert [line.split()[0] for line in table[1:]] == [each[:8] for each in ids]


def test_an_empty_answer_is_still_one(program: Program) -> None:
    assert program.ok("ls", "name:nowhere", "--json").json == []
    assert program.ok("ls", "name:nowhere", "--ids").out == ""
    assert program.ok("ls", "name:nowhere", "--json-lines").out == ""


def test_columns_can_be_chosen(program: Program) -> None:
    done = program.ok("ls", f"id:{RAW}", "--columns", "files,name,used")
    assert done.lines[0].split() == ["FILES", "NAME", "USED"]
    assert done.lines[1].split()[0] == "1,021"
    assert program("ls", "--columns", "colour").code == 2


def test_offline_answers_from_what_is_known(program: Program) -> None:
    assert program("ls", "--offline").code == 9
    program.ok("ls")
    program.server.stop()
    assert len(program.ok("ls", "--offline", "--ids").lines) == 8


def test_a_platform_that_is_away_does_not_keep_what_is_known(program: Program) -> None:
    program.ok("ls")
    program.server.stop()
    done = program("ls", "--refresh", "--ids")
    assert (done.code, done.out) == (6, "")


def test_remote_lets_the_platform_search(any_program: Program) -> None:
    done = any_program.ok("ls", "--remote", "tag:atlas", "--ids")
    assert done.lines == [THEIRS]


@pytest.mark.parametrize(
    "query",
    [
        "-tag:raw",
        "tag:ecephys size:>1GB",
        "tag:ecephys size:<1GB sort:-files",
        "type:result type:combined sort:files",
        "name:ecephys_655019_2023-04-03_18-17-07_sorted",
        '"subject id":655019 -state:failed',
        "created:<2024 sort:used sort:-name",
        "tag:raw is:any",
        "is:mine is:unused -raw",
        "bucket:institute-raw files:>100",
        "is:archived -name:nowhere",
    ],
)
def test_remote_finds_what_the_query_asks_and_nothing_more(
    any_program: Program, query: str
) -> None:
    """Its ids may go on to another command: one too many would be changed, or deleted."""
    # The platform may take the beginning of a tag for the tag.
    any_program.server.store.update(VIEWED, tags=("genomics", "raw-like"))
    local = any_program.ok("ls", query, "--ids").lines
    remote = any_program.ok("ls", "--remote", query, "--ids")
    assert sorted(remote.lines) == sorted(local) != []
    if "sort:" in query:
        assert remote.lines == local
    part = any_program.ok("ls", "--remote", query, "--ids", "--offset", "1", "--limit", "1")
    assert part.lines == remote.lines[1:2]


@pytest.mark.parametrize("query", ["tag:atlas -is:mine", "is:mine is:shared", "-is:shared tag:raw"])
def test_remote_reads_the_lists_that_no_answer_tells(any_program: Program, query: str) -> None:
    local = any_program.ok("ls", query, "--ids").lines
    assert any_program.ok("ls", "--remote", query, "--ids").lines == local


@pytest.mark.parametrize("kind", ["model", "combined", '"capsule"'])
def test_a_type_that_a_platform_does_not_know_finds_nothing(
    any_program: Program, kind: str
) -> None:
    local = any_program.ok("ls", f"type:{kind}", "--ids")
    remote = any_program.ok("ls", f"type:{kind}", "--remote", "--ids")
    assert (remote.out, remote.err) == (local.out, local.err)
    assert ("no asset has the type" in remote.err) is (kind == '"capsule"')


def test_a_year_is_a_year_where_the_key_is_a_date(program: Program) -> None:
    day = 86_400
    for number, (asset, year) in enumerate(((RAW, 2023), (DERIVED, 2024), (THEIRS, 2025))):
        moment = int(datetime(year, 6, 1, tzinfo=UTC).timestamp()) + number * day
        program.server.store.update(asset, custom_metadata={"session date": moment, "age": year})
    expected = {
        ">2024": [THEIRS], ">=2024": [DERIVED, THEIRS], "<2024": [RAW], "2024": [DERIVED],
        "=2024": [DERIVED], "2023..2024": [RAW, DERIVED], "<=2024-06": [RAW, DERIVED],
    }  # fmt: skip
    program.ok("sync")
    for value, ids in expected.items():
        for where in ((), ("--remote",)):
            found = program.ok("ls", f'"session date":{value}', *where, "--ids")
            assert sorted(found.lines) == sorted(ids), (value, where)
    done = program.ok("edit", "--query", '"session date":>2024', "--add-tag", "new", "--yes")
    assert "changed Zebrafish atlas" in done.out
    assert "new" in program.server.store.get(THEIRS).tags
    assert program.ok("ls", '"age":202', "--ids").lines == []
    assert program.ok("ls", '"age":2024.0', "--ids").lines == [DERIVED]


_NEVER = (
    ('"subject id":>729000', "no asset has a number as its subject id: it is text"),
    ('-"age":>2026-01', "compares with a date, and age is a number"),
    ('"age":12d', "no asset has '12d' as its age: it is a number"),
    ('-"session date":2024-02-30', "no asset has '2024-02-30' as its session date: it is a date"),
    ("created:2024..2023", "did you mean created:2023..2024?"),
    ("-size:2GB..1GB", "did you mean -size:1GB..2GB?"),
    ("id:atlas", "ids consist of 0-9, a-f and hyphens"),
    ("type:foo", "one of dataset, result"),
    ("is:foo", "no property 'foo'"),
)
"""Queries that no asset can ever match (or all, where they are negated), and what is said."""


@pytest.mark.parametrize(("query", "told"), _NEVER)
def test_what_no_asset_can_match_is_a_mistake_wherever_it_is_asked(
    program: Program, query: str, told: str
) -> None:
    program.ok("sync")
    asked = ("--query", query)
    change = ("--dry-run", "--yes")
    for args in (
        ("ls", query), ("ls", "--offline", query), ("ls", "--remote", query), ("stats", query),
        ("tags", query), ("show", *asked), ("edit", *asked, "--add-tag", "x", *change),
        ("edit", *asked, "--add-tag", "x", "--yes"), ("archive", *asked, *change),
        ("share", *asked, "--everyone", "viewer", *change),
        ("tags", "rename", "raw", "x", *asked, "--yes"),
    ):  # fmt: skip
        done = program(*args)
        assert (done.code, done.out) == (2, ""), (args, done)
        assert told in done.err, (args, done)
    assert {"PUT", "POST", "PATCH"}.isdisjoint(
        each.method for each in program.server.requests() if "search" not in each.path
    )


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("tag:nobody", ""),
        ("owner:nobody", ""),
        ("created:1990..1990", ""),
        ('"age":12345', ""),
        ('"age":>12345', ""),
        ('"age":^x', "no asset has 'x' as its age"),
        ('"zzz":>3', "no asset has the key 'zzz'"),
        ("created:2098..today", "ends before it begins: did you mean created:today..2098?"),
        ('type:"foo"', "no asset has the type 'foo'"),
        ('id:"atlas"', ""),
    ],
)
def test_what_may_match_tomorrow_is_a_question(program: Program, query: str, told: str) -> None:
    program.ok("sync")
    for args in (("ls", query), ("ls", "--remote", query), ("stats", query), ("tags", query)):
        done = program.ok(*args, "-o", "json")
        assert told in done.err if told else done.err == "", (args, done)


@pytest.mark.parametrize(
    "args",
    [
        ("ls", "size:>ten"),
        ("ls", "nosuchfield:x"),
        ("ls", "--sort", "colour"),
        ("ls", "--jsn"),
        ("ls", "--offline", "--remote"),
        ("show",),
        ("show", RAW, "--query", "tag:raw"),
        ("edit", "--query", "size:>ten", "--add-tag", "x"),
        ("edit", "--query", "", "--add-tag", "x"),
        ("archive", "--query", "sort:name"),
        ("tags", "--query", "is:nothing"),
        ("frobnicate",),
    ],
)
def test_a_mistake_is_usage_and_asks_nobody(program: Program, args: tuple[str, ...]) -> None:
    done = program(*args)
    assert (done.code, done.out) == (2, "")
    assert program.server.requests() == []


@pytest.mark.parametrize(
    ("args", "place"),
    [
        (("tag:raw", "size:>ten"), ["tag:raw size:>ten", "             ^^^^"]),
        (('日本 "open',), ['日本 "open', "     ^^^^^"]),
        (("x" * 90 + " nme:y",), ["…" + "x" * 29 + " nme:y", " " * 31 + "^^^"]),
        (("tag:all(a",), ["tag:all(a", "    ^^^^^"]),
    ],
)
def test_a_mistake_is_shown_at_its_place(
    program: Program, args: tuple[str, ...], place: list[str]
) -> None:
    done = program("ls", *args)
    assert done.code == 2
    assert done.err.splitlines()[1:3] == [f"  {line}" for line in place]


@pytest.mark.parametrize(
    "command",
    [
        ("edit", "--add-tag", "x", "--yes", "--query"),
        ("edit", "--editor", "--query"),
        ("archive", "--yes", "--query"),
        ("rm", "--archive-first", "--yes", "--query"),
        ("tags", "--query"),
        ("tags", "rename", "ecephys", "x", "--yes", "--query"),
        ("stats", "--query"),
        ("ls", "--remote"),
        ("ls", "--refresh"),
    ],
)
def test_a_mistake_in_a_query_sends_nothing_anywhere(
    program: Program, command: tuple[str, ...]
) -> None:
    done = program(*command, "tag:ecephys size:>ten")
    assert done.code == 2
    assert "size: expected a number and a unit" in done.err
    assert program.server.requests() == []


@pytest.mark.parametrize(
    "args",
    [
        ("ls", "--owner"),
        ("ls", "--type"),
        ("ls", "--state"),
        ("ls", "--tag"),
        ("ls", "--tag", "raw", "--tag"),
        ("ls", "--sort"),
        ("ls", "--columns"),
        ("ls", "--profile"),
        ("ls", "--domain"),
        ("ls", "--token-file"),
        ("--profile", "", "ls", "--token-file"),
        ("ls",),
        ("ls", "tag:raw"),
        ("ls", "--ids", "--"),
        ("tags", "--query"),
        ("tags", "rename", "ecephys", "x", "--yes", "--query"),
        ("tags", "merge", "ecephys", "raw", "--yes", "--into"),
        ("stats", "--query"),
        ("archive", "--yes", "--query"),
        ("edit", RAW, "--add-tag"),
        ("edit", RAW, "--remove-tag"),
        ("edit", RAW, "--name"),
        ("create", "x", "--bucket"),
        ("create", "x", "--bucket", "b", "--public", "--prefix"),
        ("create", "x", "--bucket", "b", "--public", "--tag"),
        ("create", "x", "--bucket", "b", "--public", "--mount"),
        ("create", "x", "--bucket", "b", "--keys-file"),
        ("create", "x", "--bucket", "b", "--keys-section"),
        ("get", RAW, "--to"),
        ("login", "--token-command"),
        ("mount",),
        ("umount",),
        ("serve", "--data"),
        ("serve", "--import"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("empty", ["", "  "])
def test_value_of_a_variable_that_is_not_set_widens_nothing(
    program: Program, args: tuple[str, ...], empty: str
) -> None:
    done = program(*args, empty)
    assert (done.code, done.out) == (2, "")
    assert program.server.requests("PUT") == program.server.requests("POST") == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--type", "datset"), "did you mean dataset?"),
        (("--state", "redy"), "did you mean ready?"),
        (("--state", "ready failed"), "state: expected"),
        (("--state", 'rea"dy'), "a quote in the middle"),
        (("--sort", "sise"), "did you mean size?"),
        (("--sort", "size tag:raw"), "sort: expected"),
    ],
)
def test_option_is_checked_as_the_term_of_a_query_is(
    program: Program, args: tuple[str, str], says: str
) -> None:
    for options in (args, (f"{args[0]}={args[1]}",), (*args, "--remote"), (*args, "--offline")):
        done = program("ls", *options)
        assert (done.code, done.out) == (2, "")
        assert says in done.err
    assert program.server.requests() == []


def test_only_commas_take_no_tags_away(program: Program) -> None:
    for tags in (",", " , ", " "):
        done = program("edit", RAW, "--tags", tags)
        assert (done.code, done.out) == (2, "")
    assert program.server.requests("PUT") == []


def test_option_takes_its_text_whole(program: Program) -> None:
    found = program.ok("ls", "--type", "DataSet", "--state", "Ready", "--ids").lines
    assert found == program.ok("ls", "type:dataset state:ready", "--ids").lines != []
    for tag in ('a "b', "all(raw)", "-raw", "raw tag:ecephys", "tag:raw"):
        assert program.ok("ls", "--tag", tag, "--ids").lines == []
    assert program.ok("ls", "--owner", "@", "--ids").lines != []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("ls", "--json", "--tsv"), "give only one of --json and --tsv"),
        (("ls", "--ids", "--json-lines", "--json"), "--json and --json-lines and --ids"),
        (("show", RAW, "--json", "--json-lines"), "give only one of"),
        (("archive", RAW, "--json", "--json-lines"), "give only one of"),
        (("files", RAW, "--tsv", "--json"), "give only one of"),
        (("tags", "--query", "tag:raw", "rename", "raw", "x", "--yes"), "behind rename"),
        (("tags", "--json", "merge", "raw", "--into", "x", "--yes"), "behind merge"),
    ],
)
def test_option_that_would_be_passed_over_is_refused(
    program: Program, args: tuple[str, ...], says: str
) -> None:
    done = program(*args)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert program.server.requests() == []


def test_show_tells_everything(any_program: Program) -> None:
    any_program.ok("sync")
    text = any_program.ok("show", RAW).out
    for told in ("institute-raw/", "subject id: 655019", "ecephys  raw", "Neuropixels", "favorite"):
        assert told in text
    assert any_program.ok("show", RAW, "--json").json[0]["id"] == RAW


def test_show_takes_names_prefixes_and_ids_on_standard_input(program: Program) -> None:
    program.ok("sync")
    assert program.ok("show", "Zebrafish atlas", "--json").json[0]["id"] == THEIRS
    assert program.ok("show", RAW[:8], "--json").json[0]["id"] == RAW
    done = program.ok("show", "-", "--json", stdin=f"{RAW}\n\n{OLD}\n")
    assert [asset["id"] for asset in done.json] == [RAW, OLD]


def test_a_prefix_that_fits_several_lists_them_and_does_nothing(program: Program) -> None:
    program.ok("sync")
    done = program("archive", "0000000")
    assert done.code == 4
    assert "ecephys_655019" in done.err
    assert program.server.requests("PATCH") == []


def test_what_is_not_there_is_not_found(program: Program) -> None:
    done = program("show", "no such asset")
    assert (done.code, done.out) == (4, "")
    assert "Traceback" not in done.err


def test_strangers_text_reaches_no_terminal(program: Program) -> None:
    evil = "evil\x1b]0;owned\x07\u202e\nname"
    program.server.store.update(THEIRS, name=evil, description=evil, tags=(evil,))
    for args in (("ls",), ("show", THEIRS), ("tags",), ("stats",), ("lineage", THEIRS)):
        out = program.ok(*args).out
        assert all(char.isprintable() or char == "\n" for char in out)
    assert program.ok("show", THEIRS, "--json").json[0]["name"] == evil
    row = program.ok("ls", f"id:{THEIRS}", "--tsv").lines[1].split("\t")
    assert row[1] == r"evil\x1b]0;owned\x07\u202e\nname"


def test_stats_duplicates_and_lineage(program: Program) -> None:
    program.server.store.update(VIEWED, name="Zebrafish atlas")
    (total,) = [row for row in program.ok("stats", "--json").json if row["by"] == "total"]
    assert (total["value"], total["assets"]) == (None, 9)
    assert "LARGEST" in program.ok("stats").out
    assert program.ok("stats", "--query", "tag:atlas", "--json").json[0]["assets"] == 1
    assert "Zebrafish atlas" in program.ok("duplicates").out
    assert program.ok("duplicates", "--ids").lines == [VIEWED]
    lineage = program.ok("lineage", RAW, "--json").json
    assert (DERIVED, 1) in {(relative["id"], relative["depth"]) for relative in lineage}
    assert DERIVED[:8] in program.ok("lineage", RAW).out


def test_open_prints_the_link_over_ssh(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    done = program.ok("open", RAW)
    assert done.out == f"{program.server.url}/data-assets/{RAW}\n"


def test_sync_says_what_it_found(any_program: Program) -> None:
    assert any_program.ok("sync").out.startswith("9 assets in ")
    assert any_program.ok("sync", "--json").json["complete"] is True


def test_debug_writes_a_private_log_without_the_token(program: Program, tmp_path: Path) -> None:
    program.ok("--debug", "ls")
    log = tmp_path / "home" / "state" / "coexplorer" / "debug.log"
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.read_text()


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (("-tag:raw",), "-tag:raw"),
        (("-is:mine", "-name:x"), "-is:mine -name:x"),
        (("--sort", "-size", "-tag:atlas"), "-tag:atlas sort:-size"),
        (("-tag:atlas raw", "--limit", "3"), "-tag:atlas raw"),
        (('-"subject id":655019',), '-"subject id":655019'),
        (('-"Read only"',), '-"Read only"'),
        (("not:raw",), "-raw"),
        (("--", "-raw"), "-raw"),
        (("--ids", "--", "-raw", "-tag:x"), "-raw -tag:x"),
        (("raw", "-tag:x", "sorted"), "raw -tag:x sorted"),
        (("--tag", "-odd", "--all"), 'is:any tag:"-odd"'),
    ],
)
def test_negated_terms_are_words_of_the_query(
    program: Program, words: tuple[str, ...], query: str
) -> None:
    style = () if "--ids" in words else ("--ids",)
    assert program.ok("ls", *style, *words).lines == program.ok("ls", "--ids", "--", query).lines


@pytest.mark.parametrize("word", ["-raw", "-v", "-x", "-x3", "-655019", "-é", "-raw tag:x", "-#"])
def test_word_with_a_dash_is_no_query_and_says_how_to_write_one(
    program: Program, word: str
) -> None:
    for words in ((word,), ("tag:raw", word), (word, "json"), ("--sort", "-size", word)):
        done = program("ls", *words)
        assert done.code == 2
        assert f"No such option {word!r}" in done.err
        assert f"-- {word}" in done.err
        assert done.out == ""


def test_mistake_in_a_negated_field_is_told_by_the_query(program: Program) -> None:
    done = program("ls", "-tga:raw")
    assert done.code == 2
    assert "did you mean tag:?" in done.err
    assert program("ls", "--sort").code == 2


@pytest.mark.parametrize(
    "query",
    [
        "commit_id:4f1c",
        "commit_id:1c2",
        f"contained_data_id:{RAW} -type:result",
        "contained_data_id:0000",
        "tag:ra",
        "tag:raw",
        "run_script:code",
        "name:ecephys_655019_2023-04-03_18-17-07_sorted",
        "used:<2030",
        "used:never",
    ],
)
def test_remote_search_means_what_the_local_one_means(any_program: Program, query: str) -> None:
    assert (
        any_program.ok("ls", "--remote", query, "--ids", "--sort", "name").lines
        == any_program.ok("ls", query, "--ids", "--sort", "name").lines
    )


def test_never_used_is_before_every_date(program: Program) -> None:
    assert RAW not in program.ok("ls", "used:<2010", "--ids").lines
    assert set(program.ok("ls", "used:never", "--ids").lines) <= set(
        program.ok("ls", "used:<-180d", "--ids").lines
    )
    assert program.ok("ls", "used:never", "--ids").lines != []


@pytest.mark.parametrize("column", sorted(COLUMN_BY_ID))
def test_ls_knows_each_column_that_the_app_can_be_told_to_show(
    program: Program, column: str
) -> None:
    program.ok("config", "set", "columns", column)
    chosen = program.ok("ls", "--columns", "last_used" if column == "used" else column)
    head = program.ok("ls").out.splitlines()[0]
    assert chosen.out.splitlines()[0].strip() in head


def test_show_tells_of_runs_and_transfers_in_words(program: Program) -> None:
    parameters = (AppParameter("Probe", "A"), AppParameter("Comment", ""))
    program.server.store.update(
        DERIVED, app_parameters=parameters, nextflow_profile="gpu", transfer_error="No\x1b[1m space"
    )
    told = [line.split(maxsplit=1) for line in program.ok("show", DERIVED).lines if line.strip()]
    assert ["parameters", "Probe = A, Comment is empty"] in told
    assert ["profile", "gpu"] in told
    assert "\x1b" not in str(told)
    assert any(line[0] == "not" and line[1].startswith("moved") for line in told)
    assert not any(line[0] == "transferred" for line in told)
    program.server.store.update(DERIVED, last_transferred=1_700_000_000, transfer_error="")
    told = [line.split(maxsplit=1) for line in program.ok("show", DERIVED).lines if line.strip()]
    assert any(line[0] == "transferred" and line[1].startswith("2023-11-1") for line in told)
    assert not any(line[0] == "not" for line in told)
    assert "app_parameters" not in str(told)
