"""The site's time: real, or sped up for simulated visitors."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """`start` at the real time `origin` (seconds since 1970), then `speed` times as fast."""

    start: float = 0.0
    origin: float = 0.0
    speed: float = 1.0

    def now(self) -> float:
        """Seconds; those since 1970 by a real clock."""
        return self.start + (time.time() - self.origin) * self.speed


REAL = Clock()
