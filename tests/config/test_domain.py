"""The names that people type for their platform."""

import pytest

from coexplorer.config.domain import parse_domain
from coexplorer.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "base_url", "domain"),
    [
        ("acme", "https://acme.codeocean.com", "acme.codeocean.com"),
        (" Acme ", "https://acme.codeocean.com", "acme.codeocean.com"),
        ("codeocean.acme.com", "https://codeocean.acme.com", "codeocean.acme.com"),
        ("codeocean.acme.com.", "https://codeocean.acme.com", "codeocean.acme.com"),
        ("codeocean.acme.com:8443", "https://codeocean.acme.com:8443", "codeocean.acme.com:8443"),
        ("https://co.acme.org/api/v1/data_assets", "https://co.acme.org", "co.acme.org"),
        ("https://co.acme.org:443/", "https://co.acme.org", "co.acme.org"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("https://localhost:8080", "https://localhost:8080", "localhost:8080"),
        ("localhost", "http://localhost", "localhost"),
        ("http://[::1]:9000", "http://[::1]:9000", "[::1]:9000"),
    ],
)
def test_every_way_to_name_a_platform_is_understood(text: str, base_url: str, domain: str) -> None:
    assert parse_domain(text) == (base_url, domain)


@pytest.mark.parametrize(
    "text", ["http://codeocean.acme.com", "http://10.0.0.7", "http://127.0.0.1.evil.example"]
)
def test_plain_http_is_for_loopback_only(text: str) -> None:
    with pytest.raises(ConfigError, match="plain HTTP") as caught:
        parse_domain(text)
    assert "https://" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "  ", "ftp://acme.com", "a b", "https://", "acme:port", "http://[::1", "-x", "é/"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        parse_domain(text)


def test_a_token_pasted_into_the_address_is_not_echoed() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_domain("https://cop_hush:@codeocean.acme.com")
    assert "cop_hush" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "cop_1dqncUAWQDho3Ru",
        "  COP_1dqncUAWQDho3Ru\n",
        "cop_1dqncUAWQDho3Ru.codeocean.com",
        "https://cop_1dqncUAWQDho3Ru",
        "acme cop_1dqncUAWQDho3Ru",
        "https://acme.codeocean.com/cop_1dqncUAWQDho3Ru",
    ],
)
def test_a_token_is_never_taken_for_a_host_nor_echoed(text: str) -> None:
    with pytest.raises(ConfigError, match="access token") as caught:
        parse_domain(text)
    assert "1dqnc" not in str(caught.value).lower() + caught.value.hint.lower()


def test_a_host_may_hold_the_letters_of_a_token() -> None:
    assert parse_domain("scop_1.acme.org").domain == "scop_1.acme.org"


def test_plain_http_elsewhere_is_told_with_its_port() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_domain("http://lab.example.com:8443")
    assert caught.value.hint == "use https://lab.example.com:8443"
