"""``edit``, ``archive``, ``rm``, ``tags`` and undoing them."""

import os

import click
import pytest

from coexplorer.cli.edit import split_tags
from coexplorer.cli.narration import _describe_details
from coexplorer.cli.outcomes import summarize
from coexplorer.config import load_settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.errors import EditConflict
from coexplorer.fields import Fields
from coexplorer.library.entries import Action, State
from coexplorer.library.results import BatchReport, EditResult, describe_value
from coexplorer.models import AssetId
from coexplorer.tui.memory import Memory
from tests.support.program import Program
from tests.support.server import DERIVED, OLD, RAW, THEIRS, VIEWED


def stored(program: Program, asset_id: str) -> StoredAsset:
    return program.server.store.get(asset_id)


def test_edit_changes_what_it_was_told_and_nothing_else(any_program: Program) -> None:
    before = stored(any_program, RAW)
    done = any_program.ok("edit", RAW, "--name", "renamed", "--add-tag", "keep")
    after = stored(any_program, RAW)
    assert after.name == "renamed"
    assert set(after.tags) == {*before.tags, "keep"}
    assert (after.description, after.mount) == (before.description, before.mount)
    assert after.custom_metadata == before.custom_metadata
    assert "undo" in done.out


def test_edit_sets_each_field(program: Program) -> None:
    program.ok("edit", RAW, "--description", "two\nlines", "--mount", "m", "--tags", "a, b")
    after = stored(program, RAW)
    assert (after.description, after.mount, set(after.tags)) == ("two\nlines", "m", {"a", "b"})
    program.ok("edit", RAW, "--remove-tag", "a")
    assert set(stored(program, RAW).tags) == {"b"}
    program.ok("edit", RAW, "--tags", "")
    assert stored(program, RAW).tags == ()


def test_edit_takes_off_what_copying_adds(program: Program) -> None:
    program.ok(
        "edit", RAW, "--name", " new\r\n", "--tags", "x", "--add-tag", "\ufeff padded \u200b"
    )
    program.ok("edit", RAW, "--description", "\ufeffone\r\ntwo\r\n", "--remove-tag", " x ")
    after = stored(program, RAW)
    assert (after.name, after.description, set(after.tags)) == ("new", "one\ntwo\n", {"padded"})
    done = program("edit", RAW, "--add-tag", "pad\u200bded")
    assert done.code == 2
    assert "an invisible character (U+200B) at character 4" in done.err


def test_edit_of_many_shows_a_plan_and_sends_nothing_when_dry(program: Program) -> None:
    args = ("edit", "--query", "is:mine tag:ecephys", "--add-tag", "keep")
    done = program.ok(*args, "--dry-run")
    assert done.out.count("+keep") == 2
    assert program.ok(*args, "--dry-run", "--json").json[0]["changes"][0]["added"] == ["keep"]
    assert program.server.requests("PUT") == []


def test_edit_of_many_wants_a_yes(program: Program) -> None:
    args = ("edit", "--query", "is:mine tag:ecephys", "--add-tag", "keep")
    done = program.spawn(*args)
    assert done.code == 2
    assert "--yes" in done.err
    assert program.server.requests("PUT") == []
    outcomes = program.ok(*args, "--yes", "--json").json
    assert {(each["id"], each["state"]) for each in outcomes} == {
        (RAW, "applied"),
        (DERIVED, "applied"),
    }


def test_ids_come_through_a_pipe(program: Program) -> None:
    ids = program.ok("ls", "tag:ecephys", "--ids").out
    program.ok("edit", "-", "--add-tag", "keep", "--yes", stdin=ids)
    assert "keep" in stored(program, RAW).tags
    assert "keep" in stored(program, DERIVED).tags


_CHANGES = ("archive", "unarchive", "rm", "edit")


@pytest.mark.parametrize("command", [*_CHANGES, "show", "wait", "open"])
def test_nothing_found_is_said_and_no_mistake(program: Program, command: str) -> None:
    done = program(command, "--query", "name:nobody")
    assert done.code == (4 if command == "wait" else 0)
    assert done.err == "coexplorer: the query finds no assets\n"
    assert done.out == ("nothing was changed\n" if command in _CHANGES else "")
    if command != "open":
        assert program(command, "--query", "name:nobody", "--json").json == []


