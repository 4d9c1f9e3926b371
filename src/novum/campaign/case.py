"""An experiment as the judge sees it, and as its commit tells it."""

import textwrap
from collections.abc import Sequence
from functools import reduce
from operator import add

from novum.campaign.traffic import arms_of
from novum.judge import Arms, Case, Judge, Noise, Rules, average
from novum.judge.split import mean_split_error
from novum.lab import LINES_CHANGED, Lab
from novum.lab.tables import Guard
from novum.ledger import Experiment, Ledger, Trial
from novum.patch import Diff
from novum.records import Measurement, Verdict
from novum.standing import Standing
from novum.terminal import harmless

EXACT = 1_000_000  # degrees of freedom of a noise that is known to be nothing


def case_of(experiment: Experiment, standing: Standing, ledger: Ledger, judge: Judge) -> Case:
    """What the judge is shown of an experiment, from the ledger and the standing."""
    lab = standing.lab
    assert standing.belief is not None
    incumbent = standing.incumbent
    again = tuple(
        trial.measurement.metric
        for trial in ledger.trials_asked_by(experiment.id)
        if trial.experiment == incumbent.id and trial.measurement is not None
    )
    noise = standing.noise_without(experiment.id)
    if lab.metric.noise == "none":
        noise = Noise(0.0, EXACT)
    record = standing.values(incumbent.id)
    trials = ledger.trials(experiment.id)
    return Case(
        rules=rules_of(lab),
        values=standing.values(experiment.id),
        incumbent=judge.refresh(standing.belief, again, noise),
        incumbent_best=average(record),
        noise=noise,
        history=tuple(standing.history),
        net_lines=experiment.diff.net_lines,
        split=_split(trials, ledger.trials(incumbent.id), ledger),
        metrics=guarded(lab, experiment.diff, [t.measurement for t in trials if t.measurement]),
        unselected=_unselected(incumbent, ledger.trials(incumbent.id)),
        arms=arms_over(lab, trials),
    )


def _split(trials: Sequence[Trial], incumbent: Sequence[Trial], ledger: Ledger) -> float:
    """The standard error, over the split's items, of the candidate's difference to the incumbent.

    Zero if the evaluator does not tell what the items scored.
    """
    measured = [trial.id for trial in trials if trial.measurement is not None]
    before = [trial.id for trial in incumbent if trial.measurement is not None]
    reference = ledger.items(before[-1]) if before else ()
    if not reference:
        return 0.0
    return mean_split_error([(ledger.items(trial), reference) for trial in measured]) or 0.0


def rules_of(lab: Lab) -> Rules:
    """The lab's rules, as its judge sees them."""
    guards = {
        name: (guard.min, guard.max)
        for name, guard in lab.guards.items()
        if guard.min is not None or guard.max is not None
    }
    return Rules(
        minimize=lab.minimize,
        min_effect=lab.metric.min_effect,
        line_cost=lab.line_cost,
        max_runs=lab.judge.max_runs,
        error_rate=lab.judge.error_rate,
        guards=guards,
    )


def _unselected(incumbent: Experiment, trials: Sequence[Trial]) -> tuple[float, ...]:
    """The incumbent's scores that had no part in its keep; all of a baseline, which was given."""
    return tuple(
        trial.measurement.metric
        for trial in trials
        if trial.measurement is not None
        and trial.searched
        and (incumbent.number == 0 or trial.asked_by != incumbent.id)
    )


def arms_over(lab: Lab, trials: Sequence[Trial]) -> Arms | None:
    """The counts over all runs of a candidate, where the metric is a rate.

    Each was checked when its trial ended.
    """
    if lab.metric.noise != "rate":
        return None
    counted = [
        arms_of(trial.measurement)
        for trial in trials
        if trial.measurement is not None and trial.searched
    ]
    return reduce(add, counted) if counted else None


def guarded(lab: Lab, change: Diff, measured: Sequence[Measurement]) -> dict[str, float]:
    """The guard metrics of a change, each the worst over its runs."""
    metrics = [one.metrics for one in measured]
    worst = {LINES_CHANGED: float(change.added + change.removed)}
    for name, guard in lab.guards.items():
        values = [known[name] for known in metrics if name in known]
        if values and len(values) == len(metrics) and name != LINES_CHANGED:
            worst[name] = _worst(guard, min(values), max(values))
    return worst


def _worst(guard: Guard, least: float, most: float) -> float:
    below = guard.min is not None and least < guard.min
    return least if below or guard.max is None else most


def commit_message(tag: str, lab: Lab, experiment: Experiment, verdict: Verdict) -> str:
    """The message of an experiment's commit: the idea, and the verdict in trailers."""
    proposal, evidence = experiment.proposal, verdict.evidence
    trailers = {
        "Experiment": f"{tag}/{experiment.number}",
        "Researcher": _line(proposal.researcher),
        "Idea": _line(proposal.key),
        "Verdict": verdict.outcome,
        "Evidence": _line(verdict.reason),
        "Metric": f"{lab.metric.name} " + " ".join(f"{value:.6g}" for value in evidence.values)
        if evidence.values
        else "",
    }
    lines = [f"Novum-{name}: {text}" for name, text in trailers.items() if text]
    title = _line(proposal.title) or "untitled"
    body = textwrap.fill(_line(proposal.hypothesis), 72)
    return "\n\n".join(part for part in (title, body, "\n".join(lines)) if part) + "\n"


def _line(text: str) -> str:
    """Words from outside as one line, so that they can neither forge a trailer nor end the text."""
    return " ".join(harmless(text).split())
