"""A campaign to look at: the facts as plain data (which `--json` prints), and as text."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from novum import confirmed
from novum.lab import CURVES, parse_lab
from novum.ledger import Campaign, Confirmation, Experiment, Ledger, Trial
from novum.ledger.rows import IMPORTED
from novum.lessons import score_of
from novum.records import Outcome, TrialState, Usage
from novum.standing import Standing
from novum.terminal import cost, counted, duration, figure, harmless, sparkline, tail

Facts = dict[str, Any]
COLOURS = {
    Outcome.KEEP: "green",
    Outcome.DISCARD: "default",
    Outcome.CRASH: "red",
    Outcome.INVALID: "yellow",
}


UNALARMING = {TrialState.MEASURED, TrialState.HOPELESS}


def status_facts(ledger: Ledger, campaign: Campaign) -> Facts:
    """The campaign at a glance."""
    standing = Standing.read(ledger, parse_lab(campaign.lab), campaign)
    running = _is_worked_on(ledger, campaign)
    worked = ledger.seconds_worked(campaign.id)
    experiments = standing.experiments
    facts: Facts = {
        "campaign": campaign.tag,
        "branch": f"autoresearch/{campaign.tag}",
        "state": "running" if running else {"open": "stopped"}.get(campaign.state, campaign.state),
        "metric": standing.lab.metric.name,
        "direction": standing.lab.metric.direction,
        "self_reported": standing.lab.self_reported,
        "lacking": list(campaign.settings.get("lacking", ())),
        "seconds": campaign.settings["seconds"],
        "experiments": experiments,
        "target": campaign.settings["target"],
        "outcomes": {str(outcome): standing.outcomes[outcome] for outcome in Outcome},
        "trials": standing.trials,
        "ended_early": standing.hopeless,
        "seconds_saved": standing.saved,
        "seconds_worked": worked,
        "trial_share": min(1.0, standing.trial_seconds / worked) if worked > 0 else None,
        "experiments_per_hour": 3600 * experiments / worked if worked > 0 else None,
        "baseline": None,
        "incumbent": None,
        "gain": None,
        "confirmed": None,
        "spent": asdict(ledger.consultations.spent(campaign.id)),
        "proposals_waiting": len(ledger.consultations.waiting(campaign.id)),
        "trial": _running_trial(ledger, campaign) if running else None,
        "thinking": _thinking(ledger, campaign) if running else None,
        "paused": "" if running else str(campaign.settings.get("paused", "")),
    }
    if standing.has_baseline and standing.belief is not None:
        first = standing.baseline
        facts["baseline"] = {"mean": first.mean, "sd": first.sd} if first else None
        facts["incumbent"] = {
            "experiment": standing.incumbent.number,
            "title": standing.incumbent.proposal.title,
            "commit": standing.incumbent.commit,
            "mean": standing.belief.mean,
            "sd": standing.belief.sd,
        }
        facts["gain"] = standing.gain
        newest = confirmed.headline(confirmed.claims(ledger, campaign)[0])
        if newest is not None:
            facts["confirmed"] = confirmed.facts(newest) | {"words": confirmed.sentence(newest)}
    return facts


def confirm_facts(ledger: Ledger, campaign: Campaign) -> Facts:
    """All that was confirmed, or not, and what ablations found; oldest first."""
    claimed, parts = confirmed.claims(ledger, campaign)
    return {
        "claims": [confirmed.facts(one) | {"words": confirmed.sentence(one)} for one in claimed],
        "parts": [confirmed.facts(one) | {"words": confirmed.part_sentence(one)} for one in parts],
    }


def _is_worked_on(ledger: Ledger, campaign: Campaign) -> bool:
    """Whether what is running in the lab is this campaign; one that begins is not known yet."""
    worked_on = ledger.working_on()
    return ledger.is_running() and (
        worked_on == campaign.id or (worked_on is None and campaign.state == "open")
    )


def _thinking(ledger: Ledger, campaign: Campaign) -> Facts | None:
    one = ledger.consultations.thinking(campaign.id)
    if one is None:
        return None
    return {"researcher": one.researcher, "seconds": max(0.0, time.time() - one.started)}


def _running_trial(ledger: Ledger, campaign: Campaign) -> Facts | None:
    unfinished = ledger.open_experiment(campaign.id)
    confirmation = ledger.confirmations.unfinished(campaign.id)
    beat = ledger.heartbeat()
    facts: Facts
    if unfinished is not None:
        facts = {"experiment": unfinished.number, "title": unfinished.proposal.title}
    elif confirmation is not None:
        facts = _confirming(ledger, campaign, confirmation)
    else:
        return None
    if beat is not None and beat.is_fresh(time.time()):
        facts |= {
            "phase": beat.phase,
            "elapsed": beat.elapsed,
            "clock": beat.clock,
            "memory_mb": beat.memory_mb,
            "point": dict(beat.point),
        }
    return facts


def _confirming(ledger: Ledger, campaign: Campaign, confirmation: Confirmation) -> Facts:
    trials = ledger.confirmations.trials(confirmation.id)
    number, title = next(
        (one.number, one.proposal.title)
        for one in ledger.experiments(campaign.id)
        if one.id == confirmation.experiment
    )
    return {
        "experiment": number,
        "title": title,
        "confirming": confirmation.reason,
        "trials": sum(trial.state.counts for trial in trials),
    }


def status_view(facts: Facts) -> RenderableType:
    """`status_facts` as text."""
    table = Table.grid(padding=(0, 2))
    target = f" of {facts['target']}" if facts["target"] else ""
    outcomes = ", ".join(f"{count} {name}" for name, count in facts["outcomes"].items() if count)
    rate = facts["experiments_per_hour"]
    branch = "" if facts["state"] == IMPORTED else f" (branch {facts['branch']})"
    rows: list[tuple[str, str]] = [
        ("campaign", f"{facts['campaign']}, {facts['state']}{branch}"),
        ("experiments", f"{facts['experiments']}{target}" + (f": {outcomes}" if outcomes else "")),
    ]
    if facts["incumbent"]:
        best, first = facts["incumbent"], facts["baseline"]
        metric = facts["metric"]
        rows += [
            ("baseline", f"{metric} {_mean_and_sd(first)}"),
            (
                "incumbent",
                f"{metric} {_mean_and_sd(best)}, experiment {best['experiment']}: "
                f"{best['title']} ({best['commit'][:7]})",
            ),
            ("gain", f"{figure(facts['gain'], best['mean'], '+')}, as the search believes"),
            ("confirmed", facts["confirmed"]["words"] if facts["confirmed"] else "nothing yet"),
        ]
    if rate:
        share = facts["trial_share"]
        rounded = f"{rate:.{1 if rate < 100 else 0}f}"
        rows.append(
            (
                "rate",
                f"{rounded} experiments an hour, {share:.1%} of it in trials",
            )
        )
    if facts["ended_early"]:
        saved = duration(facts["seconds_saved"])
        trials = counted(facts["ended_early"], "hopeless trial")
        rows.append(("ended early", f"{trials}, {saved} saved"))
    if facts["spent"]["requests"]:
        rows.append(("spent", cost(Usage(**facts["spent"]))))
    if trial := facts["trial"]:
        rows.append(("now", _trial_words(trial, facts["seconds"])))
    if thought := facts["thinking"]:
        asked = duration(round(thought["seconds"]))
        rows.append(("asked", f"{thought['researcher']}, {asked} ago; it is thinking"))
    if facts["paused"]:
        rows.append(("paused", facts["paused"]))
    if facts["self_reported"]:
        rows.append(("caution", "self-reported: the candidate prints its own score"))
    rows += [("caution", f"not promised here: {text}") for text in facts["lacking"]]
    for name, text in rows:
        table.add_row(Text(name, style="bold"), Text(harmless(text)))
    return table


def _mean_and_sd(belief: Facts) -> str:
    return f"{figure(belief['mean'])} ± {figure(belief['sd'], belief['mean'])}"


def _trial_words(trial: Facts, seconds: float) -> str:
    words = f"experiment {trial['experiment']}: {trial['title']}"
    if "confirming" in trial:
        done = f"{counted(trial['trials'], 'trial')} done"
        words = f"confirming ({trial['confirming']}, {done}) {words}"
    if "phase" in trial:
        clock = f" {trial['clock']:.0f} of {seconds:g} s" if trial["phase"] == "training" else ""
        words += f" ({trial['phase']}{clock}, {trial['memory_mb']:.0f} MB)"
    return words


def log_facts(ledger: Ledger, campaign: Campaign, last: int | None) -> list[Facts]:
    """The experiments of a campaign, oldest first."""
    return [_row(experiment) for experiment in ledger.experiments(campaign.id, last=last)]


def _row(experiment: Experiment) -> Facts:
    verdict = experiment.verdict
    evidence = verdict.evidence if verdict else None
    values = evidence.values if evidence else ()
    return {
        "experiment": experiment.number,
        "title": experiment.proposal.title,
        "researcher": experiment.proposal.researcher,
        "kind": experiment.proposal.kind,
        "commit": experiment.commit,
        "score": score_of(experiment),
        "runs": len(values),
        "verdict": str(verdict.outcome) if verdict else None,
        "reason": verdict.reason if verdict else None,
        "effect": evidence.effect if evidence and evidence.runs else None,
        "probability": evidence.probability if evidence and evidence.runs else None,
        "net_lines": experiment.diff.net_lines,
    }


def log_view(rows: Sequence[Facts], metric: str) -> RenderableType:
    """`log_facts` as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("#", "verdict"):
        table.add_column(name, no_wrap=True)
    table.add_column(metric, justify="right", no_wrap=True)
    table.add_column("lines", justify="right", no_wrap=True)
    table.add_column("idea", ratio=2)
    table.add_column("why", ratio=3)
    for row in rows:
        outcome = row["verdict"]
        style = COLOURS[Outcome(outcome)] if outcome else "cyan"
        table.add_row(
            str(row["experiment"]),
            Text(outcome or "open", style=style),
            figure(row["score"]) if row["score"] is not None else "",
            f"{row['net_lines']:+d}" if row["net_lines"] else "",
            Text(harmless(row["title"])),
            Text(harmless((row["reason"] or "").splitlines()[0] if row["reason"] else "")),
        )
    return table


