"""Who sees what: decided by a keyed hash of the visitor, so nobody need be remembered for it.

Weights may change over time and move as few people as possible: weighted rendezvous hashing, in
which each arm draws a number for the visitor and the largest wins. When the weight of one arm
grows, people move to it and between no others (D. Thaler and C. Ravishankar, IEEE/ACM Trans. Netw.
6, 1998; the weights are those of J. Resch).
"""

import hmac
import math
from collections.abc import Mapping
from typing import TypeVar

A = TypeVar("A", bound=str)


def draw(key: bytes, visitor: str, purpose: str) -> float:
    """A number strictly between 0 and 1, uniform over visitors, independent between purposes."""
    digest = hmac.digest(key, f"{purpose}\0{visitor}".encode(), "sha256")
    return ((int.from_bytes(digest[:8], "big") >> 12) + 0.5) * 2.0**-52


def among(key: bytes, visitor: str, purpose: str, share: float) -> bool:
    """Whether the visitor is among a share of all. A larger share has all of a smaller one."""
    return draw(key, visitor, purpose) < share


def assign(key: bytes, visitor: str, purpose: str, weights: Mapping[A, float]) -> A:
    """One of the arms, by their weights: at least one of them above zero, none below."""
    return max(
        (arm for arm, weight in weights.items() if weight > 0),
        key=lambda arm: weights[arm] / -math.log(draw(key, visitor, f"{purpose}\0{arm}")),
    )
