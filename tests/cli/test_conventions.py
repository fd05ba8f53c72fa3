"""What people know from other programs works here: short options, words, colours, hints."""

import click
import pytest

from coexplorer.cli.commands import ALIASES, COMMANDS, cli, find_color
from coexplorer.cli.missing_values import MayStandAlone
from coexplorer.cli.query_words import is_term
from coexplorer.config import find_paths
from tests.support.program import Program
from tests.support.server import DERIVED, OLD, RAW, THEIRS


def list_commands() -> list[tuple[str, ...]]:
    """Return every command, and those below one."""
    ctx = click.Context(cli, info_name="coexplorer")
    found: list[tuple[str, ...]] = [()]
    for name in COMMANDS:
        command = cli.get_command(ctx, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, each) for each in command.commands]
    return found


@pytest.mark.parametrize("command", list_commands(), ids=" ".join)
def test_every_command_has_the_short_help(program: Program, command: tuple[str, ...]) -> None:
    done = program.ok(*command, "-h")
    assert done.out == program.ok(*command, "--help").out
    assert done.out.startswith("Usage: ")


@pytest.mark.parametrize("command", list_commands(), ids=" ".join)
@pytest.mark.parametrize("option", ["-Z", "--zzz", "-Zn"])
def test_unknown_option_is_an_error_everywhere(
    program: Program, command: tuple[str, ...], option: str
) -> None:
    done = program(*command, option)
    assert (done.code, done.out) == (2, "")
    assert "No such option" in done.err
    assert program.server.requests() == []


@pytest.mark.parametrize(
    ("args", "same"),
    [
        (("ls", "-n", "2", "-o", "ids"), ("ls", "--limit", "2", "--ids")),
        (("ls", "-n2", "-oids"), ("ls", "--limit", "2", "--ids")),
        (("ls", "-qn2", "-o", "ids", "-tag:x"), ("ls", "not:tag:x", "--limit=2", "--ids")),
        (("tags", "-n", "1", "-o", "tsv"), ("tags", "--limit", "1", "--tsv")),
        (("stats", "tag:raw", "-o", "json"), ("stats", "--query", "tag:raw", "--json")),
        (("stats", "tag:raw", "-name:x", "-o", "csv"), ("stats", "-ocsv", "tag:raw -name:x")),
        (("tags", "tag:raw", "-o", "json"), ("tags", "--query", "tag:raw", "--json")),
        (("tags", "-tag:raw", "-o", "json"), ("tags", "--query", "-tag:raw", "--json")),
        (("show", "tag:raw", "-ojson"), ("show", "--query", "tag:raw", "--json")),
        (
            ("show", "-tag:raw", "is:mine", "-ojson"),
            ("show", "--query", "-tag:raw is:mine", "-ojson"),
        ),
        (("open", "tag:raw", "--print"), ("open", "--query", "tag:raw", "--print")),
        (("wait", "tag:raw", "-oids"), ("wait", "--query", "tag:raw", "-oids")),
    ],
    ids=" ".join,
)
def test_both_say_the_same(program: Program, args: tuple[str, ...], same: tuple[str, ...]) -> None:
    assert program.ok(*args).out == program.ok(*same).out != ""


def test_an_asset_that_is_called_like_a_term_is_still_an_asset(program: Program) -> None:
    program.server.store.update(THEIRS, name="tag:raw")
    program.ok("sync")
    assert program.ok("show", "tag:raw", "-oids").lines == [THEIRS]
    assert is_term("-tag:raw")
    assert is_term('"subject id":655019')
    assert not is_term("s3://bucket")
    assert not is_term("run:1")
    assert not is_term("name")


