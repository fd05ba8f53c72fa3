"""One readable line and the right error, whatever the platform says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.api.failures import (
    FailureKind,
    build_bad_reply,
    classify_reply,
    parse_retry_after,
)
from coexplorer.api.forbidden import Act
from coexplorer.api.refusal_text import LONGEST_LINE, find_message
from coexplorer.errors import (
    ApiError,
    BadReply,
    Conflict,
    Forbidden,
    NotFound,
    NotSignedIn,
    PlatformFault,
    RateLimited,
    Rejected,
)

PROXY_PAGE = b"""<!DOCTYPE html>
<html><head><title>502 Bad&nbsp;Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr>nginx</body></html>"""


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", ""),
        (b"  \n", ""),
        (b'{"message":"name is required."}', "name is required"),
        (b'{"message":"no", "code": 3, "x": []}', "no"),
        (b'{"error":{"message":"deep"}}', "deep"),
        (b'{"errors":[{"detail":"one"},"two"]}', "one; two"),
        (b'["one","two"]', "one; two"),
        (b'"just text"', "just text"),
        (b"plain\n  text\r\nof a server", "plain text of a server"),
        (b'{"message":"\\u001b[31mred\\u001b[0m\\u202e"}', "[31mred [0m"),
        (b'{"half', '{"half'),
        (b"{}", ""),
        (PROXY_PAGE, "502 Bad Gateway"),
        (b"<html><body><h1>It <b>broke</b></h1></body></html>", "It broke"),
        (b"<html></html>", "a page without a title"),
        (
            b'<?xml version="1.0"?><Error><Code>X</Code><Message>Expired</Message></Error>',
            "Expired",
        ),
        (b"x" * 1000, "x" * (LONGEST_LINE - 1) + "…"),
    ],
)
def test_any_body_gives_one_line(body: bytes, line: str) -> None:
    assert find_message(body) == line


@given(body=st.binary(max_size=200))
def test_no_body_gives_more_than_a_line(body: bytes) -> None:
    line = find_message(body)
    assert line.isprintable()
    assert len(line) <= LONGEST_LINE


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, Rejected, FailureKind.FINAL),
        (401, NotSignedIn, FailureKind.FINAL),
        (403, Forbidden, FailureKind.FINAL),
        (404, NotFound, FailureKind.FINAL),
        (405, Rejected, FailureKind.FINAL),
        (409, Conflict, FailureKind.FINAL),
        (422, Rejected, FailureKind.FINAL),
        (429, RateLimited, FailureKind.SLOW_DOWN),
        (500, PlatformFault, FailureKind.LOST),
        (501, PlatformFault, FailureKind.FINAL),
        (502, PlatformFault, FailureKind.LOST),
        (503, PlatformFault, FailureKind.LOST),
        (504, PlatformFault, FailureKind.LOST),
        (304, BadReply, FailureKind.GARBLED),
    ],
)
@pytest.mark.parametrize("writes", [True, False])
def test_each_status_is_its_error(
    status: int, error: type[ApiError], kind: FailureKind, *, writes: bool
) -> None:
    body = b'{"message":"No way."}'
    failure = classify_reply(status, body, subject="asset", writes=writes)
    if status == 409 and not writes:
        error = PlatformFault  # nobody has changed anything
    assert type(failure.error) is error
    assert failure.kind is kind
    assert failure.error.status == status
    assert failure.error.hint
    assert not failure.error.message.endswith(".")
    assert failure.error.outcome_unknown is (writes and (status >= 500 or status < 400))


def test_a_refused_write_says_what_the_platform_said() -> None:
    body = b'{"message":"viewer role"}'
    failure = classify_reply(403, body, subject="asset", writes=True, act=Act.CHANGE)
    assert failure.error.message == "you can read but not change this asset: viewer role"


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (401, "Unauthorized: the token has expired", "not signed in: the token has expired"),
        (401, "401 Unauthorized", "not signed in"),
        (403, "Forbidden: viewer role", "you can read but not change this asset: viewer role"),
        (403, "forbidden - viewer role", "you can read but not change this asset: viewer role"),
        (403, "Forbidden words", "you can read but not change this asset: Forbidden words"),
        (403, "Forbidden.", "you can read but not change this asset"),
        (400, "Bad Request: no name", "the platform refused this (status 400): no name"),
        (400, "Forbidden: no name", "the platform refused this (status 400): Forbidden: no name"),
        (500, "Internal Server Error", "the platform failed with status 500"),
        (499, "Unnamed: x", "the platform refused this (status 499): Unnamed: x"),
    ],
)
def test_the_name_of_a_status_says_nothing_in_a_sentence(status: int, said: str, told: str) -> None:
    body = json.dumps({"message": said}).encode()
    error = classify_reply(status, body, subject="asset", writes=True, act=Act.CHANGE).error
    assert error.message == told


SCOPE = "The access token doesn't have permissions to perform the request"


@pytest.mark.parametrize(
    ("said", "subject", "act", "begins", "hint"),
    [
        (SCOPE, "asset", Act.CREATE, "your token may not do this", "coexplorer login"),
        (SCOPE, "asset", Act.CHANGE, "your token may not do this", "coexplorer login"),
        (SCOPE, "asset", Act.DELETE, "your token may not do this", "coexplorer login"),
        (SCOPE, "search", Act.READ, "your token may not do this", "coexplorer login"),
        ("missing scope", "file", Act.READ, "your token may not do this", "coexplorer login"),
        ("viewer role", "asset", Act.CHANGE, "you can read but not change this", "ask its owner"),
        ("", "asset", Act.CHANGE, "you can read but not change this", "if it is yours"),
        ("Forbidden", "asset", Act.CHANGE, "you can read but not change this", "if it is yours"),
        (
            "403 Forbidden.",
            "asset",
            Act.DELETE,
            "you may not delete this asset",
            "only an owner may; if",
        ),
        ("Access Denied", "file", Act.READ, "you may not see this file", "if it is yours, create"),
        ("Forbidden", "asset", Act.CREATE, "you may not create assets", "coexplorer login"),
        (
            "You don't have permission to perform this action",
            "asset",
            Act.CHANGE,
            "you can read but not change this",
            "if it is yours, create",
        ),
        ("Forbidden: viewer", "asset", Act.CHANGE, "you can read but not change", "ask its owner"),
        (SCOPE, "asset", Act.SHARE, "your token may not do this", "coexplorer login"),
        ("only an owner", "asset", Act.SHARE, "you may not share this asset", "one of its owners"),
        (
            "Forbidden",
            "asset",
            Act.SHARE,
            "you may not share this asset",
            "owners to share it; if you",
        ),
        ("no", "asset", Act.READ, "you may not see this asset", "ask its owner"),
        (
            "must be archived",
            "asset",
            Act.DELETE,
            "only archived assets can be",
            "archive it first",
        ),
        ("Not archived.", "asset", Act.DELETE, "only archived assets can be", "archive it first"),
        (
            "viewer role",
            "asset",
            Act.DELETE,
            "you may not delete this asset: viewer",
            "ask its owner",
        ),
        ("", "asset", Act.CREATE, "you may not create assets", "coexplorer login"),
        ("bucket", "asset", Act.CREATE, "you may not create assets", "coexplorer login"),
        ("", "schema", Act.READ, "your token may not see this schema", "coexplorer login"),
        (
            "The operation is not valid for the object's storage class",
            "file",
            Act.READ,
            "this file is in cold storage",
            "restore",
        ),
    ],
)
def test_a_403_is_told_by_its_cause(
    said: str, subject: str, act: Act, begins: str, hint: str
) -> None:
    body = json.dumps({"message": said}).encode()
    error = classify_reply(403, body, subject=subject, act=act, writes=act is not Act.READ).error
    assert type(error) is Forbidden
    assert error.message.startswith(begins)
    assert hint in error.hint
    assert ("owner" in error.hint) is ("owner" in hint or "yours" in hint or hint == "restore")


def test_a_403_of_a_proxy_is_no_question_of_ownership() -> None:
    error = classify_reply(403, PROXY_PAGE, subject="asset", act=Act.CHANGE, writes=True).error
    assert "web page" in error.message
    assert "proxy" in error.hint


def test_a_call_that_the_platform_lacks_is_not_taken_for_a_missing_asset() -> None:
    failure = classify_reply(404, b"", subject="schema", writes=False)
    assert failure.error.message == "the platform has no schema at this address"


def test_a_web_page_in_place_of_data_is_named() -> None:
    failure = build_bad_reply("not JSON", PROXY_PAGE, 200, writes=True)
    assert "web page (502 Bad Gateway)" in failure.error.message
    assert failure.error.outcome_unknown


NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-3", None),
        ("soon", None),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0.0),
        ("Sun, 99 Nov 1994 08:49:27 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
@pytest.mark.parametrize(
    ("told", "when"),
    [
        ("99999999999", "more than a day"),
        ("9" * 500, "more than a day"),
        ("7200", "120 minutes"),
        (None, "a while"),
        ("soon", "a while"),
    ],
)
def test_when_to_try_again_is_what_the_platform_said(
    status: int, told: str | None, when: str
) -> None:
    after_s = parse_retry_after(told, now=0.0)
    failure = classify_reply(status, b"", subject="asset", writes=False, retry_after_s=after_s)
    assert failure.error.hint.startswith(f"try again in {when}")
