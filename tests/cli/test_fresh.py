"""A command acts on what is there now, not on what was known a while ago."""

import pytest

from coexplorer.demo.asset import StoredAsset
from tests.support.program import Program
from tests.support.server import DERIVED, OLD, RAW, SESSION, THEIRS

WRITES = ("PUT", "PATCH", "DELETE")


def written(program: Program) -> set[str]:
    """Return the ids that something was written to."""
    return {
        each.path.split("data_assets/")[1].split("/")[0]
        for method in WRITES
        for each in program.server.requests(method)
    }


@pytest.fixture
def synced(program: Program) -> Program:
    """The command line with a catalog; a look at what is new does not get to the older assets."""
    me = program.server.users[1].email
    program.server.store.insert(
        StoredAsset(
            id=f"{number:08x}-3333-4000-8000-000000000000",
            name=f"newer {number}",
            owner=me,
            created=1_750_000_000 + number,
            everyone="viewer",
        )
        for number in range(120)
    )
    program.ok("sync")
    return program


def retag(program: Program, asset_id: str, *tags: str, **changes: object) -> None:
    """Let a colleague change an asset."""
    program.server.store.update(asset_id, tags=tags, **changes)


@pytest.mark.parametrize("then", ["ls", "tags", "stats"])
@pytest.mark.parametrize(
    "first",
    [
        ("show", RAW[:8]),
        ("uses", RAW[:8]),
        ("edit", RAW[:8], "--add-tag", "x"),
        ("share", RAW[:8], "--everyone", "viewer"),
        ("attach", RAW[:8], "--onto", SESSION, "-y"),
        ("show", "Zebrafish atlas"),
        ("show", "no such asset"),
    ],
    ids=" ".join,
)
def test_what_a_first_command_reads_is_not_taken_for_everything(
    program: Program, first: tuple[str, ...], then: str
) -> None:
    """The start of an id is looked for on the newest pages: a part of all assets."""
    program(*first)
    done = program.ok(then, "-o", "json")
    assert "a part of the assets" not in done.err
    listed = set(program.ok("ls", "--all", "--ids").lines)
    assert {RAW, DERIVED, OLD, THEIRS} <= listed
    assert RAW in program.ok("ls", "is:mine", "--ids").lines


def test_a_part_says_what_completes_it(program: Program) -> None:
    program.ok("show", RAW[:8])
    done = program("ls", "--offline")
    assert done.code == 7
    assert "a part of the assets: at least" in done.err
    assert "coexplorer sync" in done.err


@pytest.mark.parametrize(
    "command",
    [
        ("archive",),
        ("rm", "--archive-first"),
        ("edit", "--add-tag", "x"),
        ("edit", "--description", "x"),
    ],
)
def test_what_no_longer_fits_the_query_is_left_out_by_name(
    synced: Program, command: tuple[str, ...]
) -> None:
    retag(synced, RAW, "ecephys", "raw", "keep")
    first, *rest = command
    query = 'is:mine -tag:keep "subject id":655019'
    done = synced(first, "--query", query, *rest, "--yes")
    assert done.code == 7
    assert written(synced) == {DERIVED}
    assert "it no longer matches the query: its tags changed" in done.err
    assert "ecephys_655019_2023-04-03_18-17-07 (00000001)" in done.err
    assert "1 asset, 1 left out" in done.out


def test_nothing_left_is_no_success(synced: Program) -> None:
    retag(synced, RAW, "keep")
    done = synced("archive", "--query", f"id:{RAW} -tag:keep", "--yes")
    assert done.code == 5
    assert written(synced) == set()


def test_delete_of_what_was_tagged_or_brought_back_meanwhile(synced: Program) -> None:
    retag(synced, OLD, "keep", description="DO NOT DELETE")
    done = synced("rm", "--query", f"id:{OLD} is:archived -tag:keep", "--yes")
    assert done.code == 5
    assert "its description and tags changed" in done.err
    synced.server.store.update(OLD, archived=False)
    done = synced("rm", "--query", f"id:{OLD} is:archived", "--archive-first", "--yes")
    assert done.code == 5
    assert "it is no longer archived" in done.err
    assert written(synced) == set()


