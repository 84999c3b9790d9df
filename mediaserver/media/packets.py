"""The packet index: where every packet of a sound lies in its file and where it begins in time."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

MAGIC = b"PX2"
"""Names the form of a packed index and the kind of digest that stands beside it; another one is made anew."""
_WAITING = b"\xff\xff\xff\xff"  # where a head's length stands, which is never so large


class _Head(msgspec.Struct, array_like=True):
    codec: str
    decoder: str
    extradata: bytes
    sample_format: str
    layout: str
    channels: int
    rate_hz: int
    bit_depth: int
    is_lossless: bool
    length_samples: int
    side: str
    count: int
    first_position: int
    first_start: int
    file_bytes: int = 0
    is_cut: bool = False


def side_name(digest: str) -> str:
    """Of the side file of the sound `digest`."""
    return f"{digest}.flac"


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """What is needed to decode any range of a sound without opening its container."""

    codec: str
    """Of the source: flac, mp3, aac, alac, vorbis, opus, pcm, wavpack, wmav2, ..."""
    decoder: str
    """The decoder's name in libavcodec; of the side file where there is one."""
    extradata: bytes
    sample_format: str
    layout: str
    channels: int
    rate_hz: int
    bit_depth: int | None
    """Of lossless sources: 8 to 24."""
    is_lossless: bool
    length_samples: int
    """Audible samples per channel: from sample 0, priming left out, padding cut."""
    side: str
    """Name of the FLAC side file that holds the packets; "": the source itself does."""
    positions: Int64s
    """Of each packet's first byte in the file."""
    sizes: Int32s
    """Bytes of each packet."""
    firsts: Int32s
    """Bytes before the first page border (Ogg); elsewhere equal to `sizes`."""
    starts: Int64s
    """The packet's first decoded sample, counted from the first audible one; negative in priming. Ascending."""
    file_bytes: int = 0
    """What the source takes where its packets do not tell: of the file that is read by a side file; of a cut, without
    the packets that only settle the decoder. 0: what its packets take."""
    is_cut: bool = False
    """Made by `cutting.cut`: its packets begin before it does, and the last one may go on beyond it."""

    @property
    def source_bytes(self) -> int:
        """What the source takes: its packets, or what is known better."""
        return self.file_bytes or int(self.sizes.sum(dtype=np.int64))

    def packed(self) -> bytes:
        """About 1.5 bytes a packet for what follows a rule and 2 to 3 for what does not."""
        head = _Head(
            self.codec,
            self.decoder,
            self.extradata,
            self.sample_format,
            self.layout,
            self.channels,
            self.rate_hz,
            self.bit_depth or 0,
            self.is_lossless,
            self.length_samples,
            self.side,
            len(self.sizes),
            int(self.positions[0]),
            int(self.starts[0]),
            self.file_bytes if self.is_cut else 0,  # of a whole file its size is known where it is read
            self.is_cut,
        )
        deflate = zlib.compressobj(6)
        parts = [
            deflate.compress(self.sizes.astype("<i4").data)
        ]  # one array at a time: a long sound has millions of rows
        parts.append(deflate.compress((self.sizes - self.firsts).astype("<i4").data))
        parts.append(deflate.compress((np.diff(self.positions) - self.sizes[:-1]).astype("<i8").data))
        parts.append(deflate.compress(np.diff(self.starts).astype("<i4").data))
        encoded = msgspec.msgpack.encode(head)
        return b"".join((MAGIC, len(encoded).to_bytes(4, "little"), encoded, *parts, deflate.flush()))

    @classmethod
    def unpacked(cls, packed: bytes) -> PacketIndex:
        """Raises Damaged for bytes that `packed` did not make."""
        try:
            if packed[:3] != MAGIC or packed[3:7] == _WAITING:
                raise ValueError("no packet index")
            end = 7 + int.from_bytes(packed[3:7], "little")
            head = msgspec.msgpack.decode(packed[7:end], type=_Head)
            raw = zlib.decompress(packed[end:])
            n = head.count
            sizes = np.frombuffer(raw, "<i4", n)
            rest = np.frombuffer(raw, "<i4", n, 4 * n)
            gaps = np.frombuffer(raw, "<i8", n - 1, 8 * n)
            steps = np.frombuffer(raw, "<i4", n - 1, 16 * n - 8)
        except (ValueError, zlib.error, msgspec.MsgspecError) as error:
            raise Damaged("the packet index is damaged") from error
        positions = np.concatenate(([head.first_position], head.first_position + np.cumsum(gaps + sizes[:-1])))
        starts = np.concatenate(([head.first_start], head.first_start + np.cumsum(steps, dtype=np.int64)))
        return cls(
            head.codec,
            head.decoder,
            head.extradata,
            head.sample_format,
            head.layout,
            head.channels,
            head.rate_hz,
            head.bit_depth or None,
            head.is_lossless,
            head.length_samples,
            head.side,
            positions.astype(np.int64),
            sizes,
            (sizes - rest).astype(np.int32),
            starts.astype(np.int64),
            head.file_bytes,
            head.is_cut,
        )


def waiting(codec: str) -> bytes:
    """What stands for the packed index of a sound that has a digest and no side file yet."""
    return MAGIC + _WAITING + codec.encode()


def codec_by_side(packed: bytes) -> str | None:
    """The codec of a sound that is read by a side file, made or not; None of others and for damaged bytes."""
    if packed.startswith(MAGIC + _WAITING):
        return packed[7:].decode("ascii", "replace")
    try:
        index = PacketIndex.unpacked(packed)
    except Damaged:
        return None
    return index.codec if index.side else None
