"""One rule for the exit codes of all that changes assets, whichever command it is."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coexplorer import errors
from coexplorer.cli import exits
from coexplorer.config import find_paths
from tests.library.conftest import many_assets
from tests.support.program import Program

CHANGES = {
    "edit": ("edit", "--query", "tag:bulk", "--description", "new", "--yes"),
    "archive": ("archive", "--query", "tag:bulk", "--yes"),
    "unarchive": ("unarchive", "--query", "tag:bulk is:archived", "--yes"),
    "rm": ("rm", "--query", "tag:bulk is:archived", "--yes"),
    "rm --archive-first": ("rm", "--query", "tag:bulk", "--archive-first", "--yes"),
    "tags rename": ("tags", "rename", "bulk", "renamed", "--yes"),
    "tags merge": ("tags", "merge", "bulk", "other", "--into", "merged", "--yes"),
}
"""Each of them changes all assets with the tag bulk."""


def take_away(program: Program, ids: list[str]) -> None:
    """Let a colleague take the tag away after the catalog was brought up to date."""
    for each in ids:
        program.server.store.update(each, tags=("theirs",))


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("how", ["changed since", "refused"])
@pytest.mark.parametrize("command", CHANGES)
def test_a_change_of_two_assets(program: Program, command: str, how: str, bad: int) -> None:
    archived = command in ("unarchive", "rm")
    ids = many_assets(program.server, 2, archived=archived)
    program.ok("sync")
    if how == "refused":
        for method, each in itertools.product(("PUT", "PATCH", "DELETE"), ids[:bad]):
            program.server.faults.add(403, method, f"data_assets/{each}**")
    else:
        take_away(program, ids[:bad])
    assert program(*CHANGES[command]).code == (exits.OK, exits.PARTLY, exits.REFUSED)[bad]


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("how", ["changed since", "refused"])
@pytest.mark.parametrize("command", ["undo", "redo", "undo 1"])
def test_taking_back_of_two_assets(program: Program, command: str, how: str, bad: int) -> None:
    ids = many_assets(program.server, 2)
    program.ok("sync")
    program.ok(*CHANGES["edit"])
    if command == "redo":
        program.ok("undo")
    for each in ids[:bad]:
        if how == "refused":
            program.server.faults.add(403, "PUT", f"data_assets/{each}**")
        else:
            program.server.store.update(each, description="theirs")
    assert program(*command.split()).code == (exits.OK, exits.PARTLY, exits.REFUSED)[bad]


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("command", ["retry", "retry --batch 1"])
def test_sending_two_assets_again(program: Program, command: str, bad: int) -> None:
    ids = many_assets(program.server, 2)
    program.ok("sync")
    program.server.faults.add(503, "PUT", "**")
    assert program(*CHANGES["edit"]).code == exits.PLATFORM
    program.server.faults.clear()
    for each in ids[:bad]:
        program.server.faults.add(403, "PUT", f"data_assets/{each}**")
    assert program(*command.split()).code == (exits.OK, exits.PARTLY, exits.REFUSED)[bad]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("codes", [(), (exits.REFUSED,), (exits.PLATFORM,), (5, 6)])
def test_the_rule(codes: tuple[int, ...], count: int) -> None:
    failures = codes * count
    expected = exits.PARTLY if failures else exits.OK
    assert exits.of_outcomes(failures, any_done=True) == expected
    alone = codes[0] if len(codes) == 1 else expected
    assert exits.of_outcomes(failures, any_done=False) == alone


@pytest.mark.parametrize(
    "args",
    [
        ("log", "999"),
        ("undo", "999"),
        ("retry", "999"),
        ("retry", "--batch", "999"),
        ("discard", "999"),
        ("umount", "."),
        ("tags", "rename", "nosuch", "new", "--yes"),
        ("tags", "merge", "nosuch", "neither", "--into", "new", "--yes"),
        ("show", "nosuch"),
        ("edit", "nosuch", "--name", "x"),
        ("config", "get", "default_profile"),
        ("config", "unset", "default_profile"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_not_found(program: Program, args: tuple[str, ...]) -> None:
    many_assets(program.server, 2)
    program.ok(*CHANGES["edit"])
    done = program(*args)
    assert (done.code, done.out) == (exits.NOT_FOUND, ""), done


def _make_config_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    find_paths().config_file.mkdir(parents=True)


def _take_fuse_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coexplorer.config.fuse.DEVICE", Path("/dev/no-fuse"))


@pytest.mark.parametrize(
    ("spoil", "commands"),
    [
        (_make_config_a_folder, (("ls",), ("doctor",), ("config", "list"), ("login", "acme"))),
        (_take_fuse_away, (("mount", "m"), ("doctor",))),
    ],
)
def test_the_same_trouble_has_the_same_code_everywhere(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[pytest.MonkeyPatch], None],
    commands: tuple[tuple[str, ...], ...],
) -> None:
    spoil(monkeypatch)
    codes = {command: program(*command, stdin="x\n").code for command in commands}
    assert codes == dict.fromkeys(commands, exits.LOCAL)


def test_every_error_has_a_code_of_its_own() -> None:
    """What nobody put into the table would be wrong usage."""
    known = [kind for kind, _ in exits._CODES]
    untold = [
        each for each in _iter_kinds(errors.CoexplorerError) if not issubclass(each, tuple(known))
    ]
    assert untold == [errors.DocumentError]
    for at, kind in enumerate(known):
        assert not any(issubclass(kind, before) for before in known[:at]), kind


def _iter_kinds(kind: type[errors.CoexplorerError]) -> Iterator[type[errors.CoexplorerError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _iter_kinds(each)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("config", "set", "columns", "foo"), "there is no column 'foo'"),
        (("config", "set", "default_profile", "foo"), "there is no profile 'foo'"),
        (("ls", "--type", "foo"), "dataset, result, combined, model"),
        (("ls", "--type", "datast"), "did you mean dataset?"),
        (("ls", "--state", "foo"), "foo"),
        (("tags", "rename", "raw", "raw"), "nothing would change"),
        (("tags", "merge", "raw", "--into", "raw", "--yes"), "nothing would change"),
    ],
)
def test_a_value_that_is_none_is_a_mistake_of_usage(
    program: Program, args: tuple[str, ...], says: str
) -> None:
    program.ok("sync")
    done = program(*args)
    assert done.code == 2
    assert says in done.err
    assert len(done.err) < 500