@pytest.mark.parametrize("command", [("edit", "--add-tag", "x"), ("archive",), ("rm",)])
def test_where_something_is_changed_an_argument_is_an_asset(
    program: Program, command: tuple[str, ...]
) -> None:
    done = program(command[0], "tag:raw", *command[1:], "--yes")
    assert done.code == 4
    assert program.server.requests("PUT") == program.server.requests("PATCH") == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("stats", "tag:raw", "--query", "tag:x"), "not both"),
        (("tags", "tag:raw", "--query", "tag:x"), "not both"),
        (("stats", ""), "a word of QUERY is empty"),
        (("tags", "renam"), "Did you mean coexplorer tags rename?"),
        (("show", "sort:size"), "finds every asset"),
        (("stats", "tga:raw"), "did you mean tag:?"),
        (("stats", "-raw"), "write not:raw"),
    ],
)
def test_words_that_mean_nothing_do_nothing(
    program: Program, args: tuple[str, ...], says: str
) -> None:
    done = program(*args)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert program.server.requests() == []


def test_short_yes_and_quiet(program: Program) -> None:
    done = program.ok("archive", RAW, DERIVED, "-y", "-q")
    assert (done.out, done.err) == ("", "")
    assert "unarchived" in program.ok("unarchive", RAW, DERIVED, "-y").out
    assert program.ok("-q", "edit", RAW, "--add-tag", "x").out == ""
    assert "changed" in program.ok("edit", RAW, "--add-tag", "y").out, "it ends with its command"
    done = program("-q", "rm", RAW, "-y")
    assert done.code == 5
    assert done.err != "", "what went wrong is always said"


def test_where_nobody_can_be_asked_it_is_one_sentence(program: Program) -> None:
    for args in (("archive", RAW, DERIVED), ("rm", OLD)):
        done = program.spawn(*args, env={"COLUMNS": "200"})
        assert done.code == 2
        assert "add --yes" in done.err
        assert "Usage" not in done.err
        assert program.server.requests("PATCH") == program.server.requests("DELETE") == []


@pytest.mark.parametrize("word", ALIASES)
def test_words_of_other_programs_lead_to_ours(program: Program, word: str) -> None:
    done = program(word)
    assert done.code == 2
    assert f"Did you mean {ALIASES[word]}?" in done.err
    assert word not in COMMANDS


def test_every_hint_leads_to_a_command() -> None:
    assert {each for each in ALIASES.values() if not each.startswith("-")} <= {*COMMANDS}


@pytest.mark.parametrize(
    ("option", "meant"),
    [("--limt", "--limit"), ("--colums", "--columns"), ("--arhived", "--archived")],
)
def test_mistyped_option_is_guessed(program: Program, option: str, meant: str) -> None:
    done = program("ls", option, "3")
    assert done.code == 2
    assert meant in done.err


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, None),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, None),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "3", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, True),
        ({"CLICOLOR_FORCE": "0"}, False),
        ({"CLICOLOR": "0"}, False),
        ({"CLICOLOR": "1"}, None),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, None),
    ],
)
def test_environment_decides_about_colours(environ: dict[str, str], wanted: object) -> None:
    assert find_color(environ) is wanted


def test_colours_reach_a_pipe_only_when_they_are_forced(program: Program) -> None:
    plain = {"NO_COLOR": "", "FORCE_COLOR": "", "CLICOLOR_FORCE": ""}
    assert "\x1b[" not in program.spawn("show", RAW, env=plain).out
    assert "\x1b[1m" in program.spawn("show", RAW, env={**plain, "FORCE_COLOR": "1"}).out
    assert "\x1b[" not in program.spawn("ls", "-ojson", env={**plain, "FORCE_COLOR": "1"}).out


def test_relative_dates(program: Program) -> None:
    old = program.ok("ls", "--all", "created:<1w", "-oids").lines
    assert old == program.ok("ls", "--all", "created:<-1w", "-oids").lines
    assert OLD in old
    for query in ("created:yesterday", "created:>1w", "created:today", "created:2w..1d"):
        assert program.ok("ls", query, "-oids").out == ""
    done = program("ls", "created:tomorow")
    assert done.code == 2
    assert "yesterday" in done.err


