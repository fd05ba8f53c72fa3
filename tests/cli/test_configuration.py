"""``config``, ``whoami``, ``profiles --check`` and ``status``: what is set, and if it works."""

import importlib.util
from pathlib import Path

import pytest

from coexplorer.config import find_paths
from coexplorer.config.file import find_setting, list_possible, list_settings, load_config_file
from coexplorer.fs import mountpoints
from coexplorer.fs.mount_records import list_mounts
from tests.support.program import Program

TEXT = """# my own words
default_profile = "acme"  # where I work
columns = ["name", "size"]

[keys]
"asset.archive" = "x"  # as in mutt

[profiles.acme]
domain = "codeocean.acme.com"
token = "cop_secret"

[profiles.acme.views]
"My raw" = "tag:raw is:mine"

[profiles."my.lab"]
domain = "lab.example.com"
"""


@pytest.fixture
def config(program: Program) -> Path:
    """A file with something of everything; nobody is signed in by the environment."""
    program.env = {}
    path = find_paths().config_file
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(TEXT, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("default_profile", ["acme"]),
        ("columns", ["name", "size"]),
        ("keys.asset.archive", ["x"]),
        ('keys."asset.archive"', ["x"]),
        ("profiles.acme.domain", ["codeocean.acme.com"]),
        ("profiles.my.lab.domain", ["lab.example.com"]),
        ("profiles.acme.views.My raw", ["tag:raw is:mine"]),
    ],
)
@pytest.mark.usefixtures("config")
def test_each_setting_can_be_read(program: Program, key: str, lines: list[str]) -> None:
    assert program.ok("config", "get", key).lines == lines


def test_list_shows_everything_but_a_token(program: Program, config: Path) -> None:
    out = program.ok("config", "list").out
    assert "default_profile = acme" in out
    assert "profiles.acme.token = (set)" in out
    assert "cop_secret" not in out + program.ok("config", "list", "-o", "json").out
    keys = [key for key, _ in list_settings(load_config_file(config))]
    assert [row["key"] for row in program.ok("config", "list", "-o", "json").json] == keys
    for key in keys:
        assert find_setting(key) is not None, key


@pytest.mark.parametrize(
    ("args", "before", "after"),
    [
        (("default_profile", "my.lab"), '"acme"  # where', '"my.lab"  # where'),
        (("columns", "name,tags", "size"), '["name", "size"]', '["name", "tags", "size"]'),
        (("keys.asset.archive", "X"), '"x"  # as', '["X"]  # as'),
        (("profiles.acme.views.My raw", "tag:x"), '"tag:raw is:mine"', '"tag:x"'),
        (("profiles.acme.domain", "new.acme.com"), '"codeocean.acme.com"', '"new.acme.com"'),
    ],
)
def test_set_changes_one_value_and_keeps_the_rest(
    program: Program, config: Path, args: tuple[str, ...], before: str, after: str
) -> None:
    program.ok("config", "set", *args)
    assert config.read_text("utf-8") == TEXT.replace(before, after, 1)
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_byte_order_mark_stays_before_what_is_written(program: Program, config: Path) -> None:
    config.write_text(f"\ufeff{TEXT}", encoding="utf-8")
    program.ok("config", "set", "keys.asset.archive", "X")
    program.ok("config", "unset", "columns")
    program.ok("--profile", "my.lab", "logout")
    text = config.read_text("utf-8")
    assert text.startswith("\ufeff# my own words\n")
    assert text.count("\ufeff") == 1
    assert load_config_file(config).keys == {"asset.archive": ("X",)}


def test_what_is_wrong_already_keeps_nothing_else_from_being_set(
    program: Program, config: Path
) -> None:
    config.write_text(TEXT.replace('"x"  # as', '"xx"  # as'), encoding="utf-8")
    program.ok("config", "set", "columns", "name")
    assert program("config", "set", "columns", "nmae").code == 2
    program.ok("config", "set", "keys.list.columns", ",")
    assert program.ok("config", "get", "keys.list.columns").lines == [","]


