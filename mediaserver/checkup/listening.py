"""Whether those who listen hear as well as they did: what their players report, in words."""

from __future__ import annotations

from collections.abc import Sequence

from mediaserver.checkup.findings import Finding
from mediaserver.listening.worse import What, Worse

_NAMES: dict[What, str] = {"stops": "Stops in the music", "starts": "Slow starts", "fails": "Plays that fail"}
_PUBLIC: dict[What, str] = {
    "stops": "Music stops in the middle more often than before.",
    "starts": "Music begins later than before.",
    "fails": "More plays fail than before.",
}
_NETWORKS = {"ethernet": "a cable", "wifi": "Wi-Fi", "cellular": "mobile networks", "other": "other networks"}
_HERE = (
    "Look at workers, disks and memory on this page, and at what else runs on this machine; under Listening quality it"
    " shows whether one device has it or all."
)


def judged(worse: Sequence[Worse], plays: int) -> list[Finding]:
    """A row for each thing that has become worse, else one that all is well. `plays` are known of the last weeks."""
    if worse:
        return [Finding("listening", _NAMES[one.what], "warning", told(one), remedy(one)) for one in worse]
    if not plays:
        return [Finding("listening", "Listening", "ok", "no player has reported how it went")]
    known = "one play that was reported" if plays == 1 else f"{plays:,} plays that were reported"
    return [Finding("listening", "Listening", "ok", f"as well as before, by {known}")]


def told(one: Worse) -> str:
    what = {
        "stops": "stopped in the middle",
        "starts": f"took more than {one.limit_ms / 1000:.1f} s to begin",
        "fails": "failed",
    }[one.what]
    before = "none" if one.share_before == 0 else f"{one.share_before:.1%}"
    player = f" with {one.player}" if one.player else ""
    network = f" over {_NETWORKS[one.network]}" if one.network in _NETWORKS else ""
    mostly = f"; most of them{player}{network}" if player or network else ""
    return (
        f"{one.bad} of {one.plays} plays of the last {one.hours} hours {what} ({one.bad / one.plays:.0%}); in the four"
        f" weeks before, {before}{mostly}"
    )


def remedy(one: Worse) -> str:
    if one.network == "cellular":
        return "Mobile networks are slow or have gaps: let those devices play in a lower quality."
    if one.network == "wifi":
        return "Look at the Wi-Fi where those devices play: a nearer access point, or a lower quality there."
    if one.player:
        return f"Look at the devices with {one.player}: a newer version, their network, or a lower quality there."
    if one.what == "fails":
        return "Look into the scan report, at the disks on this page, and under Listening quality at what failed."
    return _HERE


def warnings(worse: Sequence[Worse]) -> list[str]:
    """For everybody: without names and figures."""
    return [_PUBLIC[one.what] for one in worse]
