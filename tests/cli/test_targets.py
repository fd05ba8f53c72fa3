"""Which assets a command acts on, from the command line and from lists."""

import json

import pytest

from coexplorer.demo.asset import StoredAsset
from tests.support.program import Program
from tests.support.server import DERIVED, RAW, THEIRS, make_id

RUN_1, RUN_10, SAME, OTHER, BLANKS = (make_id(0xF0000000 + number) for number in range(5))
WRITES = ("PUT", "PATCH", "DELETE")


@pytest.fixture
def runs(program: Program) -> Program:
    me = program.server.users[0].email
    names = ("run_1", "run_10", "same", "same", "session 2024-01-06")
    program.server.store.insert(
        StoredAsset(id=asset_id, name=name, owner=me, created=1_700_000_000, mount="m")
        for asset_id, name in zip((RUN_1, RUN_10, SAME, OTHER, BLANKS), names, strict=True)
    )
    program.ok("sync")
    return program


def written(program: Program) -> list[object]:
    return [each for method in WRITES for each in program.server.requests(method)]


def archived(program: Program) -> set[str]:
    return {asset.id for asset in program.server.store.assets() if asset.archived}


def test_the_same_rm_twice_deletes_one_asset(runs: Program) -> None:
    runs.ok("rm", "run_1", "--archive-first", "--yes")
    for _ in range(2):
        done = runs("rm", "run_1", "--archive-first", "--yes")
        assert done.code == 4
        assert "did you mean run_10 (f0000001)?" in done.err
    assert runs.server.store.find(RUN_1) is None
    assert runs.server.store.find(RUN_10) is not None


@pytest.mark.parametrize(
    "command",
    [
        ("archive",),
        ("unarchive",),
        ("rm", "--archive-first"),
        ("edit", "--add-tag", "x"),
        ("edit", "--name", "x"),
    ],
)
@pytest.mark.parametrize("asked", ["run_", "RUN_1", "same", "f000", "F0000", "run_1 ", "session"])
def test_nothing_is_guessed_for_what_writes(
    runs: Program, command: tuple[str, ...], asked: str
) -> None:
    first, *rest = command
    done = runs(first, asked, *rest, "--yes")
    assert done.code == 4
    assert written(runs) == []
    done = runs(first, "-", *rest, "--yes", stdin=f"{RAW}\n{asked}\n")
    assert done.code == 4
    assert "line 2: " in done.err
    assert written(runs) == []


def test_what_fits_several_is_told_with_their_ids(runs: Program) -> None:
    done = runs("archive", "same")
    assert done.code == 4
    assert SAME in done.err
    assert OTHER in done.err


def test_reading_takes_the_beginning_of_a_name_and_says_so(runs: Program) -> None:
    for command in (("show",), ("files",), ("lineage",), ("open", "--print")):
        done = runs.ok(*command, "Zebra")
        assert "'Zebra' is short for Zebrafish atlas (00000003)" in done.err
    assert runs("show", "run_").code == 4
    assert runs("show", "-", stdin="Zebra\n").code == 4


def test_name_that_a_new_asset_has_too_is_refused(runs: Program) -> None:
    me = runs.server.users[0].email
    new = StoredAsset(id=make_id(0xABC), name="run_1", owner=me, created=1_790_000_000, mount="m")
    runs.server.store.insert([new])
    done = runs("rm", "run_1", "--archive-first", "--yes")
    assert done.code == 4
    assert new.id in done.err
    assert written(runs) == []


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize(
    "command", [("edit", "--add-tag", "x"), ("archive",), ("rm", "--archive-first")]
)
def test_name_that_an_older_asset_was_given_since_is_refused(
    runs: Program, command: tuple[str, ...], *, archived: bool
) -> None:
    me = runs.server.users[0].email
    # More than the pages that a look for new ones reads.
    runs.server.store.insert(
        StoredAsset(
            id=make_id(0xB0000 + n), name=f"n{n}", owner=me, created=1_750_000_000, mount="m"
        )
        for n in range(250)
    )
    runs.ok("sync")
    runs.server.store.update(BLANKS, name="run_1", archived=archived)  # as a colleague does
    done = runs(command[0], "run_1", *command[1:], "--yes")
    assert done.code == 4
    assert RUN_1 in done.err
    assert BLANKS in done.err
    done = runs(command[0], "-", *command[1:], "--yes", stdin="run_10\nrun_1\n")
    assert done.code == 4
    assert "line 2: 'run_1' fits 2 assets" in done.err
    assert written(runs) == []


