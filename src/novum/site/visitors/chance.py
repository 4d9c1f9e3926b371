"""Random numbers that have names: the same seed and name, the same number, in whatever order."""

import hashlib
import math
from statistics import NormalDist

_NORMAL = NormalDist()
_STEPS = 1 << 64


class Chance:
    """Random numbers of one seed."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(str(seed).encode()).digest()

    def uniform(self, *name: str | int) -> float:
        """Between 0 and 1, both excluded."""
        text = "\0".join(map(str, name)).encode("utf-8", "surrogatepass")
        found = hashlib.blake2b(text, digest_size=8, key=self._key).digest()
        return (int.from_bytes(found, "big") + 0.5) / (_STEPS + 1)

    def normal(self, *name: str | int) -> float:
        """Of mean 0 and standard deviation 1."""
        return _NORMAL.inv_cdf(min(max(self.uniform(*name), 1e-12), 1 - 1e-12))

    def waiting(self, mean: float, *name: str | int) -> float:
        """An exponential time, in the unit of its mean."""
        return -mean * math.log1p(-min(self.uniform(*name), 1 - 1e-12))
