"""Completion, in the shells themselves: what is typed, a Tab, and what the program then gets."""

import json
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from coexplorer.cli.shells import quote_for_bash, read_line
from coexplorer.config import find_paths
from coexplorer.config.embedded import EmbeddedServer, announce, claim
from coexplorer.demo.asset import StoredAsset
from coexplorer.library.completions import find_assets, find_changes, find_tags
from coexplorer.models import Secret
from coexplorer.query import SORT_FIELDS
from tests.support.mounted import make_asset, mounting
from tests.support.program import Program, program_command
from tests.support.server import RAW, make_id
from tests.support.terminal import Terminal, in_terminal

SHELLS = ("bash", "zsh", "fish")
ODD = ('it\'s "5" $HOME `x`', "run:1 a=b", "Zoë 鼠 data", "semi;colon & more|less", "(par)*[x]?~")
TAGS = ("my tag", 'say "hi"', "ünï", "key:value", "spelled", "SPELLED", "spElled")


@pytest.fixture
def known(program: Program) -> Program:
    """A program that knows assets whose names mean something to a shell."""
    me = program.server.users[0].email
    program.server.store.insert(
        StoredAsset(
            id=make_id(0xABC00 + number),
            name=name,
            owner=me,
            created=1_700_000_000,
            mount="m",
            tags=TAGS,
        )
        for number, name in enumerate(ODD)
    )
    program.ok("sync")
    program.ok("edit", RAW, "--add-tag", "first")
    return program


