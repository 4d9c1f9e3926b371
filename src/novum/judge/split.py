"""Split noise: what other items of the evaluation would have changed, from what each scored."""

import math
from collections.abc import Sequence

Items = Sequence[tuple[float, float]]  # a score and a weight for each


def split_error(items: Items) -> float | None:
    """The standard error of a weighted mean over resampled items; None for fewer than two.

    By the delta method for a ratio of sums (W. Cochran, "Sampling Techniques", 3rd ed. 1977,
    chapter 6), which the bootstrap over items agrees with.
    """
    total = math.fsum(weight for _, weight in items)
    count = sum(weight > 0 for _, weight in items)
    if count < 2:
        return None
    mean = math.fsum(score * weight for score, weight in items) / total
    squares = math.fsum((weight * (score - mean)) ** 2 for score, weight in items)
    return math.sqrt(squares * count / (count - 1)) / total


def paired_split_error(one: Items, other: Items) -> float | None:
    """The same of the difference of two runs measured on the same items; None if they differ."""
    return mean_split_error([(one, other)])


def mean_split_error(pairs: Sequence[tuple[Items, Items]]) -> float | None:
    """The same of the mean difference of several pairs of runs; None if any item differs.

    More pairs average the luck of the runs within each item, and leave that of the items.
    """
    if not pairs:
        return None
    weights = [weight for _, weight in pairs[0][0]]
    if any([weight for _, weight in items] != weights for pair in pairs for items in pair):
        return None
    columns = [[a[0] - b[0] for a, b in zip(*pair, strict=True)] for pair in pairs]
    means = [math.fsum(column) / len(pairs) for column in zip(*columns, strict=True)]
    return split_error(list(zip(means, weights, strict=True)))
