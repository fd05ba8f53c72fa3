"""Which platform is used with which token: a token never goes to another domain."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import PasswordDeleteError

from coexplorer.config.embedded import EmbeddedServer, announce, claim
from coexplorer.config.file import Profile
from coexplorer.config.paths import find_paths
from coexplorer.config.settings import load_settings
from coexplorer.config.tokens import remove_from_keyring, save_in_keyring
from coexplorer.config.write import save_profile
from coexplorer.errors import ConfigError
from coexplorer.models import Secret

ENV = {"CODEOCEAN_DOMAIN": "env-platform", "CODEOCEAN_TOKEN": "cop_env"}


def save(name: str, domain: str, *, token: str | None = None, command: str | None = None) -> None:
    save_profile(find_paths(), Profile(name, domain, (token and Secret(token)) or None, command))


def make_token_file(tmp_path: Path, text: str = "cop_file\n", mode: int = 0o600) -> Path:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_nobody_signed_in_is_told_how_to() -> None:
    with pytest.raises(ConfigError, match="not signed in") as caught:
        load_settings(env={})
    assert "coexplorer login" in caught.value.hint


def test_the_only_profile_is_the_default() -> None:
    save("acme", "acme", token="cop_acme")
    settings = load_settings(env={})
    assert (settings.profile, settings.base_url) == ("acme", "https://acme.codeocean.com")
    assert settings.load_token().reveal() == "cop_acme"
    assert settings.catalog_path.name == "acme@acme.codeocean.com.sqlite3"
    assert settings.catalog_path != settings.journal_path


def test_several_profiles_want_a_choice() -> None:
    save("a", "a", token="cop_a")
    save("b", "b", token="cop_b")
    assert load_settings(env={}).profile == "a"  # the first one stays the default
    file = find_paths().config_file
    file.write_text(file.read_text().replace('default_profile = "a"\n', ""))
    with pytest.raises(ConfigError, match="a, b"):
        load_settings(env={})
    assert load_settings(profile="b", env={}).load_token().reveal() == "cop_b"
    assert load_settings(domain="a", env={}).profile == "a"
    with pytest.raises(ConfigError, match="no profile 'c'"):
        load_settings(profile="c", env={})


def test_environment_signs_in_only_as_a_pair() -> None:
    save("acme", "acme", token="cop_acme")
    settings = load_settings(env=ENV)
    assert settings.domain == "env-platform.codeocean.com"
    assert settings.load_token().reveal() == "cop_env"
    alone = load_settings(env={"CODEOCEAN_TOKEN": "cop_env"})
    assert alone.load_token().reveal() == "cop_acme"


def test_environment_token_goes_to_its_own_domain_only() -> None:
    save("acme", "acme", token="cop_acme")
    assert load_settings(profile="acme", env=ENV).load_token().reveal() == "cop_acme"
    assert load_settings(domain="acme", env=ENV).load_token().reveal() == "cop_acme"
    with pytest.raises(ConfigError, match="no token for elsewhere"):
        load_settings(domain="elsewhere", env=ENV)


def test_environment_shares_no_catalog_with_a_profile_of_the_same_domain() -> None:
    save("acme", "env-platform", token="cop_acme")
    assert (
        load_settings(env=ENV).catalog_path != load_settings(profile="acme", env=ENV).catalog_path
    )


def test_environment_domain_alone_chooses_the_profile() -> None:
    save("a", "a", token="cop_a")
    save("b", "b", token="cop_b")
    assert load_settings(env={"CODEOCEAN_DOMAIN": "b"}).profile == "b"


def test_profile_token_goes_to_its_own_domain_only() -> None:
    save("acme", "acme", token="cop_acme")
    with pytest.raises(ConfigError, match="goes nowhere else"):
        load_settings(profile="acme", domain="elsewhere", env={})


def test_token_file_wins_over_all(tmp_path: Path) -> None:
    path = make_token_file(tmp_path)
    save("acme", "acme", token="cop_acme", command="echo cop_command")
    assert (
        load_settings(profile="acme", token_file=path, env={}).load_token().reveal() == "cop_file"
    )
    assert load_settings(token_file=path, env=ENV).load_token().reveal() == "cop_file"
    elsewhere = load_settings(domain="elsewhere", token_file=path, env={})
    assert elsewhere.domain == "elsewhere.codeocean.com"
    assert not elsewhere.saved


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("cop_file", 0o644, "others can read"),
        ("", 0o600, "no token"),
        ("two words", 0o600, "does not hold a token"),
        ("töken", 0o600, "does not hold a token"),
    ],
)
def test_a_token_file_that_is_no_good_says_why(
    tmp_path: Path, text: str, mode: int, message: str
) -> None:
    settings = load_settings(
        domain="acme", token_file=make_token_file(tmp_path, text, mode), env={}
    )
    with pytest.raises(ConfigError, match=message) as caught:
        settings.load_token()
    assert not text or text not in f"{caught.value} {caught.value.hint}"


def test_a_token_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    settings = load_settings(domain="acme", token_file=tmp_path / "none", env={})
    with pytest.raises(ConfigError, match="it is not there"):
        settings.load_token()


def test_token_command_comes_before_the_file() -> None:
    save("acme", "acme", token="cop_acme", command="printf 'cop_command\\nnote\\n'")
    assert load_settings(env={}).load_token().reveal() == "cop_command"


@pytest.mark.parametrize("before", ["Fetching...", "Please wait", "unlocked:"])
def test_a_token_that_is_not_in_the_first_line_is_said_to_be_there(
    tmp_path: Path, before: str
) -> None:
    save("acme", "acme", command=f"printf '{before}\ncop_command\n'")
    file = tmp_path / "token"
    file.write_text(f"{before}\nexport TOKEN=cop_file\n")
    file.chmod(0o600)
    for settings in (load_settings(env={}), load_settings(token_file=file, env={})):
        with pytest.raises(ConfigError, match="has the token, but not in the first") as caught:
            settings.load_token()
        assert "first line" in caught.value.hint
        assert "cop_" not in f"{caught.value} {caught.value.hint}"


def test_token_command_that_fails_does_not_fall_back() -> None:
    save("acme", "acme", token="cop_acme", command="echo cop_wrong; exit 3")
    with pytest.raises(ConfigError, match="exit code 3") as caught:
        load_settings(env={}).load_token()
    assert "cop_" not in f"{caught.value} {caught.value.hint}"


def test_a_profile_without_a_token_says_how_to_get_one() -> None:
    save("acme", "acme")
    with pytest.raises(ConfigError, match="no token") as caught:
        load_settings(env={}).load_token()
    assert caught.value.hint == "sign in: coexplorer --profile acme login acme.codeocean.com"


def test_keyring_is_imported_only_when_a_token_is_wanted() -> None:
    save("acme", "acme", token="cop_acme")
    code = "import sys; from coexplorer.config import load_settings; load_settings(env={});"
    code += "sys.exit('keyring' in sys.modules or 'tomlkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class OneKeyring(KeyringBackend):
    """A keyring in memory, for the one seam that a machine without a desktop can't have."""

    priority = -1.0  # only where a test asks for it

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring leaves it untyped
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def one_keyring() -> Iterator[OneKeyring]:
    before = keyring.get_keyring()
    one = OneKeyring()
    keyring.set_keyring(one)
    yield one
    keyring.set_keyring(before)