@pytest.mark.parametrize(
    "stdin", ["", "\n \r\n", "[]", "id,name\n", "id\tname\r\n\t\r\n", "\ufeff"]
)
def test_empty_list_is_no_success_of_what_acts_on_it(program: Program, stdin: str) -> None:
    for command in (*_CHANGES, "wait"):
        for options in ((), ("--json",)):
            done = program(command, "-", *options, stdin=stdin)
            assert (done.code, done.out) == (4, "")
            assert "no ids came on standard input, so there was nothing to do" in done.err
    for command in ("edit", "rm"):
        assert program(command, "-", "--dry-run", stdin=stdin).code == 4
    for command in ("show", "open", "files", "get"):  # they only look
        done = program.ok(command, "-", stdin=stdin)
        assert RAW not in done.out
        assert done.err == "coexplorer: no ids came on standard input\n"


def test_partly_done_is_told_apart(program: Program) -> None:
    done = program("edit", RAW, VIEWED, "--add-tag", "keep", "--yes")
    assert done.code == 7
    assert "RNA-seq reference" in done.err
    assert "keep" in stored(program, RAW).tags


def test_what_may_not_be_changed_is_refused_and_kept(program: Program) -> None:
    done = program("edit", VIEWED, "--description", "my words")
    assert done.code == 5
    assert "1 refused" in done.out
    assert "retry" not in done.out
    log = program.ok("log")
    assert "Waiting for you" not in log.out
    assert "1 change was refused: coexplorer log --refused" in log.out
    assert "1 refused" in log.out
    assert "my words" in program.ok("log", "--json").out
    assert "you can read but not change" in program.ok("log", "--refused").out
    asked = len(program.server.requests("PUT"))
    assert "1 change was refused: coexplorer log --refused" in program.ok("retry").out
    assert len(program.server.requests("PUT")) == asked, "not sent again unasked"
    entry = str(program.ok("log", "--refused", "--json").json[0]["entry"])
    assert program("retry", entry).code == 5
    assert program("retry", "--refused").code == 5
    assert len(program.server.requests("PUT")) == asked + 2
    done = program("retry", "--batch", "1")
    assert done.code == 5
    assert "nothing of change 1 waits" in done.err
    assert "--refused sends it" in done.err
    assert program("retry", "--batch", "1", "--refused").code == 5
    assert len(program.server.requests("PUT")) == asked + 3
    program.ok("discard", "--refused")
    assert "refused" not in program.ok("log").out
    assert program.ok("discard", "--refused").out == "nothing is waiting to be sent\n"
    assert "my words" in program.ok("log", "--json").out, "the log keeps the text"


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (("--name", " "), "name"),
        (("--name", "a\x1bb"), "name"),
        (("--mount", "../up"), "mount"),
        (("--add-tag", "two\nlines"), "tags"),
    ],
)
def test_a_value_that_must_not_be_sent_is_not(
    program: Program, args: tuple[str, ...], field: str
) -> None:
    done = program("edit", RAW, *args)
    assert done.code == 2
    assert done.err.startswith(f"coexplorer: {field}: ")
    assert program.server.requests("PUT") == []


def test_archive_and_back(any_program: Program) -> None:
    any_program.ok("archive", RAW)
    assert stored(any_program, RAW).archived
    assert any_program.ok("archive", RAW).out.startswith("archived 0 assets")
    any_program.ok("unarchive", RAW)
    assert not stored(any_program, RAW).archived


def test_only_what_is_archived_is_deleted(any_program: Program) -> None:
    done = any_program("rm", RAW, "--yes")
    assert done.code == 5
    assert "archive" in done.err
    assert any_program.server.requests("DELETE") == []
    any_program.ok("rm", OLD, "--yes")
    assert any_program.server.store.find(OLD) is None
    any_program.ok("rm", RAW, "--archive-first", "--yes")
    assert any_program.server.store.find(RAW) is None
    assert any_program("undo").code == 5


def test_rm_asks(program: Program) -> None:
    assert program.spawn("rm", OLD).code == 2
    assert program.server.store.find(OLD) is not None


def test_undo_and_redo(any_program: Program) -> None:
    before = stored(any_program, RAW)
    any_program.ok("edit", RAW, "--name", "renamed", "--add-tag", "keep")
    any_program.ok("undo")
    undone = stored(any_program, RAW)
    assert (undone.name, set(undone.tags)) == (before.name, set(before.tags))
    any_program.ok("redo")
    assert stored(any_program, RAW).name == "renamed"
    assert any_program("redo").code == 5


