"""`mediaserver check-config`: whether the server would start with these settings."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mediaserver.cli.surroundings import config_of, settings_of
from mediaserver.core.clock import SystemClock
from mediaserver.core.settings import PREFIX


def run(args: argparse.Namespace) -> int:
    """Changes nothing. Folders that are away are told, but are no fault: a disk may be mounted later."""
    settings = settings_of(args)
    config = config_of(args)
    sources = [str(config)] if config else []
    sources += sorted(variable for variable in os.environ if variable.startswith(PREFIX))
    print(f"The settings are right ({', '.join(sources) or 'all of them defaults'}).")
    if settings.server.tls == "given":
        from mediaserver.tls.given import Given

        server = settings.server
        Given(Path(server.tls_certificate).expanduser(), Path(server.tls_key).expanduser(), SystemClock())
        print("The certificate and its key fit each other.")
    for folder in settings.library.folders:
        if not Path(folder).expanduser().is_dir():
            print(f"Mind that there is no folder {folder} now.")
    return 0
