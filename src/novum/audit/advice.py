"""What a deep check measured, in plain words: findings, and the advice that follows from them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from novum.audit.detectable import Ratio, Spread
from novum.audit.measured import NIGHT_HOURS, Measured, Pace, Ranking
from novum.audit.ranking import ALIKE, SURELY, Agreement
from novum.audit.soundness import Finding, Level
from novum.judge.confirm import MOST as PAIRS
from novum.judge.distributions import normal

FAR = 4  # times: as much below what can be found, or above it, min_effect is worth a word
TRUSTED = 0.5  # reliability below which the noise of a run hides most of what tells ideas apart
WORTHWHILE = 1.1  # times as many experiments: less is no gain
CLEAR = 0.95  # a correlation that noise allows, above which noise is not worth a word
FEWEST_DEGREES = 2  # of freedom of a variance that something is concluded from
LINES = 10  # added lines, for which the price is told


@dataclass(frozen=True, slots=True)
class Advice:
    """Findings, advice (a sentence each), and the numbers behind both."""

    findings: tuple[Finding, ...]
    advice: tuple[str, ...]
    numbers: Mapping[str, Any]


def advise(measured: Measured) -> Advice:
    """Say what the runs mean."""
    exact = measured.plan.lab.metric.noise == "none"
    luck = _exact(measured) if exact else [*_noise(measured), *_reach(measured)]
    budgets = measured.plan.budgets if measured.plan.ideas else ()
    rankings = [measured.ranking(part) for part in budgets if measured.pace(part)]
    findings = [*luck, *_pace(measured), *_ideas(measured)]
    findings += [
        Finding(Level.CAUTION, f"budget of {part:g} s", "too short: the baseline fails there")
        for part in budgets
        if measured.pace(part) is None
    ]
    findings += [_ranking(measured, ranking) for ranking in rankings]
    advice = [*_budget_advice(measured, rankings), *([] if exact else _luck_advice(measured))]
    return Advice(tuple(findings), tuple(advice), measured.numbers())


# Luck


def _exact(measured: Measured) -> Iterator[Finding]:
    """A metric that is said to have no noise: all runs of the same code must be equal."""
    metric, seconds = measured.plan.lab.metric.name, measured.plan.seconds
    scores = {*measured.scores(seconds), *measured.same_seed}
    if len(scores) == 1:
        words = f"{metric} {scores.pop():.6g} in every run of the same code: one run decides"
        yield Finding(Level.GOOD, "noise", words)
        return
    some = " and ".join(f"{score:.8g}" for score in sorted(scores)[:2])
    yield Finding(
        Level.CAUTION,
        "noise",
        f'lab.toml says metric.noise = "none", but runs of the same code differ ({some}): '
        'set it to "gaussian", or else luck is kept',
    )


def _noise(measured: Measured) -> Iterator[Finding]:
    scores, noise = measured.scores(measured.plan.seconds), measured.noise
    metric = measured.plan.lab.metric.name
    if noise is None:
        yield Finding(Level.CAUTION, "noise", "one run cannot tell; ask for more: --runs 5")
        return
    mean = sum(scores) / len(scores)
    yield Finding(
        Level.GOOD,
        "run noise",
        f"{metric} {mean:.6g}, and another run of the same code moves it by sd {_spread(noise)}, "
        f"from {len(scores)} runs of {measured.plan.seconds:g} s",
    )
    yield Finding(Level.GOOD, "seeds", _seeds(measured.same_seed, noise, measured.seeds))
    yield _split(measured)


def _spread(noise: Spread) -> str:
    return f"{noise.sd:.2g} [{noise.low:.2g}, {noise.high:.2g}]"


def _seeds(same: list[float], noise: Spread, ratio: Ratio | None) -> str:
    """Whether seeds matter: the same one repeated, against different ones."""
    if len(same) < 2:
        return "cannot tell from so few: no seed was run twice"
    if max(same) == min(same):
        if noise.sd == 0:
            return 'nothing moves the score, seeds neither: set metric.noise = "none"'
        return f"a seed fixes the result exactly ({len(same)} runs of one seed are equal)"
    if ratio is None or min(len(same) - 1, noise.degrees - 1) < FEWEST_DEGREES:
        return "cannot tell from so few whether seeds matter; ask for more: --runs 5"
    words = f"variance ratio {ratio.value:.2g} [{ratio.low:.2g}, {ratio.high:.2g}]"
    if ratio.low > 2:  # so more than half of the variance goes away when the seed is held
        return f"seeds explain most of the noise ({words})"
    if ratio.high < 2:
        return f"seeds explain little of the noise; the machine makes it ({words})"
    return f"cannot tell from so few whether seeds matter ({words}); ask for more: --runs 15"


def _split(measured: Measured) -> Finding:
    split, paired = measured.split, measured.paired_split
    if split is None:
        return Finding(
            Level.CAUTION,
            "split noise",
            "unknown, for the evaluator gives no `items`: how much of a gain is the luck of which "
            "examples are held out cannot be told; docs/your-own-lab.md shows how to give them",
        )
    items = len(measured.baseline(measured.plan.seconds)[0].items)
    gap = normal(0.975) * math.sqrt(2) * split
    words = (
        f"which {items} items are held out moves a score by sd {split:.2g}, so a holdout of the "
        f"same size may differ by ±{gap:.2g} without any fault"
    )
    if paired is not None:
        words += f"; a difference of two versions, on the same items, by sd {paired:.2g}"
    return Finding(Level.GOOD, "split noise", words)


def _reach(measured: Measured) -> Iterator[Finding]:
    found, lab = measured.reach, measured.plan.lab
    if found is None:
        return
    yield Finding(
        Level.GOOD,
        "smallest gain",
        f"that is found four times in five: one trial {found.one_run:.2g}, three trials "
        f"{found.three_runs:.2g} (each against these baselines, at 5 % false alarms); a campaign's "
        f"confirmation of {PAIRS} pairs {found.confirmed:.2g}"
        + (", luck of the split included" if measured.paired_split else ""),
    )
    if found.confirmed == 0:
        return
    least, price = lab.metric.min_effect, LINES * lab.line_cost
    if price > 0:
        words = f"a change that adds {LINES} lines must earn {least + price:.2g}"
        yield Finding(Level.GOOD, "price of lines", f"{words}, min_effect included")
    if 0 < least < found.confirmed / FAR:
        yield Finding(
            Level.CAUTION,
            "min_effect",
            f"{least:g} is far below what even a whole campaign can confirm as a single gain "
            f"({found.confirmed:.2g}): such keeps can be believed, but only their sum be claimed",
        )
    elif least > FAR * found.one_run:
        yield Finding(
            Level.GOOD, "min_effect", f"{least:g} is far above the noise: one trial tells it"
        )


# Time


def _pace(measured: Measured) -> Iterator[Finding]:
    for seconds in (measured.plan.seconds, *reversed(measured.plan.budgets)):
        pace = measured.pace(seconds)
        if pace is not None:
            yield Finding(Level.GOOD, f"pace at {seconds:g} s", _told(pace))


def _told(pace: Pace) -> str:
    return (
        f"a trial takes {pace.total:.3g} s (start-up {pace.startup:.2g}, training "
        f"{pace.training:.3g}, evaluation {pace.evaluation:.2g}): {_count(pace.per_hour)} an hour, "
        f"{pace.per_night} a night of {NIGHT_HOURS} hours"
    )


def _count(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


# Budgets


def _ideas(measured: Measured) -> Iterator[Finding]:
    plan = measured.plan
    if plan.left_out:
        yield Finding(Level.CAUTION, "ideas", plan.left_out)
    titles = {idea.name: idea.title for idea in plan.ideas}
    for run in measured.runs:
        if run.idea and not run.measured:
            words = f"at {run.seconds:g} s, so it is left out there: {titles[run.idea]} "
            yield Finding(Level.CAUTION, "idea failed", f"{words}({run.state}: {run.detail})")


def _ranking(measured: Measured, ranking: Ranking) -> Finding:
    subject, whole = f"ranking at {ranking.seconds:g} s", f"{measured.plan.seconds:g} s"
    found = ranking.agreement
    if found is None:
        words = f"too few ideas to tell: {ranking.ideas} measured at both budgets"
        return Finding(Level.CAUTION, subject, words)
    words = f"{found.ideas} ideas against {whole}: rank correlation {_interval(found)}"
    if found.alike:
        return Finding(Level.GOOD, subject, f"{words}, nearly the same")
    words += _ceiling(ranking)
    if _swamped(ranking):
        return Finding(Level.CAUTION, subject, f"{words}; noise hides what ideas differ by")
    if found.apart:
        return Finding(Level.CAUTION, subject, f"{words}: it ranks differently")
    return Finding(Level.CAUTION, subject, f"{words}: too few ideas to tell")


def _interval(found: Agreement) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _swamped(ranking: Ranking) -> bool:
    return ranking.whole is not None and ranking.whole < TRUSTED


def _ceiling(ranking: Ranking) -> str:
    """How far noise alone pulls the correlation down, where it is known."""
    if ranking.whole is None or ranking.short is None:
        return ""
    most = math.sqrt(ranking.whole * ranking.short)
    if most > CLEAR:
        return ""
    return f" (noise of single runs alone allows about {most:.2f} at best)"


def _budget_advice(measured: Measured, rankings: list[Ranking]) -> Iterator[str]:
    whole = measured.pace(measured.plan.seconds)
    assert whole is not None
    for ranking in rankings:  # the shortest first
        pace, found = measured.pace(ranking.seconds), ranking.agreement
        if pace is not None and found is not None and found.alike:
            yield _shorter(whole, pace, found)
            return
    yield (
        f"a night of {whole.seconds:g} s trials is {whole.per_night} of them, replicates included"
    )
    if not rankings:
        return
    if all(_swamped(ranking) for ranking in rankings):
        yield (
            f"at {whole.seconds:g} s one run cannot rank these ideas, so no shorter budget can be "
            "compared with it; lower the noise, or try bolder ideas"
        )
    elif all(ranking.agreement and ranking.agreement.apart for ranking in rankings):
        yield f"keep {whole.seconds:g} s: the shorter budgets rank ideas differently"
    else:
        words = "too few ideas to tell whether a shorter budget would do"
        if measured.plan.exhausted:
            file = measured.plan.lab.researcher.backlog
            yield f"{words}: write about {_needed(measured, rankings)} into {file}"
        else:
            yield f"{words}; the runs so far count: --ideas {_needed(measured, rankings)}"


def _shorter(whole: Pace, pace: Pace, found: Agreement) -> str:
    """What a shorter budget, which ranks nearly the same, is good for."""
    words = f"rank ideas nearly as at {whole.seconds:g} s ({_interval(found)})"
    times = whole.total / pace.total
    if times < WORTHWHILE:
        return (
            f"at {pace.seconds:g} s you would {words}, but a trial takes as long: start-up and "
            "evaluation are what to shorten"
        )
    return (
        f"at {pace.seconds:g} s you {words}; {times:.2g} times as many experiments a night "
        f"({pace.per_night} instead of {whole.per_night})"
    )


def _needed(measured: Measured, rankings: list[Ranking]) -> int:
    """How many ideas would tell, if they agreed as much as these; twice as many if that is low."""
    count = len(measured.plan.ideas)
    best = max((r.agreement.value for r in rankings if r.agreement), default=0.0)
    if best < ALIKE:
        return 2 * count
    centre = math.atanh(min(best, 0.98))
    width = (centre - math.atanh(SURELY)) / normal(0.975)
    return max(count + 2, math.ceil(3 + (1 + best * best / 2) / (width * width)))


def _luck_advice(measured: Measured) -> Iterator[str]:
    found, metric = measured.reach, measured.plan.lab.metric
    if found is None:
        return
    if found.confirmed == 0:
        yield 'every run scores the same: set metric.noise = "none", and one run will decide'
        return
    yield (
        f"believe a single trial from a gain of {found.one_run:.2g} on; the judge runs smaller "
        f"ones again where that pays; claim {found.confirmed:.2g} or more after `novum confirm`"
    )
    if 0 < metric.min_effect < found.confirmed / FAR:
        yield (
            f"raise metric.min_effect from {metric.min_effect:g} towards "
            f"{found.confirmed / FAR:.1g}, or lower the noise: a longer budget, a larger "
            "validation split"
        )
    elif metric.min_effect > FAR * found.one_run:
        yield (
            "the noise is small beside metric.min_effect, so judge.baseline_runs and replicates "
            "can be few; the nights are better spent on more ideas"
        )
    if measured.noise is not None and measured.noise.degrees < 4:
        yield (
            f"the noise itself is known only within [{measured.noise.low:.2g}, "
            f"{measured.noise.high:.2g}], and all of the above with it: --runs 8 tells more"
        )
