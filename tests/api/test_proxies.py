"""Which proxy is used for what: the variables, read as curl reads them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.api.origin import Origin, parse_origin
from coexplorer.api.proxies import find_proxy, is_exempt, parse_proxy
from coexplorer.errors import ConfigError

PLATFORM = parse_origin("https://codeocean.example.org")


@pytest.mark.parametrize(
    ("text", "url", "user", "password"),
    [
        ("host:3128", "http://host:3128", "", ""),
        ("host", "http://host:80", "", ""),
        ("https://host", "https://host:443", "", ""),
        ("socks5://host", "socks5://host:1080", "", ""),
        ("socks5h://10.0.0.1:9", "socks5h://10.0.0.1:9", "", ""),
        ("SOCKS://host:1/", "socks5://host:1", "", ""),
        ("http://[::1]:3128/path?x#y", "http://[::1]:3128", "", ""),
        ("http://[fd07::1]", "http://[fd07::1]:80", "", ""),
        ("http://me:p#ss@host:1", "http://host:1", "me", "p#ss"),
        ("http://me:p%23s%40s@host:1", "http://host:1", "me", "p#s@s"),
        ("http://me:a@b/c?d:e%@host:1", "http://host:1", "me", "a@b/c?d:e%"),
        ("me@host:1", "http://host:1", "me", ""),
    ],
)
def test_a_proxy_is_read_with_whatever_password(
    text: str, url: str, user: str, password: str
) -> None:
    proxy = parse_proxy("HTTPS_PROXY", text)
    assert (proxy.url, proxy.user, proxy.password.reveal()) == (url, user, password)
    if password:
        assert password not in repr(proxy)


@pytest.mark.parametrize(
    "text",
    [
        *("ftp://h:1", "http://", "http://h:port", "http://h:0", "http://h:99999", "http://["),
        *("a b:1", "http://geheim:geheim@", "http://h:1:2", "geheim://geheim@h", "http://h:٣"),
        *("http://[::1]x", "http://u:x@[::1:1", "[::1", "socks5://[fd07::1", "http://[host]:1"),
        *("http://[10.0.0.1]:1", "http://u:geheim@[::1]]:1"),
    ],
)
def test_what_is_no_proxy_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        parse_proxy("HTTPS_PROXY", text)
    assert "geheim@" not in str(caught.value)
    assert "unset HTTPS_PROXY" in caught.value.hint


@pytest.mark.parametrize("signed_in", [b"u:\xff\xfe", b"\xff:x", b"u:p%20\xe9", b"\xe9"])
def test_password_that_is_no_text_is_refused_with_its_variable(signed_in: bytes) -> None:
    text = f"http://{os.fsdecode(signed_in)}@127.0.0.1:3129"
    with pytest.raises(ConfigError, match="HTTPS_PROXY holds a user name or a password") as caught:
        parse_proxy("HTTPS_PROXY", text)
    assert "unset HTTPS_PROXY" in caught.value.hint


@given(text=st.text(max_size=40))
def test_no_text_is_more_than_a_proxy_or_an_error(text: str) -> None:
    try:
        proxy = parse_proxy("X", text)
    except ConfigError:
        return
    assert proxy.url.endswith(proxy.place)


@given(text=st.text(max_size=60), host=st.sampled_from(["h.example.org", "::1", "10.0.0.1"]))
def test_no_list_of_exemptions_breaks_anything(text: str, host: str) -> None:
    is_exempt(Origin("https", host, 443), text)


@pytest.mark.parametrize(
    ("host", "no_proxy", "exempt"),
    [
        ("a.example.org", "example.org", True),
        ("a.example.org", ".example.org", True),
        ("a.example.org", "*.example.org", True),
        ("example.org", ".example.org", True),
        ("badexample.org", "example.org", False),
        ("a.example.org", "EXAMPLE.org:443", True),
        ("a.example.org", "example.org:8443", False),
        ("a.example.org", "https://a.example.org", True),
        ("a.example.org", "x, y  a.example.org", True),
        ("a.example.org", "10.0.0.0/8,[::1],::1,fd07::/64", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.9/8", True),
        ("10.1.2.3", "11.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3:443", True),
        ("fd07::5", "fd07::/64", True),
        ("fd07::5", "[fd07::5]", True),
        ("fd07::5", "[fd07:0:0::5]:443", True),
        ("fd07::5", "fd07:0:0::5", True),
        ("fd07::5", "10.0.0.0/8", False),
        ("anything", "*", True),
        ("anything", "", False),
    ],
)
def test_exemptions_are_names_domains_addresses_and_networks(
    host: str, no_proxy: str, *, exempt: bool
) -> None:
    assert is_exempt(Origin("https", host, 443), no_proxy) is exempt


@pytest.mark.parametrize("url", ["https://localhost", "https://127.0.0.1:1", "https://[::1]"])
def test_this_machine_is_never_behind_a_proxy(url: str) -> None:
    assert find_proxy(parse_origin(url), {"HTTPS_PROXY": "nonsense://"}) is None


def test_small_letters_count_first_and_the_schemes_own_before_all() -> None:
    environment = {"ALL_PROXY": "a:1", "HTTPS_PROXY": "b:1", "https_proxy": "c:1"}
    for name, place in (("https_proxy", "c:1"), ("HTTPS_PROXY", "b:1"), ("ALL_PROXY", "a:1")):
        proxy = find_proxy(PLATFORM, environment)
        assert proxy is not None
        assert (proxy.variable, proxy.place) == (name, place)
        del environment[name]
    assert find_proxy(PLATFORM, environment) is None
