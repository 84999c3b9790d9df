"""Who this server is for as long as its data directory lives: an id made once, and the number its name got.

Kept in `identity.json`, not in the database: a server that moves to PostgreSQL stays the same one.
"""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Annotated

import msgspec

log = logging.getLogger(__name__)

FILE_NAME = "identity.json"
_LARGEST_FILE_BYTES = 4096


class Identity(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
    server_name: str = ""
    """What the server was called when it got its number."""
    number: Annotated[int, msgspec.Meta(ge=1, le=999)] = 1
    """1 where the name was free, 2 for "Music (2)": kept, so that after a power cut two servers do not swap names."""

    def number_of(self, server_name: str) -> int:
        """Where to begin with this name."""
        return self.number if server_name == self.server_name else 1


def load(data_dir: Path) -> Identity:
    """The identity, made now if there is none. Never raises: without a file that can be read it is a new one."""
    path = data_dir / FILE_NAME
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_LARGEST_FILE_BYTES), type=Identity)
    except FileNotFoundError:
        pass
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s cannot be read, and a new one is made: %s", path, error)
    made = Identity(secrets.token_hex(8))
    save(data_dir, made)
    return made


def save(data_dir: Path, identity: Identity) -> None:
    """Keep it over a power cut. Never raises: it is then forgotten at the end, which the log tells."""
    path = data_dir / FILE_NAME
    new = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(identity) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror)