def test_asset_that_was_renamed_meanwhile_is_not_changed_by_its_old_name(runs: Program) -> None:
    runs.server.store.update(RUN_1, name="important")
    rule = runs.server.faults.add(503, "POST", "data_assets/search")  # a look for news fails
    done = runs("archive", "run_1")
    runs.server.faults.remove(rule)
    assert done.code == 4
    assert "there is no asset 'run_1' any more: it is called 'important' now" in done.err
    for options in (("rm", "--archive-first"), ("archive",), ("edit", "--add-tag", "x")):
        assert runs(options[0], "run_1", *options[1:], "--yes").code == 4
    assert written(runs) == []
    runs.ok("archive", RUN_1)  # by its id it is meant


def test_line_of_a_list_is_one_name_whole(runs: Program) -> None:
    done = runs("archive", "-", "--yes", stdin="session 2024-01-05\n")
    assert done.code == 4
    assert "line 1: no asset 'session 2024-01-05'" in done.err
    assert written(runs) == []
    runs.ok("archive", "-", "--yes", stdin="\ufeffsession 2024-01-06\r\n\r\n")
    assert BLANKS in archived(runs)


SOURCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ls": (("ls", "tag:ecephys"), ("--ids", "--tsv", "--json", "--json-lines", "-ocsv")),
    "ls --remote": (("ls", "tag:ecephys", "--remote"), ("--ids", "--tsv", "--json")),
    "duplicates": (("duplicates",), ("--ids", "--json", "--json-lines", "-ocsv")),
    "show": (("show", "--query", "tag:ecephys"), ("--json", "--json-lines")),
    "plan": (
        ("edit", "--query", "tag:ecephys", "--add-tag", "x", "--dry-run"),
        ("--json", "--json-lines"),
    ),
    "files": (("files", "-"), ("--tsv", "--json", "--json-lines", "-ocsv")),
}


@pytest.mark.parametrize(
    ("source", "style"),
    [(source, style) for source, (_, styles) in SOURCES.items() for style in styles],
)
def test_own_formats_are_lists(runs: Program, style: str, source: str) -> None:
    out = runs.ok(*SOURCES[source][0], style, stdin=f"{RAW}\n{DERIVED}\n")
    runs.ok("edit", "-", "--add-tag", "listed", "--yes", stdin=out.out)
    changed = {each.id for each in runs.server.store.assets() if "listed" in each.tags}
    assert changed == ({OTHER} if source == "duplicates" else {RAW, DERIVED})


@pytest.mark.parametrize("title", ["id", "name"])
def test_an_empty_list_is_not_the_asset_that_is_called_as_its_title(
    runs: Program, title: str
) -> None:
    runs.server.store.update(RUN_1, name=title)
    runs.ok("sync")
    for style in ("csv", "tsv"):
        out = runs.ok("ls", "tag:nonesuch", "-o", style, "--columns", title).out
        assert out.strip() == title
        for command in (("archive",), ("rm", "--archive-first"), ("edit", "--name", "x")):
            done = runs(command[0], "-", *command[1:], "--yes", stdin=out)
            assert done.code == 4
            assert "no ids came on standard input" in done.err
    if title == "name":
        done = runs("archive", "-", "--yes", stdin="name\nrun_10\n")
        assert done.code == 4
        assert "line 1: 'name' could be the title of the names below" in done.err
    assert written(runs) == []
    runs.ok("archive", title)  # on the command line it is a name
    assert RUN_1 in archived(runs)


@pytest.mark.parametrize("style", ["csv", "tsv"])
def test_no_title_of_a_column_is_the_asset_that_is_called_so(runs: Program, style: str) -> None:
    for title in ("state", "run_script"):
        runs.server.store.update(RUN_1, name=title)
        runs.ok("sync")
        for query in ("tag:nonesuch", "name:raw"):
            out = runs.ok("ls", query, "-o", style, "--columns", title).out
            assert out.startswith(title)
            done = runs("archive", "-", "--yes", stdin=out)
            assert done.code == 4
            assert "line 1: this list has no ids or names to go by" in done.err
    assert written(runs) == []
    runs.ok("archive", title)  # on the command line it is a name
    assert RUN_1 in archived(runs)


