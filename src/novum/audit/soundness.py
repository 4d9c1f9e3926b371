"""Is this lab sound? Every finding says what it means and what to do."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from novum import opening, plugins
from novum.errors import NovumError, UsageError
from novum.judge.exact import disagreement
from novum.judge.policies import judge_named
from novum.lab import Lab, parse_lab, read_lab
from novum.ledger import Ledger
from novum.repo import Repo
from novum.researchers import researcher_named, tuner
from novum.sandbox import confinement_for
from novum.terminal import counted


class Level(StrEnum):
    """How grave a finding is."""

    GOOD = "good"
    CAUTION = "caution"  # a campaign can run, with less to be promised
    PROBLEM = "problem"  # a campaign cannot run


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `text` says what is so and, where needed, what to do."""

    level: Level
    subject: str
    text: str


def check(directory: Path) -> list[Finding]:
    """Look at a lab without running anything of it.

    Raises:
        UsageError: if there is no lab to look at.
    """
    lab = read_lab(directory)
    findings = [Finding(Level.GOOD, "lab.toml", "every key is known, every value possible")]
    try:
        repo = Repo(directory)
        problems = opening.problems(lab, repo, unconfined=True)  # the sandbox is told below
    except NovumError as error:
        return [*findings, Finding(Level.PROBLEM, "git", str(error))]
    findings += [Finding(Level.PROBLEM, "files", problem) for problem in problems]
    if not problems:
        findings.append(Finding(Level.GOOD, "files", "committed, tracked, commands found"))
    findings += _roles(lab, directory)
    findings += [_sandbox(lab), *_measurement(lab), _disk(lab, directory)]
    if Ledger.exists(directory):
        findings += _ledger(directory)
    return findings


def _roles(lab: Lab, directory: Path) -> Iterator[Finding]:
    researcher = lab.researcher.use
    yield _made("judge", lab.policy, lambda: judge_named(lab.policy))
    yield _made(
        "search", lab.search.strategy, partial(plugins.load, "novum.search", lab.search.strategy)
    )
    yield _made(
        "researcher",
        researcher,
        lambda: researcher_named(researcher, lab, directory),
    )
    for exhibit in lab.report.exhibits:
        yield _made("exhibit", exhibit, partial(plugins.load, "novum.exhibits", exhibit))
    yield from _space(lab, directory)


def _space(lab: Lab, directory: Path) -> Iterator[Finding]:
    """The tuner's space, where there is one, or where it would be found."""
    used = tuner.is_asked_for(lab)
    if not (lab.space or used):
        return
    try:
        names = [one.name for one in tuner.space_for(lab, tuner.working_files(lab, directory))]
    except UsageError as error:
        yield Finding(Level.PROBLEM if used else Level.CAUTION, "space", str(error))
        return
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    text = f"{counted(len(names), 'parameter')} of `[space]`, each found where it stands: {shown}"
    if not lab.space:
        text = (
            f"none in lab.toml; the tuner would vary {counted(len(names), 'constant')} "
            f"that it finds: {shown}; see: novum space"
        )
    yield Finding(Level.GOOD, "space", text)


def _made(role: str, name: str, make: Callable[[], object]) -> Finding:
    try:
        make()
    except UsageError as error:
        return Finding(Level.PROBLEM, role, str(error))
    return Finding(Level.GOOD, role, name)


def _sandbox(lab: Lab) -> Finding:
    confinement = confinement_for(lab.sandbox.mode)
    lacking = "; ".join(confinement.lacking)
    if lab.sandbox.mode == "none":
        words = f'switched off: {lacking}; remove mode = "none" under [sandbox] to confine trials'
        return Finding(Level.CAUTION, "sandbox", words)
    if confinement.tool == "none":
        words = f"{opening.no_sandbox(confinement)}\nwithout one {lacking}"
        return Finding(Level.PROBLEM, "sandbox", words)
    if lacking:
        return Finding(Level.CAUTION, "sandbox", f"{confinement.detail}, but {lacking}")
    return Finding(Level.GOOD, "sandbox", confinement.detail or confinement.tool)


def _measurement(lab: Lab) -> Iterator[Finding]:
    if lab.self_reported:
        yield Finding(
            Level.CAUTION,
            "evaluator",
            "none: the candidate prints its own score, so it could print any; "
            "add `evaluate` under [trial], docs/your-own-lab.md shows how",
        )
    else:
        confined = confinement_for(lab.sandbox.mode).tool != "none"
        reach = "out of the trial's reach" if confined else "after the trial has ended"
        yield Finding(Level.GOOD, "evaluator", f"a process of its own, {reach}")
    yield _holdout(lab)
    if lab.metric.noise == "gaussian" and lab.baseline_runs < 2:
        yield Finding(
            Level.CAUTION,
            "noise",
            "one baseline run cannot tell how noisy a run is; set judge.baseline_runs = 3",
        )

    if lab.metric.noise == "rate" and lab.metric.min_effect == 0:
        yield Finding(
            Level.CAUTION,
            "noise",
            "a change that does nothing is given up only after judge.max_runs batches of visitors; "
            "say which difference is worth it: metric.min_effect",
        )


def _holdout(lab: Lab) -> Finding:
    if lab.trial.holdout is not None:
        return Finding(Level.GOOD, "holdout", "what is found can be confirmed on unseen data")
    return Finding(
        Level.CAUTION,
        "holdout",
        "none: gains can be confirmed on fresh seeds, but only on the split that they were "
        "selected on; "
        + ("it needs an evaluator" if lab.self_reported else "add `holdout` under [trial]"),
    )


def _claim(ledger: Ledger) -> Iterator[Finding]:
    """Whether scores that should have no noise have had some."""
    for campaign in ledger.campaigns():
        if parse_lab(campaign.lab).metric.noise != "none":
            continue
        values: dict[int, tuple[float, ...]] = {}
        for trial in ledger.all_trials(campaign.id):
            if trial.measurement is not None and trial.searched:
                known = values.get(trial.experiment, ())
                values[trial.experiment] = (*known, trial.measurement.metric)
        found = [text for text in map(disagreement, values.values()) if text]
        if found:
            yield Finding(Level.CAUTION, "noise", f"campaign {campaign.tag}: {found[0]}")


def _disk(lab: Lab, directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free // 2**20
    needed = 2 * lab.budget.disk_mb
    if free < needed:
        return Finding(
            Level.CAUTION,
            "disk",
            f"{free} MB free, and a trial may use {lab.budget.disk_mb}; free some space, or lower "
            "budget.disk_mb",
        )
    return Finding(Level.GOOD, "disk", f"{free} MB free")


def _ledger(directory: Path) -> list[Finding]:
    try:
        with closing(Ledger(directory)) as ledger:
            campaigns = [campaign.tag for campaign in ledger.campaigns()]
            claims = list(_claim(ledger))
    except NovumError as error:
        return [Finding(Level.PROBLEM, "ledger", str(error))]
    text = f"campaigns: {', '.join(campaigns) or 'none yet'}"
    return [Finding(Level.GOOD, "ledger", text), *claims]
