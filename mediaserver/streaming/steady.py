"""Makes segments of constant bit rate, MP3 and Opus: packets behind each other. Runs in worker processes.

The law is the encoder's (`encoder.py`): a segment is a function of the sound, the recipe and its number alone. Each
packet has the size that arithmetic gives it, so that a stream's bytes have their places before any of them is made.
"""

from __future__ import annotations

from mediaserver.core.errors import Damaged
from mediaserver.streaming import lossy, mp3, oggopus, pcm
from mediaserver.streaming.constant import rate_bps
from mediaserver.streaming.ladder import Rendition

_WARM_FRAMES = {"mp3": 49, "oggopus": 25}
_AHEAD_FRAMES = 4  # what the encoders look ahead; silence behind the end, so that none has to be flushed
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp3": ("libmp3lame", "fltp", {"reservoir": "0", "compression_level": "7"}),
    "oggopus": ("libopus", "flt", {"vbr": "off", "compression_level": "5", "frame_duration": "20"}),
}


def segment(feed: pcm.Feed, rendition: Rendition, n: int) -> bytes:
    """The packets of segment `n`, 0-based. Raises as `encoder.fed_segment` does."""
    wanted = rendition.segment_packets(n)
    packets = _packets(feed, rendition, wanted)
    size_of = mp3.frame_bytes if rendition.rung.family == "mp3" else oggopus.packet_bytes
    if any(len(packet) != size_of(rendition, number) for packet, number in zip(packets, wanted, strict=True)):
        raise Damaged("the encoder gave packets of other sizes than were asked for")
    return b"".join(packets)


def _packets(feed: pcm.Feed, rendition: Rendition, wanted: range) -> list[bytes]:
    codec, sample_format, options = _CODECS[rendition.rung.family]
    size = rendition.packet_samples
    first = max(0, wanted.start - _WARM_FRAMES[rendition.rung.family])
    samples = pcm.fed(
        feed,
        rate_hz=rendition.rate_hz,
        channels=rendition.channels,
        start=first * size,
        stop=(wanted.stop + _AHEAD_FRAMES) * size,
    )
    layout = "mono" if rendition.channels == 1 else "stereo"
    encoder = lossy.opened(codec, rendition.rate_hz, layout, sample_format, {"b": str(rate_bps(rendition)), **options})
    packets: dict[int, bytes] = {}
    for at in range(0, samples.shape[1], size):
        block = samples[:, at : at + size]
        frame = lossy.as_frame(block, sample_format, layout, rendition.rate_hz, first * size + at)
        for packet in encoder.encode(frame):
            number = (packet.pts + rendition.priming_samples) // size
            if number in wanted:
                packets[number] = bytes(packet)
    if len(packets) != len(wanted):
        raise Damaged("the encoder gave fewer packets than the timeline has")
    return [packets[number] for number in wanted]