@pytest.mark.usefixtures("one_keyring")
def test_keyring_comes_before_the_file_and_keeps_to_its_domain() -> None:
    save("acme", "acme", token="cop_acme")
    save_in_keyring("acme@acme.codeocean.com", Secret("cop_keyring"))
    assert load_settings(env={}).load_token().reveal() == "cop_keyring"
    save("acme", "elsewhere", token="cop_elsewhere")
    assert load_settings(env={}).load_token().reveal() == "cop_elsewhere"
    save("acme", "acme", token="cop_acme")
    remove_from_keyring("acme@acme.codeocean.com")
    assert load_settings(env={}).load_token().reveal() == "cop_acme"


def test_a_machine_without_a_keyring_says_so() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call] # likewise
    try:
        with pytest.raises(ConfigError, match="no keyring"):
            save_in_keyring("acme@acme.codeocean.com", Secret("cop_x"))
        remove_from_keyring("acme@acme.codeocean.com")
    finally:
        keyring.set_keyring(before)


def test_demo_is_there_while_its_server_runs() -> None:
    demo_dir = find_paths().demo_dir
    with pytest.raises(ConfigError, match="not running"):
        load_settings(profile="demo", env=ENV)
    server = EmbeddedServer("http://127.0.0.1:4567", Secret("cop_demo"))
    with claim(demo_dir), announce(demo_dir, server):
        assert (demo_dir / "server.json").stat().st_mode & 0o777 == 0o600
        settings = load_settings(profile="demo", env=ENV)
        assert settings.base_url == "http://127.0.0.1:4567"
        assert settings.load_token().reveal() == "cop_demo"
        with pytest.raises(ConfigError, match="already running"), claim(demo_dir):
            pass
    with pytest.raises(ConfigError, match="not running"):
        load_settings(profile="demo", env=ENV)