def show_facts(ledger: Ledger, experiment: Experiment) -> Facts:
    """One experiment with everything that is known of it."""
    proposal, verdict = experiment.proposal, experiment.verdict
    evidence = verdict.evidence if verdict else None
    return _row(experiment) | {
        "hypothesis": proposal.hypothesis,
        "expected": proposal.expected,
        "source": proposal.source,
        "key": proposal.key,
        "parent": experiment.parent,
        "diff": experiment.diff.text,
        "evidence": {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}
        if evidence
        else None,
        "trials": [_trial_facts(ledger, trial) for trial in ledger.trials(experiment.id)],
        "spent": asdict(usage_of(ledger, experiment)),
    }


def usage_of(ledger: Ledger, experiment: Experiment) -> Usage:
    """What the proposal of an experiment cost, and the proposals that it answered."""
    return sum((one.usage for one in ledger.consultations.of(experiment.id)), Usage())


def asked_facts(ledger: Ledger, experiment: Experiment) -> list[Facts]:
    """Each question that an experiment came from, or answered: who was asked, and the words."""
    return [
        {
            "researcher": one.researcher,
            "state": one.state,
            "seconds": one.ended - one.started if one.ended else None,
            "detail": one.detail,
            "transcript": ledger.consultations.transcript(one.id),
        }
        for one in ledger.consultations.of(experiment.id)
    ]