def test_unknown_lines_are_named_and_nothing_is_done(runs: Program) -> None:
    gone = [make_id(0xEE000000 + number) for number in range(30)]
    done = runs("archive", "-", "--yes", stdin="\n".join([RUN_1, "title", *gone]) + "\n")
    assert done.code == 4
    assert "line 2: no asset 'title'" in done.err
    assert f"line 3: no asset '{gone[0]}'" in done.err
    assert "… and 11 more" in done.err
    assert done.err.count("line ") == 20
    assert written(runs) == []


def test_every_command_reads_the_same_lists(runs: Program) -> None:
    tsv = f"id\tname\n{RAW}\tx\n{THEIRS}\ty\n{RAW}\tx\n"
    for command, style in (("open", "--print"), ("wait", "--ids")):
        out = runs.ok(command, "-", style, stdin=tsv).out
        assert [line[-36:] for line in out.splitlines()] == [RAW, THEIRS]
    assert [each["id"] for each in runs.ok("show", "-", "--json", stdin=tsv).json] == [RAW, THEIRS]
    assert {each["asset_id"] for each in runs.ok("files", "-", "--json", stdin=tsv).json} == {
        RAW,
        THEIRS,
    }
    broken = json.dumps({"why": "x"})
    for command in ("show", "files", "get", "wait", "open", "archive", "edit", "rm"):
        assert runs(command, "-", stdin=broken).code == 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_id_that_a_description_names_is_left_alone(runs: Program, delimiter: str, end: str) -> None:
    said = f"{SAME}, the first\n{OTHER}{delimiter} the second"
    rows = f'id{delimiter}description\n{RUN_1}{delimiter}"old copies:\n{said}"\n{delimiter}\n'
    table = rows.replace("\n", end)
    runs.ok("edit", "-", "--add-tag", "listed", "--yes", stdin=table)
    assert {each.id for each in runs.server.store.assets() if "listed" in each.tags} == {RUN_1}
    runs.ok("rm", "-", "--archive-first", "--yes", stdin=table)
    assert runs.server.store.find(RUN_1) is None
    assert runs.server.store.find(SAME) is not None
    assert runs.server.store.find(OTHER) is not None


@pytest.mark.parametrize(
    ("stdin", "code", "says"),
    [
        (f'id,description\n{RUN_1},"old:\n{SAME}\n', 2, "line 2: a quote opens here"),
        (f'id\tdescription\n{RUN_1}\t"old:\n{SAME}\n', 2, "line 2: a quote opens here"),
        (f"{RUN_1},{SAME}\n", 4, "put one asset on each line"),
        (f"{RUN_10}\n{RUN_1}; {SAME}\n", 4, "line 2: no asset"),
        (f"{RUN_1}\t{SAME}\n", 4, "line 1: no asset"),
        ("id\nrun_10\n", 2, "line 1: 'id' could be a title or an asset's name"),
        ("id,name\nrun_10,x\n", 4, "line 2: 'run_10' is not an id"),
        (f'{{"id":"{RUN_1}","id":"{SAME}"}}', 2, "line 1: this JSON has the key 'id' twice"),
    ],
)
def test_list_that_can_mean_two_things_changes_nothing(
    runs: Program, stdin: str, code: int, says: str
) -> None:
    me = runs.server.users[0].email
    named_id = StoredAsset(id=make_id(0xF1), name="id", owner=me, created=1_700_000_000, mount="m")
    runs.server.store.insert([named_id])
    runs.ok("sync")
    for command in (("rm", "--archive-first"), ("edit", "--add-tag", "x"), ("archive",)):
        done = runs(command[0], "-", *command[1:], "--yes", stdin=stdin)
        assert done.code == code, done
        assert says in done.err
        assert "open the text" not in done.err
    assert written(runs) == []


def test_own_tsv_is_read_back_whatever_the_names_hold(runs: Program) -> None:
    names = ('"a', 'b"', ' "c"', '"', '5" disk', '"d" and "e"')
    ids = [make_id(0xA0 + number) for number in range(len(names))]
    me = runs.server.users[0].email
    runs.server.store.insert(
        StoredAsset(id=each, name=name, owner=me, created=1_700_000_000, mount="m", tags=("q",))
        for each, name in zip(ids, names, strict=True)
    )
    runs.ok("sync")
    out = runs.ok("ls", "tag:q", "--tsv").out
    runs.ok("edit", "-", "--add-tag", "listed", "--yes", stdin=out)
    assert {each.id for each in runs.server.store.assets() if "listed" in each.tags} == set(ids)