def test_demo_left_by_a_killed_program_is_not_believed() -> None:
    demo_dir = find_paths().demo_dir
    demo_dir.mkdir(parents=True)
    (demo_dir / "lock").touch()
    (demo_dir / "server.json").write_text('{"url": "http://127.0.0.1:1", "token": "cop_x"}')
    with pytest.raises(ConfigError, match="not running"):
        load_settings(profile="demo", env={})


def test_no_token_goes_to_the_demo(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="by itself"):
        load_settings(profile="demo", token_file=make_token_file(tmp_path), env={})
    with pytest.raises(ConfigError, match="by itself"):
        load_settings(profile="demo", domain="acme", env={})


def test_no_token_shows_in_what_settings_print() -> None:
    save("acme", "acme", token="cop_acme")
    assert "cop_acme" not in repr(load_settings(env={}))
    assert "cop_env" not in repr(load_settings(env=ENV))


DOMAIN, TOKEN = "acme", "cop_it"


@pytest.mark.parametrize(
    ("env", "token_from", "domain_from"),
    [
        ({"CO_DOMAIN": DOMAIN, "CO_TOKEN": TOKEN}, "CO_TOKEN", "CO_DOMAIN"),
        ({"CO_DOMAIN": DOMAIN, "API_SECRET": TOKEN}, "API_SECRET", "CO_DOMAIN"),
        ({"CO_DOMAIN": DOMAIN, "CUSTOM_KEY": TOKEN}, "CUSTOM_KEY", "CO_DOMAIN"),
        ({"CODEOCEAN_DOMAIN": DOMAIN, "API_SECRET": TOKEN}, "API_SECRET", "CODEOCEAN_DOMAIN"),
        ({"CODEOCEAN_DOMAIN": DOMAIN, "CO_TOKEN": "it"}, "CO_TOKEN", "CODEOCEAN_DOMAIN"),
        (
            {
                "CO_DOMAIN": DOMAIN,
                "CODEOCEAN_DOMAIN": "https://acme.codeocean.com",
                "CUSTOM_KEY": TOKEN,
            },
            "CUSTOM_KEY",
            "CODEOCEAN_DOMAIN",
        ),
        (
            {"CO_DOMAIN": "other", "CO_TOKEN": "x"}
            | {"CODEOCEAN_DOMAIN": DOMAIN, "CODEOCEAN_TOKEN": TOKEN},
            "CODEOCEAN_TOKEN",
            "CODEOCEAN_DOMAIN",
        ),
        (
            {
                "CO_DOMAIN": DOMAIN,
                "CO_TOKEN": TOKEN,
                "CODEOCEAN_DOMAIN": "other",
                "API_SECRET": "cop_x",
            },
            "CO_TOKEN",
            "CO_DOMAIN",
        ),
    ],
)
def test_credentials_are_taken_as_capsules_have_them(
    env: dict[str, str], token_from: str, domain_from: str
) -> None:
    save("mine", "mine-platform")
    settings = load_settings(env=env)
    assert settings.domain == "acme.codeocean.com"
    assert settings.load_token().reveal() == env[token_from]
    assert (settings.token_source.label, settings.domain_from) == (token_from, domain_from)
    assert load_settings(profile="mine", env=env).profile == "mine"
    assert load_settings(domain="mine-platform", env=env).profile == "mine"


@pytest.mark.parametrize(
    "env",
    [
        {"CO_DOMAIN": DOMAIN},
        {"API_SECRET": TOKEN},
        {"CO_TOKEN": TOKEN},
        {"CO_DOMAIN": DOMAIN, "API_SECRET": "a-key-of-another-service"},
        {"CO_DOMAIN": DOMAIN, "CUSTOM_KEY": ""},
        {"CO_DOMAIN": "", "CUSTOM_KEY": TOKEN},
    ],
)
def test_half_of_them_or_what_is_no_token_signs_in_nowhere(env: dict[str, str]) -> None:
    save("mine", "mine-platform")
    assert load_settings(env=env).profile == "mine"


def test_a_token_for_one_of_two_platforms_goes_to_neither() -> None:
    save("mine", "mine-platform")
    env = {"CO_DOMAIN": "a", "CODEOCEAN_DOMAIN": "b", "API_SECRET": TOKEN}
    with pytest.raises(ConfigError, match="name different platforms") as caught:
        load_settings(env=env)
    assert "CO_DOMAIN" in caught.value.hint
    assert TOKEN not in str(caught.value) + caught.value.hint
    assert load_settings(profile="mine", env=env).profile == "mine"