def test_undo_leaves_what_somebody_changed_since(program: Program) -> None:
    program.ok("edit", RAW, "--name", "mine", "--description", "mine")
    program.server.store.update(RAW, name="theirs")
    done = program("undo")
    assert done.code == 7
    assert "name" in done.err
    assert stored(program, RAW).name == "theirs"
    assert stored(program, RAW).description.startswith("Raw **Neuropixels**")


def test_an_undo_that_does_nothing_says_why_and_is_not_used_up(program: Program) -> None:
    program.ok("edit", DERIVED, "--add-tag", "before")
    program.ok("edit", RAW, "--description", "keep")
    program.server.store.update(RAW, description="theirs")
    for _ in range(2):
        done = program("undo")
        assert done.code == 5
        assert stored(program, RAW).name in done.err
        assert "the description was changed elsewhere since" in done.err
        assert "the change before it: coexplorer undo 1 (add tag before)" in done.err
        assert "changed 0 assets, 1 left out" in done.out
        assert stored(program, RAW).description == "theirs"
        assert "before" in stored(program, DERIVED).tags, "nobody asked for an older change"
    assert program("undo", "2").code == 5
    program.server.store.update(RAW, description="keep")
    program.ok("undo")
    assert stored(program, RAW).description.startswith("Raw **Neuropixels**")
    assert "2 skipped" not in program.ok("log").out
    program.ok("undo")
    assert "before" not in stored(program, DERIVED).tags
    assert program("undo").code == 5


@pytest.mark.parametrize(("fault", "states"), [(403, ("refused",)), (503, ("unsent", "unknown"))])
@pytest.mark.parametrize("action", ["edit", "archive"])
def test_what_an_undo_could_not_take_back_can_still_be_undone(
    program: Program, fault: int, states: tuple[str, ...], action: str
) -> None:
    both = (RAW, DERIVED)
    program.ok(action, *both, *(("--add-tag", "keep") if action == "edit" else ()), "--yes")

    def is_done(asset: str) -> bool:
        found = stored(program, asset)
        return found.archived if action == "archive" else "keep" in found.tags

    rule = program.server.faults.add(
        fault, "PUT" if action == "edit" else "PATCH", f"data_assets/{DERIVED}**"
    )
    done = program("undo")
    assert done.code == 7
    assert stored(program, DERIVED).name in done.err
    assert [is_done(each) for each in both] == [False, True]
    again = program("undo")
    # What is left of it is tried again, as a part of the same undo, and told alone.
    assert again.code == (5 if fault == 403 else 6)
    assert "change 3" not in again.out
    assert program.ok("log").out.count("undo: ") == 1
    assert any(f"1 {each}" in program.ok("log").out for each in states)
    program.server.faults.remove(rule)
    program.ok("undo")
    assert not is_done(DERIVED)
    log = program.ok("log").out
    assert "Waiting for you" not in log
    assert "2 applied (undone)" in log
    program.ok("redo")
    assert is_done(DERIVED)


def test_an_undo_and_a_redo_are_called_by_what_was_done(program: Program) -> None:
    program.ok("edit", RAW, "--add-tag", "keep")
    for command in ("undo", "redo", "undo", "redo"):
        program.ok(command)
    titles = [line.split("  ")[-2:] for line in program.ok("log").out.splitlines()]
    assert "undo: redo" not in str(titles)
    assert program.ok("log").out.count("redo: add tag keep") == 2


def test_one_undo_takes_a_whole_batch_back(program: Program) -> None:
    program.ok("edit", "--query", "is:mine", "--add-tag", "keep", "--yes")
    program.ok("undo")
    assert [each.id for each in program.server.store.assets() if "keep" in each.tags] == []


def test_the_log_names_what_was_typed_in_the_app_and_not_saved(program: Program) -> None:
    assert "Nothing was done" in program.ok("log").out
    memory = Memory(load_settings(env={**os.environ, **program.env}).journal_path)
    base, mine = Fields("before"), Fields("before", "words " * 9_000)
    memory.save_draft(AssetId(RAW), "an asset", base, mine, "description")
    text = program.ok("log").out
    assert f"typed for an asset and not saved: {memory.edits.file}" in text
    assert "next start" in text
    assert "Nothing was done" not in text


def test_the_log_names_what_was_done(program: Program) -> None:
    assert "Nothing was done" in program.ok("log").out
    program.ok("edit", RAW, THEIRS, "--add-tag", "keep", "--yes")
    text = program.ok("log").out
    assert "add tag keep" in text
    assert "2 applied" in text
    assert "Zebrafish atlas" in program.ok("log", "--entries").out
    assert "Zebrafish atlas" in program.ok("log", "1").out


