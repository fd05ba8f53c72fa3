"""Which certificates to trust: the system's, or the ones that the environment names.

A company puts its own authority into the system's store. The variables are the ones of OpenSSL,
requests and curl, so that what works for other tools works here.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from coexplorer.errors import ConfigError

_STORES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, BSD, macOS
)
"""Where systems keep them, for a Python that was built elsewhere and looks elsewhere."""

_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d{1,9}")


def build_tls(environment: Mapping[str, str]) -> ssl.SSLContext:
    """Make the context of a client; it takes some 20 ms.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` count first, then ``REQUESTS_CA_BUNDLE``, then
    ``CURL_CA_BUNDLE``: these replace the system's store.

    Raises:
        ConfigError: A variable names what is not there, or holds no certificate.
    """
    named = find_sources(environment)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if named else _build_system()
    for variable, path in named:
        _load(context, variable, path)
    # Authorities of companies often lack what Python 3.13 asks of them; no browser does.
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    return context


def find_sources(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that count, with what they name; none: the system's store counts."""
    found = []
    if file := environment.get("SSL_CERT_FILE"):
        found.append(("SSL_CERT_FILE", file))
    folders = environment.get("SSL_CERT_DIR", "").split(os.pathsep)
    found += [("SSL_CERT_DIR", folder) for folder in folders if folder]
    if not found:
        found = [(name, environment[name]) for name in _BUNDLES if environment.get(name)][:1]
    return tuple(found)


def _load(context: ssl.SSLContext, variable: str, path: str) -> None:
    place = Path(path)
    instead = f"correct {variable}, or unset it: then the system's certificates are used"
    try:
        if place.exists() and not (place.is_file() or place.is_dir()):
            raise ConfigError(f"{path}, in {variable}, is not a regular file", hint=instead)
        if place.is_dir():
            if not _has_hashed(place):
                raise ConfigError(
                    f"{variable} names {path}, which has no certificates under their hashes",
                    hint=f"run `openssl rehash {path}`, or {instead}",
                )
            context.load_verify_locations(capath=place)
        else:
            context.load_verify_locations(cafile=place)
    except ssl.SSLError:
        raise ConfigError(
            f"{variable} names {path}, which holds no certificates that can be read", hint=instead
        ) from None
    except FileNotFoundError:
        raise ConfigError(f"{variable} names {path}, which is not there", hint=instead) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise ConfigError(
            f"{variable} names {path!r}, which can't be read ({reason})", hint=instead
        ) from None


def _has_hashed(folder: Path) -> bool:
    """Tell whether OpenSSL finds anything in a folder: it looks for names that are hashes."""
    return any(_HASHED.fullmatch(each.name) for each in folder.iterdir())


def _build_system() -> ssl.SSLContext:
    if sys.platform == "darwin":
        import truststore  # noqa: PLC0415 # asks the keychain

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    usual = ssl.get_default_verify_paths()
    if usual.cafile or (usual.capath and _has_hashed(Path(usual.capath))):
        return context
    store = next((path for path in _STORES if Path(path).is_file()), None)
    if store is None:
        import certifi  # noqa: PLC0415 # a list of its own, for systems without any

        store = certifi.where()
    context.load_verify_locations(store)
    return context
