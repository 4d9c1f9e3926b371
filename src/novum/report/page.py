"""`report.md`: what was asked, what was found, what it cost, and every experiment."""

import statistics
from collections.abc import Sequence

from novum.confirmed import Claimed, gain_words, part_sentence, sentence
from novum.judge.words import probability
from novum.ledger.rows import IMPORTED
from novum.records import Outcome
from novum.report.exhibits import Exhibit
from novum.report.facts import Cost, Facts, Result, kept_rows
from novum.report.words import (
    facts_table,
    percent,
    quoted,
    score_text,
    signed,
    spread,
    table,
)
from novum.terminal import cost as cost_words
from novum.terminal import counted, duration

NEAR = 0.05  # a discard that is at least so probably better is a near miss
NEAR_MISSES = 10
UNCONFIRMED = (
    "This is the search's belief, not a confirmed result: nothing here was measured again on "
    "fresh seeds or on the holdout; `novum confirm` does that."
)
SELF_REPORTED = (
    "**Self-reported.** This lab has no evaluator: each program printed its own score, and "
    "nothing checked it."
)


def page(facts: Facts, picture: str, exhibits: Sequence[Exhibit] = ()) -> str:
    """The whole report; `picture` is the Markdown in the place of the picture."""
    name = facts.lab.lab.name
    sections = [
        f"# {name}, campaign {facts.campaign.tag}",
        quoted(facts.lab.lab.question, 1000),
        _headline(facts),
        SELF_REPORTED if facts.lab.self_reported else "",
        _lacking(facts),
        picture,
        *(exhibit.text for exhibit in exhibits),
        _confirmed(facts),
        _found(facts),
        _asked(facts),
        _took(facts),
        _keeps(facts),
        _near_misses(facts),
        _failures(facts),
        _all(facts),
        *(exhibit.appendix for exhibit in exhibits),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _lacking(facts: Facts) -> str:
    """Which promises of the sandbox did not hold where the campaign ran."""
    lacking = facts.campaign.settings.get("lacking", ())
    words = "**Not promised.** Where this campaign ran, the sandbox lacked something:"
    return "\n".join([words, "", *(f"- {text}" for text in lacking)]) if lacking else ""


def _headline(facts: Facts) -> str:
    if facts.baseline is None:
        return "**The baseline is not measured yet**, so there is nothing to compare with."
    if not facts.kept:
        return f"**No change was kept**, of {counted(facts.experiments, 'experiment')}."
    size = spread(facts.gain.size, facts.gain.sd)
    relative = "" if facts.gain.relative is None else f" ({percent(facts.gain.relative)})"
    metric = facts.lab.metric.name
    if facts.confirmed is not None:
        return _confirmed_headline(facts, facts.confirmed, f"{size} {metric}{relative}")
    return f"**Believed gain: {size} {metric}{relative}**, better is positive. {UNCONFIRMED}"


def _confirmed_headline(facts: Facts, claimed: Claimed, believed: str) -> str:
    """The confirmed gain with its interval, and beside it what the search believed."""
    claim, metric = claimed.claim, facts.lab.metric.name
    first = "Confirmed gain" if claim.confirmed else "No gain is confirmed"
    words = (
        f"**{first}: {gain_words(claim)} {metric}**, better is positive: experiment {claimed.of} "
        f"beside the start, {claimed.basis}; the interval holds the true gain with probability "
        f"0.95, whenever one looks. The search believes {believed}."
    )
    incumbent = facts.incumbent.number if facts.incumbent else claimed.of
    if incumbent != claimed.of:
        words += f" What was kept since, up to experiment {incumbent}, is not confirmed yet."
    return words


def _confirmed(facts: Facts) -> str:
    """Every claim that was tested, in order, and what ablations found."""
    if not facts.claims and not facts.parts:
        return ""
    text = "## What was confirmed\n\n"
    text += "\n".join(f"- {quoted(sentence(one), 400)}" for one in facts.claims)
    share = f"{facts.lab.judge.error_rate:.0%}".replace("%", " %")
    text += (
        f"\n\nOf all claims of a campaign that are confirmed, at most {share} are expected to be "
        "false, however many are made."
    )
    if facts.parts:
        parts = "\n".join(f"- {quoted(part_sentence(one), 400)}" for one in facts.parts)
        text += f"\n\n### What the best is without parts of it\n\n{parts}"
    return text


def _found(facts: Facts) -> str:
    baseline, incumbent = facts.baseline, facts.incumbent
    if baseline is None or incumbent is None or facts.belief is None:
        return ""
    best = f"experiment {incumbent.number}, commit `{(incumbent.commit or '')[:7]}`"
    rows = [
        ("baseline", _baseline(baseline)),
        ("best so far", best if facts.kept else "the baseline"),
        ("its believed score", spread(facts.belief.mean, facts.belief.sd)),
        ("noise", _noise(facts)),
    ]
    return "## What was found\n\n" + facts_table(rows)


def _baseline(baseline: Result) -> str:
    mean = baseline.score or 0.0
    if len(baseline.runs) < 2:
        return f"{score_text(baseline.score, None)}, 1 run"
    sd = statistics.stdev(baseline.runs)
    return f"{spread(mean, sd)}: mean and standard deviation of {len(baseline.runs)} runs"


def _noise(facts: Facts) -> str:
    if facts.lab.metric.noise == "rate":
        return "a rate of visitors: each candidate is compared with a control beside it"
    if facts.lab.metric.noise == "none" and facts.noise_sd:
        return "none, says lab.toml, but runs of one commit differ"
    if facts.lab.metric.noise == "none":
        return "none, says lab.toml: one run decides"
    if facts.noise_sd is None:
        return "not known: nothing was run twice"
    degrees = counted(facts.noise_degrees, "degree") + " of freedom"
    return f"standard deviation of a single run {facts.noise_sd:.2g}, with {degrees}"


def _asked(facts: Facts) -> str:
    lab, campaign, metric = facts.lab, facts.campaign, facts.lab.metric
    settings = campaign.settings
    target = settings.get("target")
    seconds = settings.get("seconds", lab.budget.seconds)  # 0: not known, of an import
    place = [f"{key} {value}" for key, value in campaign.place.items() if value]
    rows = [
        ("metric", f"{metric.name}, {metric.direction}"),
        ("smallest effect worth keeping", f"{metric.min_effect:g}" if metric.min_effect else ""),
        ("budget of a trial", f"{seconds:g} s" if seconds else ""),
        ("clock", {"wall": "wall time", "cpu": "processor time"}[lab.budget.clock]),
        ("policy", quoted(lab.policy)),
        ("researcher", quoted(str(settings.get("researcher", lab.researcher.use)))),
        ("target", counted(target, "experiment") if isinstance(target, int) else ""),
        ("paused", quoted(str(settings.get("paused", "")), 500)),
        ("branch", "" if campaign.state == IMPORTED else f"`autoresearch/{campaign.tag}`"),
        ("start commit", f"`{campaign.start_commit[:12]}`"),
        ("data", f"SHA-256 `{campaign.data_digest}`" if campaign.data_digest else ""),
        ("machine", quoted(", ".join(place), 500)),
    ]
    return "## What was asked\n\n" + facts_table(rows)


def _took(facts: Facts) -> str:
    cost = facts.cost
    rate = cost.per_hour(facts.experiments)
    counts = ", ".join(f"{facts.count(outcome)} {outcome}" for outcome in Outcome)
    lost = facts.did_not_apply
    rows = [
        ("experiments", f"{facts.experiments}, after the baseline"),
        ("verdicts", counts),
        ("did not apply", f"{counted(lost, 'idea')}, never run, among the invalid" if lost else ""),
        ("without a verdict yet", str(facts.open) if facts.open else ""),
        ("trials", str(cost.trials)),
        ("ended early", _ended_early(cost)),
        ("wall time", duration(cost.seconds)),
        ("of that inside trials", "" if cost.share is None else f"{cost.share * 100:.1f} %"),
        ("asking for proposals", cost_words(cost.asked) if cost.asked.requests else ""),
        ("experiments per hour", "" if rate is None else f"{rate:.{0 if rate >= 100 else 1}f}"),
    ]
    return "## What it took\n\n" + facts_table(rows)


def _ended_early(cost: Cost) -> str:
    if not cost.ended_early:
        return ""
    return f"{counted(cost.ended_early, 'hopeless trial')}, {duration(cost.saved)} of budget saved"


def _keeps(facts: Facts) -> str:
    rows = [
        (
            str(row.number),
            quoted(row.title),
            score_text(row.score, facts.noise_sd),
            signed(row.effect, row.sd),
            probability(row.probability),
            str(row.runs),
            f"{row.net_lines:+d}" if row.net_lines else "0",
            f"`{row.commit[:7]}`",
        )
        for row in kept_rows(facts)
    ]
    if not rows:
        return ""
    head = ("nr", "title", facts.lab.metric.name, "effect", "probability", "runs", "lines")
    right = f"nr {facts.lab.metric.name} effect probability runs lines"
    note = (
        "Effect: against the incumbent of its time, better is positive, ± standard deviation. "
        "Probability: of being better by what it must earn."
    )
    return f"## Keeps\n\n{note}\n\n" + table((*head, "commit"), rows, right)


def _near_misses(facts: Facts) -> str:
    near = [
        result
        for result in facts.tried
        if result.outcome is Outcome.DISCARD and result.evidence.probability >= NEAR
    ]
    near.sort(key=lambda result: -result.evidence.probability)
    if not near:
        return ""
    rows = [
        (
            str(result.number),
            quoted(result.title),
            signed(result.evidence.effect, result.evidence.sd),
            probability(result.evidence.probability),
            quoted(result.verdict.reason, 240),
        )
        for result in near[:NEAR_MISSES]
    ]
    head = ("nr", "title", "effect", "probability", "reason")
    note = "Discarded, but not by much: worth another look."
    return f"## Near misses\n\n{note}\n\n" + table(head, rows, "nr effect probability")


def _failures(facts: Facts) -> str:
    failed = (result for result in facts.results if result.failed)
    rows = [(str(result.number), *_named(result)) for result in failed]
    if not rows:
        return ""
    return "## Crashes and invalid runs\n\n" + table(("nr", "title", "verdict", "why"), rows, "nr")


def _all(facts: Facts) -> str:
    if not facts.results:
        return ""
    metric = facts.lab.metric.name
    head = ("nr", "title", metric, "verdict", "reason")
    note = f"{metric}: the mean of the runs that the verdict rests on."
    return f"## All experiments\n\n{note}\n\n" + table(head, _lines(facts), f"nr {metric}")


def _lines(facts: Facts) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for result in facts.results:
        title, outcome, reason = _named(result)
        shown = score_text(result.score, facts.noise_sd)
        lines.append((str(result.number), title, shown, outcome, reason))
    return lines


def _named(result: Result) -> tuple[str, str, str]:
    outcome = f"**{result.outcome}**" if result.outcome is Outcome.KEEP else str(result.outcome)
    return quoted(result.title), outcome, quoted(result.verdict.reason, 240)