def test_set_and_unset_of_what_is_new(program: Program, config: Path) -> None:
    for key, values in (
        ("actions.K", ("+keep",)),
        ("profiles.acme.mount_folder", ("~/data",)),
        ("profiles.acme.views.old.ones", ("used:<1y",)),
    ):
        program.ok("config", "set", key, *values)
        assert program.ok("config", "get", key).lines == list(values)
        program.ok("config", "unset", key)
        assert program("config", "get", key).code == 4
    assert "# my own words" in config.read_text("utf-8")
    config.unlink()
    program.ok("config", "set", "columns", "name")
    assert load_config_file(config).columns == ("name",)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("set", "defualt_profile", "x"), 2, "did you mean default_profile?"),
        (("set", "default_profile", "nobody"), 2, "there is no profile 'nobody'"),
        (("set", "columns", "name", "sise"), 2, "did you mean size?"),
        (("set", "keys.asset.archiv", "x"), 2, "there is no command asset.archiv"),
        (("set", "actions.K", "explode"), 2, "is not an action"),
        (("set", "actions.KK", "+keep"), 2, "'KK' is not the name of a key"),
        (("set", "actions.ctrl+m", "+keep"), 2, "is not sent by every terminal"),
        (("set", "keys.asset.archive", "pagedwn"), 2, "did you mean pagedown?"),
        (("set", "keys.asset.archive", "ctrl+kk"), 2, "did you mean ctrl+k?"),
        (("set", "keys.asset.archive", "ctrl+K"), 2, "did you mean ctrl+k?"),
        (("set", "keys.asset.archive", "X", "shift+x"), 2, "'shift+x' is not the name"),
        (("set", "keys.asset.archive", ""), 2, "config unset keys.asset.archive"),
        (("set", "keys.asset.archive", " "), 2, "is not the name of a key"),
        (("set", "profiles.acme.views.bad", "size:>ten"), 2, "size: expected"),
        (("set", "profiles.acme.domain", "a b"), 2, "a b"),
        (("set", "profiles.acme.dialect", "klingon"), 2, "legacy or current"),
        (("set", "profiles.new.mount_folder", "x"), 2, "profiles.new.domain is missing"),
        (("set", "profiles.acme.token", "cop_x"), 2, "coexplorer login"),
        (("get", "profiles.acme.token"), 2, "coexplorer login"),
        (("set", "profiles.acme.color", "x"), 2, "no setting"),
        (("set", "profiles", "x"), 2, "no setting"),
        (("set", "default_profile", "a", "b"), 2, "one value"),
        (("unset", "profiles.acme.domain"), 3, "coexplorer logout --profile acme"),
        (("unset", "profiles.acme"), 2, "coexplorer logout --profile acme"),
        (("unset", "actions.Q"), 4, "is not set"),
        (("get", "actions.Q"), 4, "is not set"),
    ],
)
def test_what_would_be_wrong_is_not_written(
    program: Program, config: Path, args: tuple[str, ...], code: int, says: str
) -> None:
    done = program("config", *args)
    assert (done.code, done.out) == (code, ""), done
    assert says in done.err
    assert config.read_text("utf-8") == TEXT


@pytest.mark.parametrize("broken", ["not toml", "columns = 3\n", "[profiles.x]\n"])
def test_broken_file_is_a_sentence(program: Program, config: Path, broken: str) -> None:
    config.write_text(broken, encoding="utf-8")
    for args in (("list",), ("get", "columns"), ("set", "columns", "name"), ("unset", "columns")):
        done = program("config", *args)
        assert (done.code, done.out) == (3, "")
        assert "Traceback" not in done.err
    assert config.read_text("utf-8") == broken
    assert program.ok("config", "path").lines == [str(config)]


@pytest.mark.usefixtures("config")
def test_paths_of_settings_complete(program: Program) -> None:
    env = {"_COEXPLORER_COMPLETE": "bash_complete"}
    for typed, found in (
        ("def", ["default_profile"]),
        ("keys.asset.archive", ["keys.asset.archive"]),
        ("profiles.acme.mo", ["profiles.acme.mount_folder"]),
        ("profiles.acme.to", ["profiles.acme.token_command"]),
    ):
        lines = program.spawn(env={**env, "COMP_LINE": f"coexplorer config set {typed}"}).lines
        assert [line.partition("\t")[2] for line in lines] == found
    for key in list_possible(load_config_file(find_paths().config_file)):
        assert find_setting(key) is not None


def test_whoami_tells_who_and_where(any_program: Program) -> None:
    user = any_program.server.users[0].email
    out = any_program.ok("whoami").out
    assert "the token (from CODEOCEAN_TOKEN) works" in out
    found = any_program.ok("whoami", "-o", "json").json
    assert found["works"] is True
    assert found["user"] in {user, None}
    assert found["url"] == any_program.server.url


