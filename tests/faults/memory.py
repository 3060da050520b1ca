"""Whether the memory of a process that nobody ends stays where it was: samples over time, quarter against quarter."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

GROWTH = 1.10
"""What the last quarter may be of the first."""
WARM = 0.2
"""The share of the samples that a process may take to reach its size."""
_MIB = 1024


def resident(pid: int, line: str = "VmRSS") -> float:
    """MiB that a process holds, or has held at most (`VmHWM`); 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(one.split()[1]) / _MIB for one in status.splitlines() if one.startswith(line)), 0.0)


@dataclass
class Memory:
    """MiB of one process, sampled at even times."""

    samples: list[float] = field(default_factory=list)

    @property
    def quarters(self) -> tuple[float, float]:
        """The median of the first quarter after it is warm, and that of the last one."""
        warm = self.samples[int(len(self.samples) * WARM) :]
        size = max(1, len(warm) // 4)
        return statistics.median(warm[:size]), statistics.median(warm[-size:])

    @property
    def is_flat(self) -> bool:
        first, last = self.quarters
        return last <= first * GROWTH

    def __str__(self) -> str:
        first, last = self.quarters
        word = "flat" if self.is_flat else "GROWS"
        return f"RSS of the replica that lives throughout: {first:.1f} MiB, in the end {last:.1f} MiB: {word} ({len(self.samples)} samples)"
