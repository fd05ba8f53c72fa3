"""AWS's chain of credentials, by botocore; importing this fails where that is missing."""

from __future__ import annotations

from typing import Final

import msgspec
from botocore.exceptions import (
    BotoCoreError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.session import Session

from coexplorer.models import Secret
from coexplorer.s3.addresses import AwsKeys
from coexplorer.s3.found import Found

_NAMES: Final = {
    "env": "the environment",
    "shared-credentials-file": "the AWS credentials file",
    "config-file": "the AWS config file",
    "sso": "an AWS sign-in",
    "login": "an AWS sign-in",
    "iam-role": "this machine's role",
    "container-role": "this container's role",
    "assume-role": "an assumed role",
    "custom-process": "a program",
}


def find(profile: str) -> Found:
    """Look for credentials as AWS's own tools do; this may take seconds.

    Args:
        profile: Of AWS's configuration; empty: the environment's, or the default.
    """
    found = Found()
    try:
        session = Session(profile=profile or None)
        found = _read_settings(session)
        return _read_keys(session, profile, found)
    except (BotoCoreError, OSError, ValueError) as error:
        lacks, remedy = _explain(error, profile)
        return msgspec.structs.replace(found, lacks=lacks, remedy=remedy, is_set_up=True)


def _read_keys(session: Session, profile: str, found: Found) -> Found:
    """Add the keys to what was found; they may be fetched."""
    credentials = session.get_credentials()
    if credentials is None:
        return found
    frozen = credentials.get_frozen_credentials()
    method = str(credentials.method)
    keys = AwsKeys(
        str(frozen.access_key),
        Secret(str(frozen.secret_key)),
        Secret(str(frozen.token)) if frozen.token else None,
    )
    named = profile or session.get_config_variable("profile")
    source = _NAMES.get(method, method)
    if named and method != "env":
        source = f"{source}, profile {named}"
    return msgspec.structs.replace(found, keys=keys, keys_from=source)


def _explain(error: Exception, profile: str) -> tuple[str, str]:
    """Say why there are no keys, and what helps.

    The error's own text may hold what a program has printed, even a key: its kind says enough.
    """
    kind = type(error).__name__
    if isinstance(error, ProfileNotFound):
        return (
            f"there is no AWS profile {profile or 'of the name in AWS_PROFILE'}",
            (
                "set AWS_PROFILE, or aws_profile in config.toml, to one that `aws configure"
                " list-profiles` shows"
            ),
        )
    if isinstance(error, PartialCredentialsError):
        return "yours are only half set", "set both the id and the secret of the key"
    if any(word in kind for word in ("SSO", "Token", "Login")):
        login = f"aws sso login --profile {profile}" if profile else "aws sso login"
        return "your AWS sign-in has expired", f"sign in again: {login}"
    return f"yours can't be read ({kind})", "see what is wrong with: aws sts get-caller-identity"


def _read_settings(session: Session) -> Found:
    """Read the endpoint and the region of the configuration's profile."""
    scoped = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(scoped.get("services"), {})
    special = services.get("s3", {}) if isinstance(services, dict) else {}
    endpoint = special.get("endpoint_url") if isinstance(special, dict) else None
    endpoint = endpoint or scoped.get("endpoint_url") or ""
    return Found(endpoint=str(endpoint), region=str(scoped.get("region") or ""))
