"""What is asked and where the campaign stands, in sentences."""

from math import hypot, isfinite

from novum.briefing import curve
from novum.briefing.past import Past
from novum.briefing.templates import filled
from novum.judge import Belief
from novum.judge.noise import luck
from novum.judge.words import number
from novum.lab import LINES_CHANGED, Lab
from novum.lab.tables import Guard
from novum.records import Outcome
from novum.standing import Standing
from novum.terminal import counted, duration

NOISE_OF = {
    "gaussian": "Scores are noisy: the same code scores differently from run to run.",
    "rate": "The score is a rate: what visitors did while your change and the present best were "
    "shown to them side by side.",
    "none": "The score has no noise: the same code scores the same.",
}

CAME_TO = {
    Outcome.KEEP: "kept",
    Outcome.DISCARD: "discarded",
    Outcome.CRASH: "crashed",
    Outcome.INVALID: "invalid",
}


def terms(lab: Lab, seconds: float) -> str:
    """What the person decided: metric, budget, guards, files. It stays as it is."""
    budget = lab.budget
    clock = "processor time" if budget.clock == "cpu" else "wall time"
    limits = [
        f"{budget.memory_mb} MB of memory",
        f"{budget.startup:g} s of wall time to the start of training",
        f"{lab.timeout(seconds):g} s of wall time in all",
    ]
    return filled(
        "terms",
        metric=lab.metric.name,
        direction="lower" if lab.minimize else "higher",
        measured="The program reports it itself."
        if lab.self_reported
        else "It is measured after the run, in a process of its own, on data that the run cannot "
        "see.",
        noise=NOISE_OF[lab.metric.noise],
        worth=_worth(lab),
        budget=f"{seconds:g} s of {clock} for each trial; it is the time that is fixed, not the "
        "number of steps",
        limits=", ".join(limits),
        guards=", ".join(_bounds(name, g) for name, g in lab.guards.items() if _bounds(name, g)),
        editable=", ".join(f"`{path}`" for path in lab.files.editable),
        dial=", ".join(f"{name} = {value:g}" for name, value in lab.dial.items()),
    )


def _worth(lab: Lab) -> str:
    words = f"{lab.metric.min_effect:g} {lab.metric.name}" if lab.metric.min_effect else "any"
    if lab.line_cost:
        words += (
            f"; on top of it, each line that a change adds, net, must earn {lab.line_cost:g}, "
            "and one that it takes away may cost as much"
        )
    return words


def _bounds(name: str, guard: Guard) -> str:
    if name == LINES_CHANGED and guard.min is None and guard.max is None:
        return ""
    sides = [
        f"{word} {value:g}"
        for word, value in (("at least", guard.min), ("at most", guard.max))
        if value is not None
    ]
    return f"{name} {' and '.join(sides)}"


def state(past: Past) -> str:
    """Where the campaign stands: the present best, the start, luck, and the best's last run."""
    standing = past.standing
    trial, points = past.own()
    run = ""
    if trial is not None:
        timing = trial.timing
        run = (
            f"{duration(timing.startup)} to the start, {timing.budget:.4g} s of its budget, "
            f"{duration(timing.evaluation)} of evaluation, {trial.peak_memory_mb:.0f} MB at most."
        )
    return filled(
        "state",
        count=_count(standing),
        best=_best(standing),
        start=_start(standing),
        luck=_luck(standing),
        run=run,
        curve=curve.words(points, (), standing.lab),
        guards=_guarded(past),
    )


def _count(standing: Standing) -> str:
    outcomes = [
        f"{standing.outcomes[one]} {word}"
        for one, word in CAME_TO.items()
        if standing.outcomes[one]
    ]
    if not standing.has_baseline:
        return "No experiment yet; the start was not measured either."
    if not outcomes:
        return "No experiment yet; the start was measured."
    total = sum(standing.outcomes.values())
    words = f"{counted(total, 'experiment')} so far: {', '.join(outcomes)}."
    target = standing.campaign.settings.get("target")
    return f"{words} {target} are planned." if isinstance(target, int) else words


def _score(belief: Belief) -> str:
    spread = f" ± {number(belief.sd, belief.sd)}" if belief.sd > 0 else ""
    return f"{number(belief.mean, belief.sd)}{spread}"


def _best(standing: Standing) -> str:
    if not standing.has_baseline or standing.belief is None:
        return ""
    best = standing.incumbent
    name = "the start itself" if best.number == 0 else f"experiment {best.number}"
    return (
        f"{name}, commit {(best.commit or '')[:10]}, believed to score {_score(standing.belief)}."
    )


def _start(standing: Standing) -> str:
    if standing.baseline is None or standing.belief is None or len(standing.keeps) < 2:
        return ""
    sd = hypot(standing.belief.sd, standing.baseline.sd)
    return (
        f"believed to score {_score(standing.baseline)}; so {number(standing.gain, sd)} was "
        "gained since, as the search believes."
    )


def _luck(standing: Standing) -> str:
    """The noise floor of one run, and what can be seen above it."""
    if standing.belief is None or standing.lab.metric.noise != "gaussian":
        return ""
    noise = luck(standing.noise, standing.lab.metric.min_effect, standing.belief.mean)
    if noise.sd == 0 or not isfinite(noise.sd):
        return "runs of the same code have scored the same so far."
    clear = 2 * hypot(noise.sd, standing.belief.sd)
    known = (
        f"known from {standing.noise.degrees} repeated runs"
        if standing.noise.degrees
        else "guessed, for nothing was run twice yet"
    )
    return (
        f"one run of the same code deviates by {number(noise.sd, noise.sd)} (standard deviation, "
        f"{known}), so one run shows an effect of about {number(clear, noise.sd)} or more clearly."
    )


def _guarded(past: Past) -> str:
    trial, lab = past.own()[0], past.standing.lab
    if trial is None or trial.measurement is None:
        return ""
    metrics = trial.measurement.metrics
    told = [f"{name} {metrics[name]:.6g}" for name in lab.guards if name in metrics]
    return ", ".join(told)