def test_tags_are_counted_renamed_and_merged(any_program: Program) -> None:
    assert ["raw", "2"] in [line.split() for line in any_program.ok("tags").lines]
    any_program.ok("tags", "rename", "raw", "primary", "--yes")
    assert "primary" in stored(any_program, RAW).tags
    assert "primary" in stored(any_program, OLD).tags
    any_program.ok("tags", "merge", "primary", "sorted", "--into", "ephys", "--yes")
    assert set(stored(any_program, DERIVED).tags) == {"ecephys", "Derived", "ephys"}
    counts = {each["tag"]: each["assets"] for each in any_program.ok("tags", "--json").json}
    assert counts["ephys"] == 3
    assert "raw" not in counts


def test_renaming_a_tag_keeps_to_the_query(program: Program) -> None:
    program.ok("tags", "rename", "raw", "primary", "--query", "tag:behavior is:any", "--yes")
    assert "primary" in stored(program, OLD).tags
    assert "raw" in stored(program, RAW).tags


def test_a_tag_that_no_asset_has_is_told(program: Program) -> None:
    for args in (("rename", "ecepys", "x"), ("merge", "ecepys", "foo", "--into", "x")):
        done = program("tags", *args, "--yes")
        assert done.code == 4
        assert "no asset has the tag ecepys" in done.err
        assert "coexplorer tags lists them" in done.err
    assert program.server.requests("PUT") == []


def test_retry_says_what_became_of_it(program: Program) -> None:
    program.ok("edit", RAW, "--name", "first")
    program.server.faults.add(503, "PUT")
    assert program("undo").code == 6
    program.server.faults.clear()
    program.server.store.update(RAW, name="theirs")
    done = program("retry", "2")
    assert done.code == 5
    assert "the name was changed elsewhere since" in done.err
    assert "changed" not in done.out
    assert stored(program, RAW).name == "theirs"


def test_retry_sends_what_could_not_be_sent(program: Program) -> None:
    program.ok("sync")
    rule = program.server.faults.add(503, "PUT", "data_assets/*")
    assert program("edit", RAW, "--name", "renamed").code == 6
    program.server.faults.remove(rule)
    assert program.ok("retry").out.startswith("changed ")
    assert stored(program, RAW).name == "renamed"
    assert program.ok("retry").out == "nothing is waiting to be sent\n"


def test_the_same_field_changed_by_somebody_else_is_a_conflict(program: Program) -> None:
    program.ok("sync")
    program.server.store.update(RAW, name="theirs")
    # Nothing new can be read, so the plan is made from what was known before.
    rule = program.server.faults.add(503, "POST", "data_assets/search")
    query = f"id:{RAW} is:any"  # else a search would have to say that it is not archived
    args = ("edit", "--query", query, "--name", "mine", "--add-tag", "keep", "--yes")
    done = program(*args)
    program.server.faults.remove(rule)
    assert done.code == 8
    assert "the name of this asset was changed elsewhere" in done.err
    assert stored(program, RAW).name == "theirs"
    assert program.server.requests("PUT") == []
    assert "conflict" in program.ok("log").out


def test_different_fields_changed_by_two_are_merged(program: Program) -> None:
    program.ok("sync")
    program.server.store.update(RAW, name="theirs", tags=("ecephys", "theirs"))
    program.ok(
        "edit", "--query", f"id:{RAW}", "--description", "mine", "--add-tag", "keep", "--yes"
    )
    merged = stored(program, RAW)
    assert (merged.name, merged.description) == ("theirs", "mine")
    assert set(merged.tags) == {"ecephys", "theirs", "keep"}


def test_what_a_colleague_deleted_is_gone_and_not_left() -> None:
    def result(state: State) -> EditResult:
        return EditResult(1, 1, AssetId(RAW), "n", Action.DELETE, state)

    report = BatchReport(1, "delete", (result(State.APPLIED), result(State.UNCHANGED)))
    assert summarize(report, "") == "deleted 1 asset, 1 already gone"


def test_the_tags_in_question_are_named_first(program: Program) -> None:
    tags = tuple(f"a{number}" for number in range(9))
    error = EditConflict(
        AssetId(RAW),
        ["tags"],
        base=Fields("n", tags=(*tags, "base")),
        mine=Fields("n", tags=(*tags, "mine")),
        theirs=Fields("n", tags=(*tags, "theirs")),
    )
    for side, line in zip(("base", "mine", "theirs"), _describe_details(error), strict=True):
        assert line.startswith(f"tags ({side}): {side}, a0, ")
    told = describe_value("tags", error.theirs, error.mine)
    assert told.startswith("the tags 'theirs', 'a0', ")
    assert told.endswith("but not 'mine'")


