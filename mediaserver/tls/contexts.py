"""How a connection is encrypted: TLS 1.2 with forward secrecy, or TLS 1.3; and what a pair of files must be for it."""

from __future__ import annotations

import ssl
from pathlib import Path

from mediaserver.core.errors import Invalid

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all of this kind


def context_of(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """For a server that shows `certificate`, a PEM file with its chain, and `key` where it is in another file.

    Raises Invalid, with which file is to blame and why.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    asked = False

    def no_password() -> str:
        nonlocal asked
        asked = True
        return ""

    try:
        context.load_cert_chain(certificate, key, password=no_password)  # without, OpenSSL asks on the terminal
    except ssl.SSLError as error:
        if asked:
            raise Invalid(f"the key {key or certificate} is encrypted: take its password off") from error
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Invalid(f"the key {key} does not belong to the certificate {certificate}") from error
        words = {"EE_KEY_TOO_SMALL": "has a key that is too short", "CA_MD_TOO_WEAK": "is signed too weakly"}
        told = words.get(error.reason or "", f"or its key cannot be used ({error.reason or 'no reason told'})")
        raise Invalid(f"the certificate {certificate} {told}") from error
    except OSError as error:
        raise Invalid(f"the certificate {certificate} or its key cannot be read: {error.strerror}") from error
    return context
