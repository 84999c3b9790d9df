"""systemd as a program: what it says, and what it is asked to do."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from mediaserver.core.errors import Unavailable

_BOOTED = Path("/run/systemd/system")
"""There where systemd runs the system. Source: sd_booted(3)."""
_LINGERING = Path("/var/lib/systemd/linger")
_LIMIT_S = 240.0


@dataclass(frozen=True, slots=True)
class Systemd:
    """Of the system, or of the user who asks."""

    is_system: bool

    def must_run(self) -> None:
        """Raises Unavailable where systemd does not run this system."""
        if not _BOOTED.is_dir():
            raise Unavailable("this system is not run by systemd: let what it has instead start `mediaserver serve`")

    def do(self, *words: str) -> None:
        """`systemctl WORDS`. Raises Unavailable with what it said."""
        ended = self._run("systemctl", *words)
        if ended.returncode:
            said = " ".join((ended.stderr or ended.stdout).split())
            if not self.is_system and "bus" in said:
                said += " (a user's services need a session: sign in as that user, not by sudo or su)"
            raise Unavailable(f"systemctl {' '.join(words)}: {said}")

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """Empty where systemd does not answer."""
        ended = self._run("systemctl", "show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)

    def lingers(self, user: str) -> bool:
        """Whether a user's services run while nobody is signed in."""
        ended = self._run("loginctl", "show-user", user, "--property=Linger", is_of_user=False)
        return "Linger=yes" in ended.stdout or (_LINGERING / user).exists()

    def gives_views(self) -> bool:
        """Whether its services can have views of their own of the machine: of a user's, the kernel may refuse them."""
        try:
            asked = ["unshare", "--user", "--map-root-user", "--mount", "true"]
            return self.is_system or not subprocess.run(asked, capture_output=True, check=False).returncode  # noqa: S603
        except OSError:
            return False

    def _run(self, program: str, *words: str, is_of_user: bool = True) -> subprocess.CompletedProcess[str]:
        command = [program, *([] if self.is_system or not is_of_user else ["--user"]), *words]
        try:
            return subprocess.run(  # noqa: S603 (words of our own, and names of units and users)
                command, capture_output=True, text=True, timeout=_LIMIT_S, check=False
            )
        except FileNotFoundError as error:
            raise Unavailable(f"there is no {program} here: is this system run by systemd?") from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{' '.join(command)} does not end") from error
