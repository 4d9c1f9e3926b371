"""How long to wait before trying again: longer each time, never in step with others."""

import random
from collections.abc import Callable
from dataclasses import dataclass

SPREAD = 0.1  # of what the provider says, so that many clients do not come back at once


@dataclass(frozen=True)
class Waits:
    """Doubling from `first` to `most` seconds, of which a random half is taken off."""

    first: float = 2.0
    most: float = 120.0
    chance: Callable[[], float] = random.random

    def after(self, failures: int, said: float | None = None) -> float:
        """Seconds after so many failures in a row; what the provider said is heeded."""
        if said is not None:
            return said * (1 + SPREAD * self.chance())
        longest = min(self.most, self.first * 2.0 ** min(failures - 1, 30))
        return longest * (0.5 + 0.5 * self.chance())
