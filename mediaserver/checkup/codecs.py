"""Whether every kind of music that we name can be read, and every kind of sound made."""

from __future__ import annotations

from collections.abc import Sequence

from mediaserver.checkup.findings import Finding


def judged(version: str, unreadable: Sequence[str], unmakeable: Sequence[str]) -> list[Finding]:
    remedy = "python -m pip install --force-reinstall --only-binary :all: av"
    found = []
    for name, missing in (("Reading music", unreadable), ("Making sound", unmakeable)):
        if missing:
            found.append(Finding("codecs", name, "bad", f"{version} lacks {', '.join(missing)}", remedy))
        else:
            found.append(Finding("codecs", name, "ok", f"{version}: every kind"))
    return found


def look() -> list[Finding]:
    try:
        from mediaserver.media import codecs
    except ImportError as error:
        told = f"the audio library does not load: {error}"
        return [Finding("codecs", "Reading music", "bad", told, "python -m pip install --force-reinstall av")]
    return judged(codecs.version(), codecs.unreadable(), codecs.unmakeable())