class Shell:
    """A shell at its prompt, in which ``coexplorer`` writes down what it is given."""

    def __init__(self, terminal: Terminal, given: Path) -> None:
        self._terminal = terminal
        self._given = given
        self._count = 0

    def get(self, line: str) -> list[str]:
        """Type a line, Enter, and return what the program was given."""
        self._given.unlink(missing_ok=True)
        self._count += 1
        self._terminal.send(f"{line}\n")
        self._terminal.send_until_so("", self._given.exists)
        self._terminal.shown = ""
        args: list[str] = json.loads(self._given.read_text(encoding="utf-8"))
        return args


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, known: Program, tmp_path: Path) -> Iterator[Shell]:
    """Each of the three, with the script that the program prints for it."""
    name: str = request.param
    place, given = tmp_path / "bin", tmp_path / "given.json"
    place.mkdir()
    stand_in = place / "coexplorer"
    stand_in.write_text(
        f"""#!{sys.executable}
import json, os, sys
if "_COEXPLORER_COMPLETE" in os.environ:
    os.execv(sys.executable, [*{list(program_command())!r}, *sys.argv[1:]])
with open({str(given)!r} + ".new", "w", encoding="utf-8") as file:
    json.dump(sys.argv[1:], file)
os.rename({str(given)!r} + ".new", {str(given)!r})
""",
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    script = tmp_path / "script"
    script.write_text(known.ok("completion", name).out, encoding="utf-8")
    begin = tmp_path / "begin"
    begin.mkdir()
    source = f"source {shlex.quote(str(script))}\n"
    (begin / "bashrc").write_text(f"PS1='READY> '\n{source}")
    (begin / ".zshrc").write_text(
        f"autoload -Uz compinit; compinit -u -D\nPROMPT='READY> '\nunsetopt beep\n{source}"
    )
    (begin / "config.fish").write_text(
        f"function fish_prompt; echo 'READY> '; end\nset -U fish_greeting ''\n{source}"
    )
    command = {
        "bash": ["bash", "--noprofile", "--rcfile", str(begin / "bashrc"), "-i"],
        "zsh": ["zsh", "-d", "-i"],
        "fish": ["fish", "--no-config", "-i", "-C", f"source {begin / 'config.fish'}"],
    }[name]
    env = {
        **known.env,
        "HOME": str(tmp_path),
        "PATH": f"{place}:{os.environ['PATH']}",
        "ZDOTDIR": str(begin),
        "LC_ALL": "C.UTF-8",
        "INPUTRC": "/dev/null",
    }
    with in_terminal(command, env, columns=200) as terminal:
        terminal.wait_for("READY> ")
        yield Shell(terminal, given)
        terminal.send("\x03exit\n")


def test_a_real_shell_completes(shell: Shell) -> None:
    for line, args in (
        ("coexplorer unarc\t x", ["unarchive", "x"]),
        ("coexplorer show Zebr\t", ["show", "Zebrafish atlas"]),
        ("coexplorer show it\t", ["show", ODD[0]]),
        (
            "coexplorer edit x --meta data\td\t -y",
            ["edit", "x", "--meta", "data level=derived", "-y"],
        ),
        (
            'coexplorer edit x --meta "data level=der\t -y',
            ["edit", "x", "--meta", "data level=derived", "-y"],
        ),
        ("coexplorer show run\t", ["show", ODD[1]]),
        ("coexplorer show Zo\t", ["show", ODD[2]]),
        ("coexplorer show semi\t", ["show", ODD[3]]),
        ('coexplorer show "Zebrafish a\t', ["show", "Zebrafish atlas"]),
        ("coexplorer show 'Zebrafish a\t", ["show", "Zebrafish atlas"]),
        ("coexplorer show Zebrafish\\ a\t", ["show", "Zebrafish atlas"]),
        ("coexplorer show 000abc02\t", ["show", make_id(0xABC02)]),
        ("coexplorer ls ty\tres\t", ["ls", "type:result"]),
        ("coexplorer ls tag:my\t", ["ls", 'tag:"my tag"']),
        ("coexplorer ls tag:ün\t", ["ls", "tag:ünï"]),
        ("coexplorer ls -tag:genom\t", ["ls", "-tag:genomics"]),
        ("coexplorer tags tag:genom\t", ["tags", "tag:genomics"]),
        ("coexplorer tags ren\t", ["tags", "rename"]),
        ("coexplorer show is:favo\t", ["show", "is:favorite"]),
        ("coexplorer edit x --add-tag my\t", ["edit", "x", "--add-tag", "my tag"]),
        ("coexplorer edit x --add-tag=my\t", ["edit", "x", "--add-tag=my tag"]),
        ("coexplorer edit x --remove-tag say\t", ["edit", "x", "--remove-tag", 'say "hi"']),
        ("coexplorer edit x --remove-tag key\t", ["edit", "x", "--remove-tag", "key:value"]),
        ("coexplorer ls --sort cre\t", ["ls", "--sort", "created"]),
        ("coexplorer ls --sort -cre\t", ["ls", "--sort", "-created"]),
        ("coexplorer ls --sort=-cre\t", ["ls", "--sort=-created"]),
        ("coexplorer ls --columns id,descr\t", ["ls", "--columns", "id,description"]),
        ("coexplorer ls -o jsonl\t --favor\t", ["ls", "-o", "jsonl", "--favorite"]),
        ("coexplorer undo \t", ["undo", "1"]),
        ("true; coexplorer log \t", ["log", "1"]),
    ):
        assert shell.get(line) == args, line
    # Spellings that have less in common than is typed take none of it away.
    for line, typed in (
        ("coexplorer ls tag:sp\t", "tag:sp"),
        ("coexplorer ls tag:Sp\t", "tag:sp"),
        ("coexplorer edit x --add-tag sp\t", "sp"),
        ("coexplorer edit x --remove-tag SPE\t", "spe"),
    ):
        assert shell.get(line)[-1].lower().startswith(typed), line


@pytest.mark.parametrize("shell_name", SHELLS)
def test_nothing_is_said_where_nothing_is_known(
    program: Program, tmp_path: Path, shell_name: str
) -> None:
    damaged = tmp_path / "cache"
    damaged.write_text("no folder")
    for env in (
        {},
        {"CODEOCEAN_DOMAIN": "", "CODEOCEAN_TOKEN": ""},
        {"XDG_CACHE_HOME": str(damaged)},
    ):
        for line in ("show Ze", "ls tag:r", "undo ", "umount ", "edit x --add-tag ", "--profile x"):
            words = ["coexplorer", *line.split(" ")]
            done = subprocess.run(
                program_command(),
                env={
                    **os.environ,
                    **program.env,
                    **env,
                    "_COEXPLORER_COMPLETE": f"{shell_name}_complete",
                    "COMP_LINE": f"coexplorer {line}",
                    "COEXPLORER_WORDS": "\x1f".join(words[:-1]),
                    "COEXPLORER_WORD": words[-1],
                    "COEXPLORER_RAW": words[-1],
                },
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.stdout.strip(), done.stderr) == ("", ""), line
    assert program.server.requests() == []


def test_a_file_that_is_no_catalog_offers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog"
    for content in (b"", b"nonsense" * 1000):
        path.write_bytes(content)
        assert find_assets(path, "a") == find_tags(path, "") == find_changes(path) == []
    assert find_assets(tmp_path / "nowhere", "") == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("line", "words", "value", "quote", "fixed"),
    [
        ("coexplorer show ab", ("coexplorer", "show"), "ab", "", ""),
        ("coexplorer show 'a b", ("coexplorer", "show"), "a b", "'", ""),
        ('x "a b" "c\\"d', ("x", "a b"), 'c"d', '"', ""),
        ("x a\\ b c:d", ("x", "a b"), "c:d", "", "c:"),
        ('x tag:"my t', ("x",), "tag:my t", '"', "tag:"),
        ("a | x b ", ("x", "b"), "", "", ""),
        ("x --tag=a", ("x",), "--tag=a", "", "--tag="),
        ("x ''", ("x",), "", "", ""),
    ],
)
def test_a_line_is_read_as_the_shell_reads_it(
    line: str, words: tuple[str, ...], value: str, quote: str, fixed: str
) -> None:
    assert read_line(line) == (words, value, quote, fixed)