def test_a_redo_across_newer_changes_says_so_and_asks(program: Program) -> None:
    program.ok("edit", RAW, "--add-tag", "first")
    program.ok("undo")
    program.ok("redo")  # at once: nobody is asked
    program.ok("undo")
    program.ok("edit", DERIVED, "--add-tag", "second")
    program.server.log.clear()
    done = program("redo", stdin="")
    assert done.code != 0
    assert "add tag first" in done.err
    assert "1 newer change" in done.err
    assert "first" not in stored(program, RAW).tags
    assert "1 newer change" in program.ok("redo", "--dry-run").err
    done = program.ok("redo", "--yes")
    assert "1 newer change" in done.err
    assert "left nothing to undo" not in done.err
    assert "first" in stored(program, RAW).tags
    program.ok("edit", DERIVED, "--add-tag", "third")
    for options in ((), ("--dry-run",)):  # nothing to ask about
        done = program("redo", *options, stdin="")
        assert done.code == 5
        assert "there is nothing to redo" in done.err


@pytest.mark.parametrize(
    "again",
    [
        ("edit", RAW, "--add-tag", "first"),
        ("edit", RAW, DERIVED, "--remove-tag", "nobody has it", "--yes"),
    ],
    ids=" ".join,
)
def test_what_changes_nothing_is_said_and_not_logged(
    program: Program, again: tuple[str, ...]
) -> None:
    program.ok("edit", RAW, "--add-tag", "first")
    program.ok("sync")
    before = program.ok("log", "-o", "json").json
    program.server.log.clear()
    assert "left as" in program.ok(*again).out
    assert program.ok("log", "-o", "json").json == before
    rows = program.ok(*again, "-o", "json").json
    assert {row["state"] for row in rows} == {"skipped"}
    assert program.server.requests("PUT") == program.server.requests("PATCH") == []
    program.ok("undo")  # what was done before


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ('x,"y, z"', ("x", "y, z")),
        ('"a ""b""", c ,', ('a "b"', "c")),
        ('5" disk,x', ('5" disk', "x")),
        ("a,a, a", ("a",)),
        ("", ()),
    ],
)
def test_tags_of_an_option_may_stand_in_quotes(given: str, tags: tuple[str, ...]) -> None:
    assert split_tags(given) == tags


@pytest.mark.parametrize("given", ['x,"y', '"x"y', '"'])
def test_quotes_of_tags_that_are_not_closed_are_a_mistake(given: str) -> None:
    with pytest.raises(click.UsageError, match="a quote is not closed"):
        split_tags(given)


def test_spaces_around_a_name_are_left_out_and_told(program: Program) -> None:
    done = program.ok("edit", RAW, "--name", "  lead  ", "--description", " as it is ")
    assert "left out the spaces around the name" in done.err
    stored = program.server.store.get(RAW)
    assert (stored.name, stored.description) == ("lead", " as it is ")
    assert "spaces" not in program.ok("edit", RAW, "--name", "other").err


@pytest.mark.parametrize("style", ["csv", "tsv", "json", "jsonl"])
def test_our_own_tables_of_names_go_on_to_an_edit(program: Program, style: str) -> None:
    program.ok("sync")
    columns = "name,size" if style != "jsonl" else "name"
    table = program.ok("ls", "tag:ecephys", "-o", style, "--columns", columns).out
    program.ok("edit", "-", "--add-tag", "listed", "--yes", stdin=table)
    listed = program.ok("ls", "tag:listed", "--ids").lines
    assert listed == program.ok("ls", "tag:ecephys", "--ids").lines != []


@pytest.mark.parametrize(
    "idle", [("rm", RAW, "-y"), ("edit", RAW, "--add-tag", "ecephys"), ("unarchive", RAW)]
)
def test_what_changed_nothing_stands_in_no_redos_way(
    program: Program, idle: tuple[str, ...]
) -> None:
    program.ok("sync")
    program.ok("edit", RAW, "--add-tag", "x")
    program.ok("undo")
    program(*idle)
    done = program.ok("redo")
    assert "since" not in done.err
    assert "x" in program.server.store.get(RAW).tags


def test_what_is_refused_is_not_called_tidied(program: Program) -> None:
    program.ok("sync")
    done = program("edit", RAW, "--name", "two\nlines ", "-y")
    assert done.code == 2
    assert "left out" not in done.err
