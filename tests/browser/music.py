"""Real files for the browser: one unbroken sound cut into tracks, some long tracks to seek in, and more."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import mutagen
import numpy as np
from PIL import Image, ImageDraw

RATE_HZ = 44_100
TONE_HZ = 997
JOINS = (250_011, 317_003, 493_507)
"""Ends of the tracks of the gapless album: odd samples, so that no grid of packets meets them."""
LONG_S = 90


def tone(start: int, stop: int, frequency_hz: float = TONE_HZ) -> np.ndarray:
    """int16 (2, n): a sine on the left, quiet noise on the right; sample n is the same whatever was asked."""
    at = np.arange(start, stop)
    left = np.sin(2 * np.pi * frequency_hz * at / RATE_HZ) * 0.4
    right = np.random.default_rng(7).standard_normal(stop)[start:] * 0.02
    return np.round(np.stack([left, right]) * 32_767).astype(np.int16)


def write(path: Path, samples: np.ndarray, codec: str, bit_rate: int | None = None, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate_hz, layout="stereo")
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        kind = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(format=kind, layout="stereo", rate=rate_hz)
        for start in range(0, samples.shape[1], 8192):
            block = np.ascontiguousarray(samples[:, start : start + 8192].T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            for ready in resampler.resample(frame):
                out.mux(stream.encode(ready))
        for ready in resampler.resample(None):
            out.mux(stream.encode(ready))
        out.mux(stream.encode(None))


def tag(path: Path, **tags: str) -> None:
    file = mutagen.File(path, easy=True)
    assert file is not None
    if file.tags is None:
        file.add_tags()
    for name, value in tags.items():
        file[name] = value
    file.save()


def cover(path: Path, top: tuple[int, int, int], bottom: tuple[int, int, int], rings: int) -> None:
    """A picture that is no photograph and nobody's: rings over a gradient."""
    size = 600
    shade = np.linspace(0, 1, size)[:, None, None]
    picture = Image.fromarray(
        (np.array(top) * (1 - shade) + np.array(bottom) * shade).repeat(size, axis=1).astype(np.uint8)
    )
    draw = ImageDraw.Draw(picture, "RGBA")
    for n in range(rings):
        radius = size * (0.12 + 0.5 * n / rings)
        middle = (size * 0.62, size * 0.42)
        box = [middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius]
        draw.ellipse(box, outline=(255, 255, 255, 150 - 90 * n // rings), width=5)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=90)


def make(root: Path) -> None:
    """Four albums, one of them gapless, one long, one lossy, one without a picture; and a file that is no music."""
    start = 0
    for number, stop in enumerate(JOINS, 1):
        path = root / "Anna Berg" / "Unbroken" / f"{number:02} Part {number}.flac"
        write(path, tone(start, stop), "flac")
        tag(path, title=f"Part {number}", artist="Anna Berg", album="Unbroken", tracknumber=str(number), date="2021")
        start = stop
    cover(root / "Anna Berg" / "Unbroken" / "cover.jpg", (28, 52, 96), (214, 120, 92), 7)
    for number, title in enumerate(("Northbound", "Southbound"), 1):
        path = root / "The Harbours" / "Long Roads" / f"{number:02} {title}.flac"
        write(path, tone(0, LONG_S * RATE_HZ, 330.0 * number), "flac")
        tags = {"title": title, "artist": "The Harbours", "album": "Long Roads", "tracknumber": str(number)}
        tag(path, **tags, date="2019", genre="Rock")
    cover(root / "The Harbours" / "Long Roads" / "cover.jpg", (250, 190, 90), (120, 40, 80), 4)
    for number, title in enumerate(("Été", "Über den Fluss"), 1):
        path = root / "Chloé" / "Café" / f"{number:02}.mp3"
        write(path, tone(0, 6 * RATE_HZ, 440.0 * number), "libmp3lame", 128_000)
        tag(path, title=title, artist="Chloé", album="Café", tracknumber=str(number), date="2003", genre="Chanson")
    cover(root / "Chloé" / "Café" / "cover.jpg", (70, 130, 110), (20, 30, 50), 11)
    path = root / "Demos" / "tape.m4a"
    write(path, tone(0, 5 * RATE_HZ, 523.0), "aac", 128_000)
    tag(path, title="First take", artist="Anna Berg", album="Demos", tracknumber="1")
    path = root / "Demos" / "studio.flac"
    write(path, tone(0, 4 * 48_000, 600.0), "flac", rate_hz=48_000)
    tag(path, title="Studio", artist="Anna Berg", album="Demos", tracknumber="2")
    (root / "Demos" / "broken.flac").write_bytes(b"")
