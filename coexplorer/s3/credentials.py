"""The user's own AWS credentials, found as AWS's own tools find them.

botocore knows all the ways: the environment, profiles, a sign-in (SSO), programs, the role of a
machine. Where it is not installed, only the environment's keys are used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from coexplorer.models import Secret
from coexplorer.s3.addresses import AwsKeys
from coexplorer.s3.found import Found
from coexplorer.s3.refusals import EXTRA

_FRESH_S: Final = 600.0
"""So long keys are used without looking for others: a role's are fetched each time. When they are
refused, others are looked for at once."""

_MISSING_S: Final = 20.0
"""Somebody who has none may be signing in just now."""

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


class AwsCredentials:
    """Finds credentials, and finds them again when they may have changed.

    Args:
        profile: Of AWS's configuration; empty: the environment's, or the default.
        is_anonymous: There are none, whatever the machine says.
    """

    def __init__(self, profile: str, *, is_anonymous: bool) -> None:
        self._profile = profile
        self._is_anonymous = is_anonymous
        self._found: Found | None = None
        self._until = 0.0
        self._looking = anyio.Lock()

    async def find(self, *, again: bool = False) -> Found:
        """Return what there is; it may ask a program, or the network.

        Args:
            again: What was found before does not do.
        """
        if self._is_anonymous:
            return Found()
        async with self._looking:
            if self._found is None or again or anyio.current_time() > self._until:
                self._found = await anyio.to_thread.run_sync(
                    find_credentials, self._profile, abandon_on_cancel=True
                )
                life_s = _MISSING_S if self._found.keys is None else _FRESH_S
                self._until = anyio.current_time() + life_s
            return self._found


def find_credentials(profile: str, env: Mapping[str, str] = os.environ) -> Found:
    """Look for credentials; this may take seconds.

    Args:
        profile: See `AwsCredentials`.
        env: The environment, which botocore reads by itself.
    """
    try:
        from coexplorer.s3 import aws_chain  # noqa: PLC0415 # it takes a while, and may be missing
    except ImportError:
        found = _find_without_botocore(profile, env)
    else:
        found = aws_chain.find(profile)
    endpoint = next((env[name] for name in _ENDPOINTS if env.get(name)), found.endpoint)
    region = next((env[name] for name in _REGIONS if env.get(name)), found.region)
    return msgspec.structs.replace(found, endpoint=endpoint, region=region)


def _find_without_botocore(profile: str, env: Mapping[str, str]) -> Found:
    """Take the keys that stand in the environment; say so where only botocore would find some."""
    key_id, secret = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret and not profile:
        session = env.get("AWS_SESSION_TOKEN")
        keys = AwsKeys(key_id, Secret(secret), Secret(session) if session else None)
        return Found(keys, "the environment")
    files = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
    folder = Path(env.get("HOME") or "/nonexistent", ".aws")
    if profile or env.get("AWS_PROFILE") or any(map(env.get, files)) or folder.is_dir():
        lacks = "those of an AWS profile need botocore, which is missing"
        return Found(lacks=lacks, remedy=EXTRA, is_set_up=True)
    return Found(
        lacks="only those of the environment could be found, as botocore is missing",
        remedy=f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or {EXTRA}",
    )
