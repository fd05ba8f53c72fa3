"""``login``, ``logout`` and ``profiles``."""

from pathlib import Path

import pytest

from coexplorer.cli.login import name_profile
from coexplorer.config import find_paths
from coexplorer.config.domain import parse_domain
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