def test_delete_by_a_query_for_what_is_archived_does_delete(any_program: Program) -> None:
    any_program.ok("sync")
    any_program.ok("rm", "--query", f"id:{OLD} is:archived", "--yes")
    assert any_program.server.store.find(OLD) is None
    any_program.ok("rm", "--query", f"id:{RAW} -is:archived", "--archive-first", "--yes")
    assert any_program.server.store.find(RAW) is None


def test_what_a_colleague_just_changed_is_found(any_program: Program) -> None:
    any_program.ok("sync")
    retag(any_program, THEIRS, "atlas", "keep")
    any_program.ok("edit", "--query", "tag:keep", "--add-tag", "seen", "--yes")
    assert "seen" in any_program.server.store.get(THEIRS).tags
    retag(any_program, RAW, "fresh")
    any_program.ok("tags", "rename", "fresh", "new", "--yes")
    assert "new" in any_program.server.store.get(RAW).tags


def test_finding_nothing_says_how_old_that_is(
    synced: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coexplorer.cli.freshness.FRESH_S", 0.0)
    synced.server.store.update(THEIRS, description="somewhere in the middle")
    args = ("edit", "--add-tag", "seen", "--yes", "--query")
    done = synced.ok(*args, "description:nowhere")
    assert "the query finds no assets, as far as was known at " in done.err
    assert "--refresh looks again" in done.err
    synced.ok(*args, "description:where")  # the platform was asked for its words
    assert "seen" in synced.server.store.get(THEIRS).tags


def test_tag_that_was_taken_away_meanwhile_is_not_renamed(synced: Program) -> None:
    rule = synced.server.faults.add(503, "POST", "data_assets/search")
    retag(synced, RAW, "ecephys")
    done = synced("tags", "rename", "raw", "primary", "--yes")
    synced.server.faults.remove(rule)
    assert "it has no tag raw any more" in done.err
    assert set(synced.server.store.get(RAW).tags) == {"ecephys"}
    assert "primary" in synced.server.store.get(OLD).tags


def test_refresh_sees_what_others_changed(any_program: Program) -> None:
    any_program.ok("sync")
    retag(any_program, RAW, "keep")
    any_program.server.store.delete(THEIRS)
    assert RAW not in any_program.ok("ls", "tag:keep", "--ids").lines
    assert any_program.ok("ls", "tag:keep", "--ids", "--refresh").lines == [RAW]
    assert THEIRS not in any_program.ok("ls", "--ids").lines


def test_change_that_could_not_be_sent_is_judged_again_when_it_is(synced: Program) -> None:
    rule = synced.server.faults.add(503, "*", f"data_assets/{RAW}*")
    args = ("archive", "--query", "tag:ecephys -tag:keep", "--yes")
    assert synced(*args).code == 7
    synced.server.faults.remove(rule)
    retag(synced, RAW, "ecephys", "keep")
    done = synced("retry")
    assert "no longer matches the query" in done.err
    assert not synced.server.store.get(RAW).archived


@pytest.mark.parametrize("how", [("retry",), ("retry", "--batch")])
def test_delete_that_could_not_be_sent_is_judged_again_when_it_is_named(
    synced: Program, how: tuple[str, ...]
) -> None:
    rule = synced.server.faults.add(409, "DELETE", f"data_assets/{OLD}")
    assert synced("rm", OLD, "--yes").code != 0
    synced.server.faults.remove(rule)
    retag(synced, OLD, "keep")
    done = synced(*how, "1")
    assert "its tags were changed elsewhere since it was shown" in done.err
    assert synced.server.store.find(OLD) is not None
    synced.ok("rm", OLD, "--yes")
    assert synced.server.store.find(OLD) is None


def test_name_of_a_long_list_is_judged_again(synced: Program) -> None:
    me = synced.server.users[0].email
    ids = [f"{number:08x}-2222-4000-8000-000000000000" for number in range(15)]
    synced.server.store.insert(
        StoredAsset(id=each, name=f"run_{number}", owner=me, created=1_600_000_000, mount="m")
        for number, each in enumerate(ids)
    )
    synced.ok("sync")
    synced.server.store.update(ids[3], name="important")
    names = "\n".join(f"run_{number}" for number in range(15))
    done = synced("archive", "-", "--yes", stdin=names)
    assert done.code == 7
    assert "it is called 'important' now" in done.err
    assert written(synced) == {*ids} - {ids[3]}