def list_options() -> list[tuple[tuple[str, ...], str]]:
    """Return each option that takes a value, behind its command."""
    ctx = click.Context(cli, info_name="coexplorer")
    found = []
    for words in list_commands():
        command: click.Command = cli
        for word in words:
            assert isinstance(command, click.Group)
            below = command.get_command(ctx, word)
            assert below is not None
            command = below
        for each in command.params:
            if isinstance(each, click.Option) and not (each.is_flag or each.count):
                lone = isinstance(each, MayStandAlone)
                found += [(words, name) for name in each.opts if not lone]
    return found


@pytest.mark.parametrize(
    ("command", "option"), list_options(), ids=lambda each: " ".join(each) if each else ""
)
def test_an_option_never_takes_the_next_one_for_its_value(
    program: Program, command: tuple[str, ...], option: str
) -> None:
    for rest in ([], ["--"], ["--", "x"], ["-q"], ["--quiet"], ["--profile=x"], ["--nosuch"]):
        done = program(*command, option, *rest)
        assert (done.code, done.out) == (2, "")
        assert f"Option '{option}' requires an argument" in done.err
    assert program.server.requests() == []


def test_a_value_that_looks_like_an_option_is_told_how_to_be_written(program: Program) -> None:
    done = program("edit", RAW, "--name", "--dry-run")
    assert "write --name=--dry-run" in done.err
    assert "write -o--json" in program("ls", "-o", "--json").err
    program.ok("edit", RAW, "--name=--dry-run")
    program.ok("edit", RAW, "--name", "-fresh")
    taken = program("mount", "--allow-delete", "--nosuch")
    assert "No such option '--nosuch'" in taken.err
    assert program.ok("ls", "--sort", "-size", "-n1").out


@pytest.mark.parametrize(
    "args",
    [
        ("ls",),
        ("ls", "-o", "ids"),
        ("ls", "-o", "csv"),
        ("ls", "--offline"),
        ("stats",),
        ("tags",),
        ("show",),
        ("edit", "--add-tag", "x", "--yes", "--query"),
        ("open", "--print"),
    ],
    ids=" ".join,
)
def test_a_query_in_another_language_is_told_where_it_finds_nothing(
    program: Program, args: tuple[str, ...]
) -> None:
    program.ok("sync")
    assert "write tag:glob(raw*)" in program(*args, "tag:raw*").err
    assert "there is no type 'foo'" in program(*args, "type:foo").err
    assert "looked for" not in program(*args, "tag:nosuch").err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("list", "coexplorer tags?"),
        ("add", "coexplorer edit ASSET --add-tag TAG?"),
        ("rm", "coexplorer edit ASSET --remove-tag TAG?"),
        ("renam", "coexplorer tags rename?"),
    ],
)
def test_what_is_no_command_of_tags_is_no_query(program: Program, word: str, meant: str) -> None:
    done = program("tags", word)
    assert (done.code, done.out) == (2, "")
    assert f"there is no command tags {word}. Did you mean {meant}" in " ".join(done.err.split())
    program.ok("tags", f'"{word}"')


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (("ls", "--version"), "coexplorer --version"),
        (("ls", "--colums", "id"), "--columns"),
        (("stats", "--format", "csv"), "--output"),
        (("demo", "--bogus"), ""),
        (("files", RAW, "--ids"), ""),
        (("--profil", "x"), "--profile"),
    ],
    ids=" ".join,
)
def test_an_unknown_option_is_guessed_by_its_name(
    program: Program, args: tuple[str, ...], meant: str
) -> None:
    done = program(*args)
    assert done.code == 2
    if meant:
        assert f"Did you mean {meant!r}?" in done.err
    else:
        assert "Did you mean" not in done.err


@pytest.mark.parametrize("args", [("--debug", "ls"), ("ls", "--debug"), ("tags", "--debug")])
def test_debug_works_on_both_sides_of_the_command(program: Program, args: tuple[str, ...]) -> None:
    program.ok(*args)
    assert find_paths().log_file.exists()
