"""`config.toml`: read strictly, changed gently."""

import os
from pathlib import Path
from typing import Any

import pytest

from coexplorer.api.trust import build_tls
from coexplorer.cli.exits import code_of
from coexplorer.config.file import (
    ConfigFile,
    Profile,
    S3Settings,
    find_setting,
    list_settings,
    load_config_file,
    parse_config,
)
from coexplorer.config.paths import Paths, find_paths
from coexplorer.config.settings import load_settings
from coexplorer.config.write import (
    remove_profile,
    save_columns,
    save_profile,
    save_view,
)
from coexplorer.errors import ConfigError, FileTrouble
from coexplorer.models import Dialect, Secret


@pytest.fixture
def paths() -> Paths:
    return find_paths()


def write(paths: Paths, text: str, mode: int = 0o600) -> Path:
    paths.config_dir.mkdir(parents=True, mode=0o700)
    paths.config_file.write_text(text)
    paths.config_file.chmod(mode)
    return paths.config_file


def test_a_file_that_is_not_there_is_an_empty_one(paths: Paths) -> None:
    assert load_config_file(paths.config_file).profiles == {}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o620])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(
    paths: Paths, mode: int
) -> None:
    path = write(paths, "", mode)
    with pytest.raises(ConfigError, match="open to others") as caught:
        load_config_file(path)
    assert caught.value.hint == f"run: chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o770, 0o722, 0o777, 0o702])
def test_a_folder_that_others_can_write_to_is_refused_with_the_command_that_mends_it(
    paths: Paths, mode: int
) -> None:
    path = write(paths, "")
    paths.config_dir.chmod(mode)
    with pytest.raises(ConfigError, match="others can replace") as caught:
        load_config_file(path)
    assert caught.value.hint == f"run: chmod go-w {paths.config_dir}"
    paths.config_dir.chmod(mode & ~0o022)
    assert load_config_file(path).profiles == {}


def test_everything_that_can_be_set_is_read(paths: Paths) -> None:
    path = write(
        paths,
        """
        default_profile = "acme"
        columns = ["name", "size"]
        [keys]
        "asset.archive" = "x"
        "list.down" = ["j", "down"]
        [actions]
        K = "+keep"
        [profiles.acme]
        domain = "acme"
        token = "cop_hush"
        token_command = "pass show codeocean"
        dialect = "legacy"
        mount_folder = "~/data"
        [profiles.acme.views]
        "b" = "tag:raw"
        "a" = "is:mine"
        """,
    )
    config = load_config_file(path)
    assert config.warnings == ()
    assert config.keys == {"asset.archive": ("x",), "list.down": ("j", "down")}
    assert config.actions == {"K": "+keep"}
    acme = config.profiles["acme"]
    assert acme.token is not None
    assert acme.token.reveal() == "cop_hush"
    assert list(acme.views) == ["b", "a"]
    assert acme.dialect is Dialect.LEGACY
    settings = load_settings(env={})
    assert settings.columns == ("name", "size")
    assert settings.mount_folder == Path.home() / "data"


