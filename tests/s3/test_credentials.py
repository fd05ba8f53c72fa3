"""AWS credentials are found as AWS's own tools find them, and no message holds them."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from coexplorer.s3.credentials import AwsCredentials, find_credentials

CONFIG = """
[profile lab]
region = eu-west-1
services = stores
[services stores]
s3 =
  endpoint_url = https://storage.lab
[profile signed-out]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Reader
[sso-session company]
sso_start_url = https://company.awsapps.com/start
sso_region = eu-west-1
[profile broken]
credential_process = sh -c 'echo hush-hush >&2; exit 3'
[profile program]
credential_process = cat HOME/.aws/keys.json
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "home" / ".aws"
    folder.mkdir()
    (folder / "config").write_text(CONFIG.replace("HOME", str(folder.parent)))
    (folder / "keys.json").write_text(
        '{"Version": 1, "AccessKeyId": "AKIA4", "SecretAccessKey": "hush-hush"}'
    )
    (folder / "credentials").write_text(
        "[lab]\naws_access_key_id = AKIALAB\naws_secret_access_key = hush-hush\n"
    )
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    return folder


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("by_setting", [True, False])
@pytest.mark.parametrize(
    ("profile", "key_id", "source", "lacks"),
    [
        ("lab", "AKIALAB", "the AWS credentials file, profile lab", ""),
        ("program", "AKIA4", "a program, profile program", ""),
        ("signed-out", "", "", "your AWS sign-in has expired"),
        ("broken", "", "", "yours can't be read"),
        ("nowhere", "", "", "there is no AWS profile"),
    ],
)
def test_a_profile_is_used_as_aws_uses_it(
    monkeypatch: pytest.MonkeyPatch,
    profile: str,
    key_id: str,
    source: str,
    lacks: str,
    *,
    by_setting: bool,
) -> None:
    if not by_setting:
        monkeypatch.setenv("AWS_PROFILE", profile)
    found = find_credentials(profile if by_setting else "")
    assert (found.keys.id if found.keys else "") == key_id
    assert found.keys_from == source
    assert found.lacks.startswith(lacks)
    assert found.is_set_up == bool(found.remedy) == (not key_id)
    assert "hush" not in repr(found)
    if profile == "lab":
        assert (found.endpoint, found.region) == ("https://storage.lab", "eu-west-1")


@pytest.mark.parametrize("has_profiles", [True, False])
def test_without_botocore_the_environments_keys_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, has_profiles: bool
) -> None:
    monkeypatch.setitem(sys.modules, "coexplorer.s3.aws_chain", None)
    monkeypatch.delattr("coexplorer.s3.aws_chain", raising=False)
    if has_profiles:
        (tmp_path / "home" / ".aws").mkdir()
    found = find_credentials("")
    assert found.keys is None
    assert found.is_set_up == has_profiles
    assert "extra s3" in found.remedy
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hush-token")
    found = find_credentials("")
    assert found.keys is not None
    assert (found.keys.id, found.keys_from) == ("AKIAMINE", "the environment")
    assert found.keys.session is not None
    assert "hush" not in repr(found)
    assert find_credentials("lab").keys is None, "a profile was asked for"


async def test_keys_are_looked_for_again_when_they_do_not_do(
    aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = AwsCredentials("lab", is_anonymous=False)

    async def find_id(*, again: bool = False) -> str:
        found = await credentials.find(again=again)
        return found.keys.id if found.keys else ""

    assert await find_id() == "AKIALAB"
    file = aws / "credentials"
    file.write_text(file.read_text().replace("AKIALAB", "AKIANEW"))
    assert await find_id() == "AKIALAB"
    assert await find_id(again=True) == "AKIANEW"
    file.write_text(file.read_text().replace("AKIANEW", "AKIALATER"))
    now = anyio.current_time()
    monkeypatch.setattr("coexplorer.s3.credentials.anyio.current_time", lambda: now + 601)
    assert await find_id() == "AKIALATER"
    assert (await AwsCredentials("lab", is_anonymous=True).find()).keys is None
