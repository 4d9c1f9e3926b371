"""The vertical scale of the picture: what must be seen, and how much of the rest."""

from novum.records import Outcome
from novum.report.facts import Facts

BULK = 0.9  # of the discards shall be seen, if that does not squeeze what matters
REACH = 1.5  # how far the scale may go beyond what matters, in its own height
REACH_ALONE = 6.0  # the same while nothing is kept
MARGIN = 0.07
ROOM = 0.24  # of the height, above the keeps, for their titles


def limits(facts: Facts) -> tuple[float, float]:
    """The lowest and the highest value shown: robust to hopeless outliers."""
    sign = 1.0 if facts.lab.minimize else -1.0  # inside, more is worse
    noise = facts.noise_sd or 0.0
    kept = [sign * result.score for result in facts.kept if result.score is not None]
    core = list(kept)
    if facts.baseline is not None and facts.baseline.score is not None:
        core += [sign * facts.baseline.score - noise, sign * facts.baseline.score + noise]
    if facts.belief is not None:
        mean = sign * facts.belief.mean
        core += [mean - facts.belief.sd, mean + facts.belief.sd]
    return span(core, kept, _discards(facts, sign), minimize=facts.lab.minimize)


def span(
    core: list[float], kept: list[float], discards: list[float], *, minimize: bool
) -> tuple[float, float]:
    """Limits that show all of the core, and the bulk of the discards (sorted).

    The scores are turned so that more is worse; the limits are turned back.
    """
    sign = 1.0 if minimize else -1.0
    best, worst = _with_bulk(min(core), max(core), discards, bool(kept))
    best, worst = _padded(best, worst, max(kept, default=None))
    low, high = sorted((sign * best, sign * worst))
    return low, high


def _discards(facts: Facts, sign: float) -> list[float]:
    return sorted(
        sign * result.score
        for result in facts.results
        if result.outcome is Outcome.DISCARD and result.score is not None
    )


def _with_bulk(best: float, worst: float, discards: list[float], kept: bool) -> tuple[float, float]:
    """The core, extended to the bulk of the discards, but not so far that it is squeezed."""
    if not discards:
        return best, worst
    last = len(discards) - 1
    good, bad = discards[round(last * (1 - BULK))], discards[round(last * BULK)]
    reach = (REACH if kept else REACH_ALONE) * (worst - best)
    if reach == 0:
        return min(best, good), max(worst, bad)
    return max(min(best, good), best - reach / 2), min(max(worst, bad), worst + reach)


def _padded(best: float, worst: float, highest_keep: float | None) -> tuple[float, float]:
    """With margins, and room for titles on the bad side of the keeps."""
    height = worst - best or max(abs(best) * 0.01, 1e-9)
    best, worst = best - MARGIN * height, worst + MARGIN * height
    if highest_keep is not None:
        worst = max(worst, (highest_keep - ROOM * best) / (1 - ROOM))
    return best, worst