def _asked_view(asked: Sequence[Facts]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for one in asked:
        took = "" if one["seconds"] is None else f", {duration(one['seconds'])}"
        head = f"{one['researcher']}: {one['state']}{took}"
        parts += [Text(), Text(harmless(head), style="bold")]
        for name, text in one["transcript"]:
            parts += [Text(f"[{harmless(name)}]", style="cyan"), Text(harmless(text))]
    return parts or [Text("nobody was asked for it, or who was kept no words")]


def _trial_facts(ledger: Ledger, trial: Trial) -> Facts:
    measured = trial.measurement
    return {
        "id": trial.id,
        "seed": trial.seed,
        "state": str(trial.state),
        "metric": measured.metric if measured else None,
        "metrics": dict(measured.metrics) if measured else {},
        "self_reported": measured.self_reported if measured else None,
        "detail": harmless(trial.detail),
        "seconds": {
            "startup": trial.timing.startup,
            "training": trial.timing.training,
            "evaluation": trial.timing.evaluation,
            "budget": trial.timing.budget,
            "overtime": trial.timing.overtime,
        },
        "peak_memory_mb": trial.peak_memory_mb,
        "curve": ledger.curve(trial.id),
    }


def show_view(facts: Facts, log: bytes, *, log_lines: int) -> RenderableType:
    """`show_facts` as text, with the end of the last trial's log."""
    outcome = facts["verdict"]
    head = Text(f"experiment {facts['experiment']}: {harmless(facts['title'])}", style="bold")
    parts: list[RenderableType] = [head]
    for name in ("hypothesis", "source"):
        if facts[name]:
            parts.append(Text(f"{name}: {harmless(facts[name])}"))
    if facts["expected"] is not None:
        parts.append(Text(f"expected: {facts['expected']:+g}"))
    where = f"{facts['commit'][:10]} on {facts['parent'][:10]}" if facts["commit"] else "none"
    parts.append(Text(f"by {harmless(facts['researcher'])}, commit {where}"))
    if facts["spent"]["requests"]:
        parts.append(Text(f"asking for it cost {cost(Usage(**facts['spent']))}"))
    if facts["diff"]:
        parts += [Text(), Syntax(harmless(facts["diff"]), "diff", background_color="default")]
    if facts["trials"]:
        parts += [Text(), _trials_table(facts["trials"])]
    parts.append(Text())
    if outcome:
        style = f"bold {COLOURS[Outcome(outcome)]}"
        parts.append(Text.assemble((outcome, style), ": " + harmless(facts["reason"])))
        if facts["evidence"] and facts["evidence"]["runs"]:
            parts.append(Text(_evidence_words(facts["evidence"])))
    else:
        parts.append(Text("no verdict yet", style="cyan"))
    if "asked" in facts:
        parts += _asked_view(facts["asked"])
    if log_lines and log:
        parts += [Text(), Text("log of the last trial", style="bold"), Text(tail(log, log_lines))]
    return Group(*parts)


def _evidence_words(evidence: Mapping[str, Any]) -> str:
    values = ", ".join(f"{value:.6g}" for value in evidence["values"])
    split = evidence["split_sd"]
    luck = f"luck of the split ± {split:.2g}; " if split else ""
    return (
        f"scores {values}; incumbent believed at {evidence['incumbent']:.6g} ± "
        f"{evidence['incumbent_sd']:.2g}; noise of one run ± {evidence['noise_sd']:.2g}; "
        f"{luck}had to earn {evidence['required']:.2g}; policy {evidence['policy']}"
    )


def _trials_table(trials: Sequence[Facts]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("seed", "state", "score", "startup", "training", "total", "memory", "curve"):
        table.add_column(name)
    for trial in trials:
        seconds = trial["seconds"]
        total = seconds["startup"] + seconds["training"] + seconds["evaluation"]
        metric = trial["metric"]
        table.add_row(
            str(trial["seed"]),
            Text(trial["state"], style="default" if trial["state"] in UNALARMING else "red"),
            Text(f"{metric:.6g}" if metric is not None else trial["detail"]),
            f"{seconds['startup']:.1f} s",
            f"{seconds['budget']:.1f} s",
            duration(total),
            f"{trial['peak_memory_mb']:.0f} MB",
            curve_line(trial["curve"]),
        )
    return table


def curve_line(points: Sequence[Mapping[str, float]], width: int = 30) -> str:
    """The curve of the first of these that it has, with its first and last value."""
    for name in CURVES:
        values = [point[name] for point in points if name in point]
        if values:
            return f"{name} {values[0]:.3g} {sparkline(values, width)} {values[-1]:.4g}"
    return ""


def keeps_table(ledger: Ledger, campaign: Campaign) -> Table | Text:
    """The experiments that were kept, as a campaign's closing table."""
    rows = [row for row in log_facts(ledger, campaign, None) if row["verdict"] == Outcome.KEEP]
    table = Table(box=None, pad_edge=False, header_style="bold", title="kept", title_justify="left")
    metric = parse_lab(campaign.lab).metric.name
    for name in ("#", "idea", metric, "evidence", "commit"):
        table.add_column(name)
    if not rows:
        return Text("nothing is kept yet, not even the baseline")
    for row in rows:
        table.add_row(
            str(row["experiment"]),
            Text(harmless(row["title"])),
            figure(row["score"]),
            Text(harmless(row["reason"])),
            row["commit"][:7],
        )
    return table


def plain_console(*, aside: bool = False) -> Console:
    """A console that never wraps numbers apart when it is not a terminal; `aside`: for errors."""
    console = Console(highlight=False, stderr=aside)
    return console if console.is_terminal else Console(highlight=False, width=160, stderr=aside)
