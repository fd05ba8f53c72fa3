"""``login``, ``logout`` and ``profiles``."""

from pathlib import Path

import pytest

from coexplorer.config import find_paths, tokens
from coexplorer.config.domain import name_profile, parse_domain
from coexplorer.config.file import check_profile_name
from tests.support.program import Program
from tests.support.server import RAW


@pytest.fixture
def visitor(any_program: Program) -> Program:
    """The command line of somebody who is not signed in."""
    any_program.env = {}
    return any_program


def test_login_checks_the_token_and_keeps_the_profile(visitor: Program) -> None:
    token = visitor.server.users[0].token
    done = visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{token}\n")
    assert visitor.server.users[0].email in done.out or "you own" in done.out
    assert find_paths().config_file.stat().st_mode & 0o777 == 0o600
    assert len(visitor.ok("ls", "--ids").lines) == 8
    assert visitor.ok("profiles", "--json").json[0]["token"] == "config.toml"


def test_login_asks_for_the_platform_too(visitor: Program) -> None:
    token = visitor.server.users[0].token
    visitor.ok("--profile", "lab", "login", stdin=f"{visitor.server.url}\n{token}\n")
    assert "lab" in visitor.ok("profiles").out


def test_what_a_program_says_before_the_token_is_not_sent_as_one(visitor: Program) -> None:
    login = ("--profile", "lab", "login", visitor.server.url)
    token = visitor.server.users[0].token
    for before in ("Unlocking the store …\n", "one\n\ntwo\nexport TOKEN="):
        done = visitor(*login, stdin=f"{before}{token}\n")
        assert done.code == 3
        assert "standard input has the token, but not in the first line" in done.err
        assert not visitor.server.requests("*")
    visitor.ok(*login, stdin=f"\n{token}\nurl: example.org\n")


def test_a_wrong_token_is_not_kept(visitor: Program) -> None:
    done = visitor("--profile", "lab", "login", visitor.server.url, stdin="cop_wrong\n")
    assert done.code == 3
    assert "cop_wrong" not in done.out + done.err
    assert not find_paths().config_file.exists()


def test_login_with_a_command_keeps_the_command_alone(visitor: Program, tmp_path: Path) -> None:
    secret = tmp_path / "outside"
    secret.write_text(visitor.server.users[0].token)
    command = f"echo asked >> {tmp_path / 'asked'}; cat {secret}"
    visitor.ok("--profile", "lab", "login", visitor.server.url, "--token-command", command)
    assert visitor.server.users[0].token not in find_paths().config_file.read_text()
    assert len(visitor.ok("ls", "--ids").lines) == 8
    (tmp_path / "asked").unlink()
    visitor.ok("edit", RAW, "--add-tag", "keep")
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_login_takes_a_token_file(visitor: Program, tmp_path: Path) -> None:
    secret = tmp_path / "outside"
    secret.write_text(visitor.server.users[1].token)
    secret.chmod(0o600)
    visitor.ok("--profile", "lab", "--token-file", str(secret), "login", visitor.server.url)
    visitor.ok("ls")


def test_logout_forgets_the_token(visitor: Program) -> None:
    token = visitor.server.users[0].token
    visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{token}\n")
    visitor.ok("--profile", "lab", "logout")
    assert token not in find_paths().config_file.read_text()
    assert visitor("ls").code == 3


def test_plain_http_elsewhere_is_refused(visitor: Program) -> None:
    done = visitor("login", "http://codeocean.example.com", stdin="cop_x\n")
    assert done.code == 3
    assert "HTTP" in done.err


def test_a_settings_file_open_to_others_is_refused(visitor: Program) -> None:
    token = visitor.server.users[0].token
    visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{token}\n")
    find_paths().config_file.chmod(0o644)
    done = visitor("ls")
    assert done.code == 3
    assert f"chmod 600 {find_paths().config_file}" in done.err


def test_unknown_settings_are_named(visitor: Program) -> None:
    token = visitor.server.users[0].token
    visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{token}\n")
    path = find_paths().config_file
    path.write_text('colour = "red"\n' + path.read_text())
    assert visitor.ok("edit", RAW, "--add-tag", "keep").err.count("colour is not a setting") == 1


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("acme", "acme"),
        ("https://codeocean.acme.com", "codeocean"),
        ("http://127.0.0.1:8000", "localhost-8000"),
        ("http://localhost:8000/", "localhost-8000"),
        ("localhost", "localhost"),
        ("https://demo.localhost", "localhost"),
        ("http://[::1]:8000", "localhost-8000"),
        ("https://10.1.2.3", "10.1.2.3"),
        ("https://10.1.2.3:8443", "10.1.2.3"),
        ("https://[fd07::5]", "fd07--5"),
        ("https://_lab.acme.com", "ip_lab"),
    ],
)
def test_a_profile_is_named_after_its_host(domain: str, name: str) -> None:
    assert name_profile(parse_domain(domain)) == name
    assert check_profile_name(name) == name


