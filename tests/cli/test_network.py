"""Proxies and certificates as companies have them, on hosts that are not this machine.

Everything runs in a network of its own, with a platform, proxies, and two authorities: a public
one, that the system believes, and a company's.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.company import HERE, HERE6, NAME, PASSWORD, USER, Company, company_network

PLATFORM = 6


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    with company_network() as network:
        yield network


QUOTED = "me:p%23ss%2Fwo%3Ard%401"
BY_PROXY: list[tuple[dict[str, str], list[str]]] = [
    ({}, []),
    ({"HTTPS_PROXY": "http://{proxy}"}, ["proxy"]),
    ({"https_proxy": "{proxy}/"}, ["proxy"]),
    ({"HTTPS_PROXY": " {proxy} "}, ["proxy"]),
    ({"HTTP_PROXY": "http://{closed}"}, []),
    ({"HTTPS_PROXY": ""}, []),
    ({"HTTPS_PROXY": "http://{closed}", "https_proxy": "http://{proxy}"}, ["proxy"]),
    ({"ALL_PROXY": "socks5://{socks}"}, ["socks"]),
    ({"ALL_PROXY": "socks5h://{socks}"}, ["socks"]),
    ({"all_proxy": "socks://{socks}/"}, ["socks"]),
    ({"ALL_PROXY": "socks5://{closed}", "HTTPS_PROXY": "http://{proxy}"}, ["proxy"]),
    ({"ALL_PROXY": f"socks5://{QUOTED}@{{locked_socks}}"}, ["locked_socks"]),
    ({"HTTPS_PROXY": f"http://{QUOTED}@{{locked}}"}, ["locked"]),
    ({"HTTPS_PROXY": f"http://{USER}:{PASSWORD}@{{locked}}"}, ["locked"]),
    ({"HTTPS_PROXY": f"{USER}:{PASSWORD}@{{locked}}"}, ["locked"]),
    ({"HTTPS_PROXY": "https://{tls_proxy}"}, ["tls_proxy"]),
    ({"HTTPS_PROXY": "http://{closed}", "NO_PROXY": "*"}, []),
    ({"HTTPS_PROXY": "http://{closed}", "NO_PROXY": f"localhost,[::1],{NAME}"}, []),
    ({"HTTPS_PROXY": "http://{closed}", "no_proxy": "fd07:b51a:cc66:f0::/64, .test"}, []),
    ({"HTTPS_PROXY": "http://{proxy}", "NO_PROXY": "localhost,127.0.0.1,[::1],::1"}, ["proxy"]),
    ({"HTTPS_PROXY": "http://{proxy}", "NO_PROXY": "fd07::/64,10.0.0.0/99,[,:,//"}, ["proxy"]),
]


@pytest.mark.parametrize(("env", "by"), BY_PROXY, ids=range(len(BY_PROXY)))
def test_every_way_that_curl_would_find_is_found(
    company: Company, env: dict[str, str], by: list[str]
) -> None:
    ran = company(env)
    assert (ran.code, ran.by) == (0, by), ran.err
    assert len(ran.out.splitlines()) > 5


@pytest.mark.parametrize("no_proxy", ["[::1],fd07:b51a:cc66:f0::/64", f"[{HERE6}]", HERE6])
def test_addresses_of_ipv6_are_left_out_of_the_proxy(company: Company, no_proxy: str) -> None:
    env = {"HTTPS_PROXY": "http://{closed}", "NO_PROXY": no_proxy}
    ran = company(env, platform=f"https://[{HERE6}]:{company.told['platform6']}")
    assert (ran.code, ran.by) == (0, []), ran.err


@pytest.mark.parametrize("no_proxy", ["10.200.0.0/16", HERE, "10.0.0.0/8"])
def test_networks_and_addresses_are_left_out_of_the_proxy(company: Company, no_proxy: str) -> None:
    env = {"HTTPS_PROXY": "http://{closed}", "NO_PROXY": f"[::1] {no_proxy}"}
    ran = company(env, platform=f"https://{company.place('platform')}")
    assert (ran.code, ran.by) == (0, []), ran.err


BAD: dict[str, tuple[dict[str, str], list[str]]] = {
    "no proxy there": (
        {"HTTPS_PROXY": "http://{closed}"},
        ["no connection through the proxy", "check HTTPS_PROXY", "NO_PROXY"],
    ),
    "no SOCKS there": ({"all_proxy": "socks5://{closed}"}, ["the proxy", "check all_proxy"]),
    "kind": ({"HTTPS_PROXY": "ftp://{proxy}"}, ["HTTPS_PROXY", "of an unknown kind (ftp)"]),
    "kind of SOCKS": ({"ALL_PROXY": "socks4://{socks}"}, ["ALL_PROXY", "(socks4)", "socks5://"]),
    "port": ({"HTTPS_PROXY": "http://host:port"}, ["HTTPS_PROXY is not the address of a proxy"]),
    "host": ({"HTTPS_PROXY": "http://me:p%23ss@"}, ["HTTPS_PROXY is not the address"]),
    "nonsense": ({"HTTPS_PROXY": "http://["}, ["HTTPS_PROXY is not the address of a proxy"]),
    "open bracket": ({"HTTPS_PROXY": "http://u:x@[::1:1"}, ["HTTPS_PROXY is not the address of"]),
    "no text": (
        {"HTTPS_PROXY": "http://u:\udcff\udcfe@{closed}"},
        ["HTTPS_PROXY holds a user name or a password that is not UTF-8", "unset HTTPS_PROXY"],
    ),
    "nonsense from it": (
        {"https_proxy": "http://{babbling}"},
        ["the proxy 10.200.0.1:", "makes no sense", "check https_proxy", "NO_PROXY"],
    ),
    "password": ({"HTTPS_PROXY": "http://{locked}"}, ["wants a user name", "USER:PASSWORD@"]),
    "other password": ({"HTTPS_PROXY": "http://me:x@{locked}"}, ["wants a user name", "407"]),
    "password of SOCKS": ({"ALL_PROXY": "socks5://{locked_socks}"}, ["the proxy", "ALL_PROXY"]),
    "refusal": ({"HTTPS_PROXY": "http://{refusing}"}, ["refused (403", "who runs the proxy"]),
    "plain proxy": ({"HTTPS_PROXY": "https://{proxy}"}, ["try HTTPS_PROXY=http://"]),
    "name of proxy": ({"HTTPS_PROXY": "http://none.test:1"}, ["none.test:1", "HTTPS_PROXY"]),
    "interception": (
        {"HTTPS_PROXY": "http://{reading}"},
        ["its certificate is not trusted", "SSL_CERT_FILE=FILE", "docs/network.md"],
    ),
    "interception, other file": (
        {"HTTPS_PROXY": "http://{reading}", "SSL_CERT_FILE": "{dir}/public.pem"},
        ["its certificate is not trusted", "SSL_CERT_FILE=", "public.pem"],
    ),
    "no file": ({"SSL_CERT_FILE": "/no/such.pem"}, ["SSL_CERT_FILE names /no/such.pem", "unset"]),
    "no folder": ({"SSL_CERT_DIR": "/no/such"}, ["SSL_CERT_DIR names /no/such", "not there"]),
    "no bundle": ({"REQUESTS_CA_BUNDLE": "/no/x"}, ["REQUESTS_CA_BUNDLE names /no/x"]),
    "no bundle of curl": ({"CURL_CA_BUNDLE": "/no/y"}, ["CURL_CA_BUNDLE names /no/y"]),
    "no certificates": ({"SSL_CERT_FILE": "/etc/hosts"}, ["/etc/hosts", "no certificates"]),
    "no hashes": ({"SSL_CERT_DIR": "/etc/apt"}, ["SSL_CERT_DIR", "openssl rehash"]),
    "half a file": ({"SSL_CERT_FILE": "{dir}/public.key"}, ["SSL_CERT_FILE", "no certificates"]),
    "a NUL's neighbour": ({"SSL_CERT_FILE": "/dev/null"}, ["SSL_CERT_FILE", "not a regular file"]),
}


@pytest.mark.parametrize(("env", "says"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_one_sentence_with_the_way_out(
    company: Company, env: dict[str, str], says: list[str]
) -> None:
    ran = company(env, "show", "any")
    assert ran.code == PLATFORM, ran.err
    assert "the platform can't be reached" in ran.err
    for text in says:
        assert text in ran.err
    assert len(ran.err.splitlines()) <= 3


TRUSTED: list[tuple[dict[str, str], str]] = [
    ({}, "both"),
    ({"SSL_CERT_FILE": "{dir}/company.pem"}, "public"),
    ({"SSL_CERT_DIR": "{dir}/both"}, "public"),
    ({"SSL_CERT_DIR": "{dir}/public:{dir}/both"}, "public"),
    ({"REQUESTS_CA_BUNDLE": "{dir}/company.pem"}, "public"),
    ({"CURL_CA_BUNDLE": "{dir}/company.pem"}, "public"),
    ({"REQUESTS_CA_BUNDLE": "{dir}/both"}, "public"),
    ({"SSL_CERT_FILE": "{dir}/company.pem", "REQUESTS_CA_BUNDLE": "/no/such"}, "public"),
    ({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}, "both"),
]


@pytest.mark.parametrize(("env", "trust"), TRUSTED, ids=range(len(TRUSTED)))
def test_a_companys_own_authority_is_believed_where_it_is_told(
    company: Company, env: dict[str, str], trust: str
) -> None:
    ran = company({"HTTPS_PROXY": "http://{reading}", **env}, trust=trust)
    assert (ran.code, ran.by) == (0, ["reading"]), ran.err


def test_the_certificate_of_another_host_is_told_as_that(company: Company) -> None:
    ran = company({}, "show", "any", platform=f"https://{company.place('misnamed', NAME)}")
    assert ran.code == PLATFORM
    assert "the certificate is for another host" in ran.err


def test_a_host_that_is_not_known_is_told(company: Company) -> None:
    ran = company({}, "show", "any", platform="https://none.test")
    assert ran.code == PLATFORM
    assert "no connection" in ran.err


@pytest.mark.parametrize("name", ["no proxy there", "kind", "port", "no file", "interception"])
def test_what_is_known_is_shown_all_the_same(company: Company, name: str) -> None:
    home = company.path(f"kept {name}")
    known = company({}, "ls", "--ids", home=home)
    assert known.code == 0, known.err
    env, says = BAD[name]
    with (
        closing(sqlite3.connect(next(Path(home, ".cache").rglob("*.sqlite3")))) as catalog,
        catalog,
    ):
        catalog.execute(
            "UPDATE sync SET synced_at = synced_at - 600, refreshed_at = refreshed_at - 600"
        )
    ran = company(env, "ls", "--ids", home=home)
    assert ran.out == known.out
    assert says[0] in ran.err