@pytest.mark.parametrize("text", [*ODD, *TAGS, "-x", "!y", "a\\b", "#c", "{1,2}"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_what_is_quoted_is_read_back_by_bash(text: str, quote: str) -> None:
    line = f"printf %s {quote}{quote_for_bash(text, quote)}{quote}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout.decode() == text


def test_profiles_complete_from_the_settings(program: Program, tmp_path: Path) -> None:
    config = tmp_path / "home" / "config" / "coexplorer" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[profiles.lab]\ndomain = "lab.example.com"\n[profiles.x]\ndomain = "x"\n')
    config.chmod(0o600)
    for line in ("coexplorer --profile l", "coexplorer ls --profile l", "coexplorer --profile=l"):
        env = {"_COEXPLORER_COMPLETE": "bash_complete", "COMP_LINE": line}
        assert program.spawn(env=env).lines == ["plain\tlab"]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("ls --sort -n", ["-name"]),
        ("ls --sort -", [f"-{name}" for name, _ in SORT_FIELDS]),
        ("ls --sort=-n", ["--sort=-name"]),
        ('ls "a', []),
        ("ls '\"quality", ['"quality score":']),
        ("ls 'tag:raw \"ag", ['tag:raw "age":']),
        ('ls \'"modality":e', ['"modality":ecephys']),
        ('ls \'"no such":', []),
        ('ls \'"age":6', ['"age":61']),
        ('ls \'-"modality":=e', ['-"modality":=ecephys']),
        ("ls '-has:qual", ['-has:"quality score"']),
        ("ls 'has:\"qual", ['has:"quality score"']),
        ("ls has:descr", ["has:description"]),
        ("ls tag:^genom", ["tag:^genomics"]),
        ('ls \'"session date":2023-0', ['"session date":2023-04-03']),
    ],
)
def test_values_that_begin_with_a_dash_or_a_quote_complete(
    program: Program, line: str, values: list[str]
) -> None:
    metadata = program.server.store.get(RAW).custom_metadata
    dated = {**metadata, "session date": 1_680_545_827}
    program.server.store.update(RAW, custom_metadata=dated)
    program.ok("sync")
    words = read_line(f"coexplorer {line}")
    env = {
        "_COEXPLORER_COMPLETE": "zsh_complete",
        "COEXPLORER_WORDS": "\x1f".join(words.words),
        "COEXPLORER_WORD": words.value,
    }
    found = [each.split("\t")[1] for each in program.spawn(env=env).lines if each]
    assert found == values


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="nothing can mount")
def test_folders_of_real_mounts_complete(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")]) as mount:
        for typed in ("", str(mount.folder)[:-2], str(tmp_path / "other")):
            done = subprocess.run(
                program_command(),
                env={
                    **mount.env,
                    "_COEXPLORER_COMPLETE": "bash_complete",
                    "COMP_LINE": f"coexplorer umount {typed}",
                },
                capture_output=True,
                text=True,
                check=True,
            )
            is_offered = f"plain\t{mount.folder}" in done.stdout.splitlines()
            assert is_offered is not typed.endswith("other"), done.stdout


@contextmanager
def demo_running(tmp_path: Path, program: Program) -> Iterator[dict[str, str]]:
    """The demo, as far as completion knows it: it runs, and its catalog is filled."""
    paths = find_paths()
    program.ok("sync")
    with (
        claim(paths.demo_dir),
        announce(paths.demo_dir, EmbeddedServer("http://127.0.0.1:1", Secret("t"))),
    ):
        catalog = next(paths.cache_dir.rglob("catalogs/*.sqlite3"))
        with closing(sqlite3.connect(catalog)) as source:
            source.execute("VACUUM INTO ?", (str(paths.demo_dir / "catalog.sqlite3"),))
        yield {**os.environ, "CODEOCEAN_DOMAIN": "", "CODEOCEAN_TOKEN": ""}


@pytest.mark.parametrize(
    ("line", "alias", "profile"),
    [
        ("coexplorer show Zebr", "", ""),
        ("coexplorer show Zebr", "coexplorer --profile demo", ""),
        ("coexplorer show Zebr", "coexplorer --profile demo", "lab"),
        ("coexplorer --profile demo show Zebr", "", "lab"),
        ("coexplorer show --profile demo Zebr", "", "lab"),
    ],
)
def test_the_demo_that_runs_is_completed(
    tmp_path: Path, program: Program, line: str, alias: str, profile: str
) -> None:
    with demo_running(tmp_path, program) as env:
        if profile:
            program.ok("config", "set", f"profiles.{profile}.domain", "lab.example.com")
        assert _complete(line, {**env, "COEXPLORER_ALIAS": alias}) == ["plain\tZebrafish\\ atlas"]
        for begun in ("coexplorer --profile de", "coexplorer ls --profile=d"):
            assert _complete(begun, env) == ["plain\tdemo"]
    assert _complete("coexplorer --profile de", env) in ([], [""])
    assert _complete("coexplorer show Zebr", env) in ([], [""])


def test_what_help_is_there_for_completes(program: Program) -> None:
    env = {**os.environ, **program.env}
    first = {line.split("\t")[1] for line in _complete("coexplorer help ", env)}
    assert {"edit", "tags", "search", "exit-codes"} <= first
    below = _complete("coexplorer help tags re", env)
    assert [line.split("\t")[1] for line in below] == ["rename"]


@pytest.mark.parametrize("command", ["files", "get", "cat", "tail"])
def test_paths_in_an_asset_complete(known: Program, command: str) -> None:
    env = {**os.environ, **known.env}
    paths = [each["path"] for each in known.ok("files", RAW, "--json").json]
    folders = [path.rstrip("/") for path in known.ok("files", RAW).out.split() if path[-1] == "/"]
    offered = _complete(f"coexplorer {command} {RAW} ", env)
    assert all(any(path in line for line in offered) for path in paths)
    inside = _complete(f"coexplorer {command} {RAW[:8]} {folders[0]}/", env)
    assert inside
    assert all(f"{folders[0]}/" in line for line in inside)
    if command != "files":
        assert _complete(f"coexplorer {command} {RAW} {paths[-1]} ", env) == offered
    known.server.stop()
    assert _complete(f"coexplorer {command} {RAW} ", env) == offered  # it was seen
    assert "".join(_complete(f"coexplorer {command} {RAW} {folders[1]}/", env)) == ""
    known.server.start()


def _complete(line: str, env: Mapping[str, str]) -> list[str]:
    done = subprocess.run(
        program_command(),
        env={**env, "_COEXPLORER_COMPLETE": "bash_complete", "COMP_LINE": line},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_folder_of_a_mount_is_left_to_the_shell(program: Program) -> None:
    line = {"_COEXPLORER_COMPLETE": "bash_complete", "COMP_LINE": "coexplorer mount sr"}
    assert program.spawn(env=line).out.startswith("dir")