@pytest.mark.parametrize(
    ("domain_from", "token_from"),
    [("CO_DOMAIN", "API_SECRET"), ("CODEOCEAN_DOMAIN", "CUSTOM_KEY"), ("CO_DOMAIN", "CO_TOKEN")],
)
def test_credentials_of_a_capsule_are_used_named_and_kept(
    visitor: Program, domain_from: str, token_from: str
) -> None:
    token = visitor.server.users[0].token
    visitor.env = {domain_from: visitor.server.url, token_from: token}
    told = visitor.ok("whoami")
    assert f"(from {domain_from}), profile environment" in told.out
    assert f"the token (from {token_from}) works" in told.out
    assert f"token from {token_from}" in visitor("doctor").out
    assert f"{domain_from} and {token_from} of the environment" in visitor.ok("config", "list").out
    kept = visitor.ok("--profile", "lab", "login", "--from-environment")
    assert token not in kept.out + kept.err
    visitor.env = {}
    assert len(visitor.ok("ls", "--ids").lines) == 8
    assert "profile lab" in visitor.ok("whoami").out


def test_login_keeps_nothing_of_an_environment_that_has_nothing(visitor: Program) -> None:
    url, no_platform = (
        visitor.server.url,
        "is set, but not CODEOCEAN_DOMAIN",
    )
    for env, told in (
        ({}, "the environment has no token"),
        ({"CO_DOMAIN": url}, "the environment has no token"),
        ({"API_SECRET": "cop_x"}, f"API_SECRET {no_platform}"),
        ({"CO_TOKEN": "cop_x"}, f"CO_TOKEN {no_platform}"),
        ({"CO_DOMAIN": url, "CUSTOM_KEY": "sk-1"}, "CUSTOM_KEY is set, but does not begin with"),
    ):
        visitor.env = env
        done = visitor("login", "--from-environment")
        assert done.code == 3
        assert told in done.err
        if not told.startswith("the environment"):
            assert told in visitor.ok("config", "list").out
        if "CO_DOMAIN" not in env and env:
            assert told in visitor("doctor").out
    visitor.env = {"CO_DOMAIN": "elsewhere", "CO_TOKEN": "cop_x"}
    done = visitor("login", visitor.server.url, "--from-environment")
    assert done.code == 3
    assert f"CO_TOKEN is for elsewhere (CO_DOMAIN), not for {url}" in done.err
    assert visitor.server.requests() == []
    visitor.env = {"CO_DOMAIN": "a", "CODEOCEAN_DOMAIN": "b", "API_SECRET": "cop_x"}
    visitor.ok("login", visitor.server.url, stdin=f"{visitor.server.users[0].token}\n")


def test_the_only_profile_stays_the_default_beside_a_second(visitor: Program) -> None:
    token, url = visitor.server.users[0].token, visitor.server.url
    visitor.ok("--profile", "lab", "login", url, stdin=f"{token}\n")
    visitor.ok("--profile", "other", "login", url, stdin=f"{token}\n")
    assert visitor.ok("whoami", "-o", "json").json["profile"] == "lab"
    rows = visitor.ok("profiles", "-o", "json").json
    assert [row["profile"] for row in rows if row["default"]] == ["lab"]


def test_only_the_profile_that_is_used_is_called_the_default(visitor: Program) -> None:
    token = visitor.server.users[0].token
    visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{token}\n")
    path = find_paths().config_file
    path.write_text(f'default_profile = "zzz"\n{path.read_text()}')
    done = visitor.ok("profiles")
    assert "*" not in done.out
    assert "there is no such profile" in done.err
    assert visitor("ls").code == 3


def test_a_saved_profile_is_not_asked_for_its_platform(visitor: Program) -> None:
    first, second = visitor.server.users[0].token, visitor.server.users[0].read_token
    visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{first}\n")
    done = visitor("--profile", "lab", "login", stdin="cop_wrong\n")
    assert done.code == 3
    assert "new token there" in done.err
    assert "coexplorer login" not in done.err
    visitor.ok("--profile", "lab", "login", stdin=f"{second}\n")
    assert second in find_paths().config_file.read_text()
    visitor.ok("--profile", "lab", "--domain", visitor.server.url, "login", stdin=f"{first}\n")
    two = visitor("--domain", visitor.server.url, "login", "other", stdin=f"{first}\n")
    assert (two.code, "two platforms" in two.err) == (2, True)


def test_the_place_that_the_token_comes_from_is_named_alone(
    visitor: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "is_vain", lambda _: False)  # a keyring, which has nothing
    token = visitor.server.users[0].token
    visitor.ok("--profile", "lab", "login", visitor.server.url, stdin=f"{token}\n")
    assert visitor.ok("whoami", "-o", "json").json["token"] == "config.toml"
    assert "(from config.toml) works" in visitor.ok("whoami").out
    assert "the token from config.toml works" in visitor("doctor").out