def test_whoami_tells_what_does_not_work(program: Program) -> None:
    program.env["CODEOCEAN_TOKEN"] = "cop_wrong"
    done = program("whoami", "-o", "json")
    assert (done.code, done.json["works"]) == (3, False)
    assert "cop_wrong" not in done.out + done.err
    program.server.stop()
    done = program("whoami", "-o", "json")
    assert (done.code, done.json["works"]) == (6, None)
    assert done.json["error"]


def test_profiles_tell_which_work(program: Program) -> None:
    url, users = program.server.url, program.server.users
    program.env = {}
    program.ok("--profile", "good", "login", url, stdin=f"{users[0].token}\n")
    program.ok("--profile", "bad", "login", url, stdin=f"{users[1].token}\n")
    path = find_paths().config_file
    path.write_text(path.read_text().replace(users[1].token, "cop_old"), encoding="utf-8")
    rows = {row["profile"]: row for row in program.ok("profiles", "-o", "json").json}
    assert [row["works"] for row in rows.values()] == [None, None]
    done = program("profiles", "--check", "-o", "json")
    assert {row["profile"]: row["works"] for row in done.json} == {"good": True, "bad": False}
    assert "bad: " in done.err
    assert done.code == 7  # one of two
    lines = program("profiles", "--check").lines
    assert lines[0].split()[-2:] == ["WORKS", "USER"]
    path.write_text(path.read_text().replace("cop_old", users[1].token), encoding="utf-8")
    program.ok("profiles", "--check")
    path.write_text(path.read_text().replace(users[1].token, "cop_old"), encoding="utf-8")
    program.ok("--profile", "good", "logout")
    assert program("profiles", "--check").code == 3  # the only one does not work
    program.server.stop()
    assert program("profiles", "--check").code == 6
    path.unlink()
    program.ok("profiles", "--check")


def test_status_leaves_out_what_others_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "mountinfo"
    line = "36 35 0:{n} / {folder} rw - fuse.coexplorer coexplorer rw,user_id={uid},group_id=0\n"
    listed.write_text(
        line.format(n=50, folder="/mine", uid=1000) + line.format(n=51, folder="/theirs", uid=1001)
    )
    monkeypatch.setattr(mountpoints, "MOUNTS", listed)
    monkeypatch.setattr(mountpoints, "can_list_mounts", lambda: True)
    assert [each.folder for each in list_mounts(find_paths(), uid=1000)] == ["/mine"]
    assert [each.folder for each in list_mounts(find_paths())] == ["/mine", "/theirs"]


def test_a_profile_that_was_made_by_set_goes_by_unset(program: Program) -> None:
    program.env |= {"CODEOCEAN_DOMAIN": "", "CODEOCEAN_TOKEN": ""}
    assert program.ok("profiles").out == "no profiles yet; sign in: coexplorer login DOMAIN\n"
    program.ok("config", "set", "profiles.new.domain", "new.example.com")
    program.ok("config", "set", "default_profile", "new")
    (row,) = program.ok("profiles", "-o", "json").json
    is_readable = importlib.util.find_spec("keyring") is not None
    assert row["token"] == ("keyring" if is_readable else "none")
    program.ok("config", "unset", "profiles.new.domain")
    assert program.ok("config", "list").out == ""
    assert program.ok("profiles", "-o", "json").json == []


def test_a_profile_without_a_token_is_forgotten_by_logout(program: Program) -> None:
    program.env |= {"CODEOCEAN_DOMAIN": "", "CODEOCEAN_TOKEN": ""}
    program.ok("config", "set", "profiles.new.domain", "new.example.com")
    program.ok("config", "set", "profiles.new.views.mine", "is:mine")
    program.ok("logout", "--profile", "new")
    assert program.ok("config", "list").out == ""


def test_the_demo_is_no_profile_to_sign_in_to(program: Program) -> None:
    done = program("--profile", "demo", "login", "acme")
    assert done.code == 3
    assert "leave --profile demo out" in done.err


def test_keys_of_commands_complete(program: Program) -> None:
    env = {"_COEXPLORER_COMPLETE": "bash_complete"}
    for typed, found in (
        ("keys.asset.arch", ["plain\tkeys.asset.archive"]),
        ("ke", ["part\tkeys."]),
    ):
        done = program.spawn(env={**env, "COMP_LINE": f"coexplorer config set {typed}"})
        assert done.lines == found
        done = program.spawn(env={**env, "COMP_LINE": f"coexplorer config get {typed}"})
        assert "keys" not in done.out  # none is set
