"""How loud a sound is at each moment: a value and a peak for every 100 ms, in about a byte for both."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged

Floats = npt.NDArray[np.float32]

_FLOOR_DB = -100.0
_STEPS = 2  # in a dB


@dataclass(frozen=True, slots=True)
class Curve:
    """Entry k is of the samples from k * `step_samples` on, at `rate_hz`. Both rows are in halves of a dB from -100."""

    rate_hz: int
    step_samples: int
    momentary_lufs: Floats
    """Of the 400 ms that end with the entry."""
    peaks_dbtp: Floats
    """The true peak of the entry, rounded up."""

    def packed(self) -> bytes:
        momentary = np.rint((self.momentary_lufs - _FLOOR_DB) * _STEPS)
        peaks = np.ceil((self.peaks_dbtp - _FLOOR_DB) * _STEPS - 1e-4)
        rows = np.stack([np.clip(row, 0, 255).astype(np.uint8) for row in (momentary, peaks)])
        steps = np.diff(rows, axis=1, prepend=np.uint8(0))  # modulo 256: small numbers, which pack well
        head = b"".join(n.to_bytes(4, "little") for n in (self.rate_hz, self.step_samples, rows.shape[1]))
        return head + zlib.compress(steps.tobytes(), 9)

    @classmethod
    def unpacked(cls, packed: bytes) -> Curve:
        """Raises Damaged for bytes that `packed` did not make."""
        try:
            rate_hz, step_samples, count = (int.from_bytes(packed[at : at + 4], "little") for at in (0, 4, 8))
            steps = np.frombuffer(zlib.decompress(packed[12:]), np.uint8).reshape(2, count)
        except (ValueError, zlib.error) as error:
            raise Damaged("what was measured of this sound is damaged") from error
        rows = np.cumsum(steps, axis=1, dtype=np.uint8).astype(np.float32) / _STEPS + np.float32(_FLOOR_DB)
        return cls(rate_hz, step_samples, rows[0], rows[1])
