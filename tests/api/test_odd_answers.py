"""Answers that say nothing, or too much, are told from those that say yes or no."""

import pytest

from coexplorer.api.failures import FailureKind, classify_reply
from coexplorer.api.refusal_text import find_message
from coexplorer.api.wire import parse_envelope, read_done_of
from coexplorer.errors import ApiError, Conflict, PlatformFault, Rejected
from coexplorer.models import AssetId

ID = AssetId("00000001-0000-4000-8000-000000000001")


@pytest.mark.parametrize(
    "body",
    [b"[]", b" [ ]", b'{"results": NaN}', b'{"results":Infinity}', b'{"results" : -Infinity}'],
)
def test_what_is_no_list_of_results_finds_nothing_out(body: bytes) -> None:
    with pytest.raises(ValueError, match="results"):
        parse_envelope(body)


@pytest.mark.parametrize("body", [b'{"results": []}', b'{"results": null}'])
def test_an_empty_list_is_an_answer(body: bytes) -> None:
    assert parse_envelope(body).rows == ()


@pytest.mark.parametrize("body", [b'{"id": "a', b"[1, ", b' {"archived": tr', b'<?xml version="1'])
def test_half_an_answer_to_an_archive_is_no_yes(body: bytes) -> None:
    with pytest.raises(ValueError, match="part"):
        read_done_of(ID)(body)


@pytest.mark.parametrize("status", [408, 423, 425, 429])
@pytest.mark.parametrize("writes", [True, False])
def test_what_is_about_the_moment_is_asked_again(status: int, *, writes: bool) -> None:
    failure = classify_reply(status, b"{}", subject="asset", writes=writes)
    assert failure.kind is FailureKind.SLOW_DOWN
    assert not isinstance(failure.error, Rejected)


def test_a_conflict_is_an_answer_to_a_write_alone() -> None:
    def classify(*, writes: bool) -> ApiError:
        return classify_reply(409, b"{}", subject="asset", writes=writes).error

    assert isinstance(classify(writes=True), Conflict)
    assert isinstance(classify(writes=False), PlatformFault)


@pytest.mark.parametrize("seconds", [86_401.0, 1e12, 1e300, float("inf")])
def test_a_wait_of_more_than_a_day_is_not_counted_out(seconds: float) -> None:
    error = classify_reply(429, b"", subject="asset", writes=False, retry_after_s=seconds).error
    assert error.hint == "try again in more than a day"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<Error><Code>AccessDenied</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>", "Acc"),
        (b'<?xml version="1.0"?>\n<Error xmlns="x"><Message>Expired &amp; gone</Message>', "Exp"),
        (b"<Error><StringToSign>AWS4 secret</StringToSign></Error>", ""),
        (b"<Error><Message>cut off, AKIA", ""),
        (b"\xef\xbb\xbf<?xml version='1.0'?><x>AKIA</x>", ""),
    ],
)
def test_of_a_storages_xml_only_code_and_message_are_shown(body: bytes, said: str) -> None:
    message = find_message(body)
    assert message.startswith(said)
    assert bool(message) is bool(said)
    assert "AKIA" not in message
    assert "<" not in message