def test_unknown_keys_are_named_and_harmless(paths: Paths) -> None:
    path = write(paths, 'colour = "red"\n[profiles.a]\ndomain = "a"\ntokn = "x"\n')
    assert load_config_file(path).warnings == (
        "config.toml: colour is not a setting and has no effect",
        "config.toml: profiles.a.tokn is not a setting and has no effect",
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("default_profile = 3", "default_profile"),
        ("columns = [1]", "columns"),
        ("profiles = 3", "profiles"),
        ("[profiles]\na = 3", "profiles.a"),
        ("[profiles.a]\ndomain = 3", "profiles.a.domain"),
        ('[profiles.a]\ntoken = "cop_hush"', "profiles.a.domain"),
        ('[profiles.a]\ndomain = "a"\ntoken = 5', "profiles.a.token"),
        ('[profiles.a]\ndomain = "a"\ndialect = "newer"', "profiles.a.dialect"),
        ('[profiles.a]\ndomain = "a"\nviews = ["x"]', "profiles.a.views"),
        ('[profiles.a]\ndomain = "a"\n[profiles.a.views]\nx = 1', "profiles.a.views.x"),
        ('[profiles.demo]\ndomain = "a"', "profiles.demo"),
        ('[profiles."../x"]\ndomain = "a"', "../x"),
        ("[keys]\na = { b = 1 }", "keys.a"),
        ("x = ", "not valid TOML"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_key(paths: Paths, text: str, key: str) -> None:
    path = write(paths, text)
    with pytest.raises(ConfigError) as caught:
        load_config_file(path)
    assert key in caught.value.message
    assert "cop_hush" not in caught.value.message


def test_text_that_is_not_utf8_is_an_error(paths: Paths) -> None:
    path = write(paths, "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config_file(path)


def test_a_saved_profile_is_private_and_comes_back(paths: Paths) -> None:
    save_profile(paths, Profile("acme", "codeocean.acme.com", Secret("cop_hush")))
    assert paths.config_file.stat().st_mode & 0o777 == 0o600
    assert paths.config_dir.stat().st_mode & 0o777 == 0o700
    assert load_settings(env={}).load_token().reveal() == "cop_hush"


def test_changes_keep_comments_and_other_settings(paths: Paths) -> None:
    path = write(
        paths,
        "# mine\ncolumns = ['name'] # short\n\n[profiles.a] # work\ndomain = 'a'\n"
        "token_command = 'pass show a'\nmount_folder = '/data'\n\n[keys]\n'x.y' = 'z'\n",
    )
    save_view(load_settings(env={}), "Raw", "tag:raw")
    save_columns(paths, ["name", "tags"])
    text = path.read_text()
    for kept in ("# mine", "# short", "# work", "pass show a", "/data", "'x.y' = 'z'"):
        assert kept in text
    settings = load_settings(env={})
    assert settings.views == {"Raw": "tag:raw"}
    assert settings.columns == ("name", "tags")
    save_view(settings, "Raw", None)
    assert load_settings(env={}).views == {}


def test_signing_in_elsewhere_leaves_no_token_of_the_old_domain(paths: Paths) -> None:
    save_profile(paths, Profile("p", "old", Secret("cop_old"), "pass show old", Dialect.LEGACY))
    save_profile(paths, Profile("p", "new", Secret("cop_new")), make_default=True)
    text = paths.config_file.read_text()
    assert "cop_old" not in text
    assert "pass show" not in text
    assert "legacy" not in text
    assert load_settings(env={}).domain == "new.codeocean.com"


def test_a_removed_profile_is_gone_with_its_token(paths: Paths) -> None:
    save_profile(paths, Profile("a", "a", Secret("cop_hush")), make_default=True)
    save_profile(paths, Profile("b", "b", Secret("cop_b")))
    remove_profile(paths, "a")
    assert "cop_hush" not in paths.config_file.read_text()
    assert load_settings(env={}).profile == "b"
    with pytest.raises(ConfigError, match="no profile 'a'"):
        remove_profile(paths, "a")


def test_a_file_that_is_wrong_is_not_written_over(paths: Paths) -> None:
    path = write(paths, "columns = [")
    with pytest.raises(ConfigError, match="TOML"):
        save_columns(paths, ["name"])
    assert path.read_text() == "columns = ["


def test_a_linked_file_stays_linked(paths: Paths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("")
    real.chmod(0o600)
    paths.config_dir.mkdir(parents=True)
    paths.config_file.symlink_to(real)
    save_columns(paths, ["name"])
    assert paths.config_file.is_symlink()
    assert "name" in real.read_text()


def test_the_name_demo_can_not_be_taken(paths: Paths) -> None:
    with pytest.raises(ConfigError, match="embedded"):
        save_profile(paths, Profile("demo", "a", Secret("cop_hush")))


def test_what_is_not_in_the_file_keeps_no_view(paths: Paths) -> None:
    env = {"CODEOCEAN_DOMAIN": "acme", "CODEOCEAN_TOKEN": "cop_hush"}
    settings = load_settings(env=env)
    assert not paths.config_file.exists()
    with pytest.raises(ConfigError, match="view"):
        save_view(settings, "x", "tag:raw")


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_pipe_in_the_place_of_the_file_is_refused_at_once(paths: Paths, mode: int) -> None:
    paths.config_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.mkfifo(paths.config_file, mode)
    with pytest.raises(ConfigError, match="is not a regular file"):
        load_config_file(paths.config_file)


def test_a_byte_order_mark_does_no_harm(paths: Paths) -> None:
    paths.config_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths.config_file.write_text('columns = ["name"]\n', encoding="utf-8-sig")
    paths.config_file.chmod(0o600)
    assert load_config_file(paths.config_file).columns == ("name",)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_pipe_in_the_place_of_certificates_is_refused_at_once(
    tmp_path: Path, variable: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=f"in {variable}, is not a regular file"):
        build_tls({variable: str(tmp_path / "pipe")})


def test_a_file_that_cannot_be_written_is_trouble_of_this_machine(paths: Paths) -> None:
    path = write(paths, "")
    path.with_name(f"{path.name}.{os.getpid()}.new").mkdir()  # root may write anywhere else
    with pytest.raises(FileTrouble) as caught:
        save_columns(paths, ["name"])
    assert code_of(caught.value) == 9


S3 = {
    "s3_endpoint": "http://storage.lab:9000/s3/",
    "s3_addressing": "path",
    "s3_region": "eu-west-1",
    "aws_profile": "lab",
    "requester_pays": "yes",
}


def test_buckets_are_set_for_each_profile() -> None:
    read = parse_config({"profiles": {"acme": {"domain": "acme", **S3}}}).profiles["acme"].s3
    assert len(S3) + 1 == len(S3Settings.__struct_fields__), "all but is_anonymous"
    assert read == S3Settings(
        "http://storage.lab:9000/s3", "path", "eu-west-1", "lab", requester_pays=True
    )
    for pays in (True, False, "no"):
        table = {"domain": "acme", "requester_pays": pays}
        profile = parse_config({"profiles": {"acme": table}}).profiles["acme"]
        assert profile.s3.requester_pays is (pays is True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("s3_endpoint", "storage.lab"),
        ("s3_endpoint", "https://me:hush@storage.lab"),
        ("s3_endpoint", "https://storage.lab?x=1"),
        ("s3_addressing", "host"),
        ("s3_region", "eu west"),
        ("requester_pays", "maybe"),
        ("requester_pays", 3),
        ("aws_profile", 3),
    ],
)
def test_a_wrong_setting_of_buckets_is_named_without_its_value(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"profiles\.acme\.{name}: expected") as raised:
        parse_config({"profiles": {"acme": {"domain": "acme", name: value}}})
    assert "hush" not in raised.value.message


def test_every_setting_is_listed_as_it_is_read() -> None:
    """`config list`, `get` and `set` know what the parser knows."""
    profile: dict[str, Any] = {}
    for name in set(Profile.__struct_fields__) - {"name", "s3"}:
        profile[name] = {"raw": "tag:raw"} if name == "views" else "https://acme.example"
    profile |= {"dialect": "legacy", **S3}
    table: dict[str, Any] = {"profiles": {"acme": profile}}
    for name in set(ConfigFile.__struct_fields__) - {"profiles", "warnings"}:
        table[name] = {
            "columns": ["name"],
            "keys": {"asset.archive": ["a"]},
            "actions": {"f5": "refresh"},
            "files": {"cache_size": "10GB"},
        }.get(name, "acme")
    config = parse_config(table)
    assert not config.warnings, "a row of ConfigFile or Profile that the parser does not know"
    listed = dict(list_settings(config))
    for name in set(table) - {"profiles"}:
        assert any(key.split(".")[0] == name for key in listed), f"{name} is not in list_settings"
    for name in profile:
        assert any(key.startswith(f"profiles.acme.{name}") for key in listed), name
    assert all(find_setting(key) for key in listed)


@pytest.mark.parametrize(
    ("text", "size"), [("10GB", 10**10), ("1.5 TiB", 3 * 2**39), ("500 mb", 5 * 10**8), ("0", 0)]
)
def test_the_room_for_files_is_a_size(text: str, size: int) -> None:
    assert parse_config({"files": {"cache_size": text}}).files.cache_bytes == size


@pytest.mark.parametrize("value", ["", "10", "much", "-1GB", "1 GB and more", 10.5, True])
def test_room_for_files_that_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match=r"files\.cache_size: expected a"):
        parse_config({"files": {"cache_size": value}})


def test_a_table_that_is_there_twice_is_named_as_it_is_written(paths: Paths) -> None:
    path = write(paths, '[profiles.me]\ndomain = "a"\n[profiles.me]\ndomain = "b"\n')
    with pytest.raises(ConfigError, match=r"\[profiles\.me\] twice"):
        load_config_file(path)
