"""The sections that tell of earlier experiments, the most informative of each first."""

from collections.abc import Callable, Sequence, Set
from functools import partial
from itertools import combinations
from math import hypot

from novum.briefing.fence import one_line
from novum.briefing.past import Past
from novum.briefing.size import Item, Section
from novum.briefing.templates import text_of
from novum.judge.words import number
from novum.ledger import Experiment
from novum.lessons import TRIED, Kind, Tried

NEWEST, NEAR, PAIRS, FAILURES, KINDS = 30, 16, 4, 12, 20
NEWEST_KEEPS = 12  # that come first, before those that gained most
MANY = 5  # tries of a kind without a keep that make a direction a failed one


def sections(past: Past) -> list[Section]:
    """All sections, the one that may first take what others leave first."""
    near = _near(past)
    return [
        _newest(past, {one.number for one in near}),
        _kept(past),
        _near_misses(past, near),
        _directions(past, paid=True),
        _directions(past, paid=False),
        _failures(past),
        _pairs(past, near),
        _rest(past),
    ]


def _rows(past: Past) -> Callable[[Sequence[str]], str]:
    """Rows of a table, which hold words from outside, in one fence."""
    return lambda rows: past.fence.around("\n".join(rows))


def _newest(past: Past, near: Set[int]) -> Section:
    recent = [one for one in reversed(past.standing.recent) if one.number > 0][:NEWEST]
    items = [
        Item(partial(_near_miss if one.number in near else Past.detailed, past, one), one.number)
        for one in recent
    ]
    return Section(text_of("newest"), items, 0.35, 5, missing="")


def _near_miss(past: Past, experiment: Experiment) -> str:
    return past.detailed(experiment, f"a near miss: {past.applies(experiment)}")


def _kept(past: Past) -> Section:
    keeps = [keep for keep in reversed(past.standing.keeps) if keep.number > 0]
    by_gain = sorted(keeps[NEWEST_KEEPS:], key=lambda keep: -_effect(keep))
    items = [Item(partial(_keep_row, keep)) for keep in (*keeps[:NEWEST_KEEPS], *by_gain)]
    missing = "{count} more keeps are left out here, those that gained least."
    return Section(text_of("kept"), items, 0.15, 1, _rows(past), missing)


def _keep_row(keep: Experiment) -> str:
    verdict, belief = keep.verdict, keep.belief
    assert verdict is not None
    evidence = verdict.evidence
    after = f"{number(belief.mean, belief.sd)}" if belief else "-"
    net = keep.diff.net_lines
    return (
        f"{keep.number} | {_signed(evidence.effect, evidence.sd)} | {after} | {net:+d} | "
        f"{one_line(keep.proposal.kind, 40)} | {one_line(keep.proposal.title, 120)}"
    )


def _near(past: Past) -> list[Experiment]:
    """The nearest misses first, without those whose change is in the present files by now."""
    near = reversed(past.standing.lessons.near)
    return [one for one in near if not past.is_in(one)][:NEAR]


def _near_misses(past: Past, near: Sequence[Experiment]) -> Section:
    items = [Item(partial(_near_miss, past, one), one.number) for one in near]
    return Section(text_of("near"), items, 0.2, 4)


def _pairs(past: Past, near: Sequence[Experiment]) -> Section:
    fitting = [one for one in near if past.together(one) is not None]
    pairs = [
        Item(partial(_pair_row, *pair))
        for pair in combinations(fitting, 2)
        if past.together(*pair) is not None
    ]
    return Section(text_of("pairs"), pairs[:PAIRS], 0.04, 4, "\n".join, missing="")


def _pair_row(one: Experiment, other: Experiment) -> str:
    assert one.verdict is not None and other.verdict is not None
    first, second = one.verdict.evidence, other.verdict.evidence
    total = _signed(first.effect + second.effect, hypot(first.sd, second.sd))
    return f"- Experiments {one.number} and {other.number}: {total}"


def _directions(past: Past, *, paid: bool) -> Section:
    kinds = past.standing.lessons.kinds.items()
    chosen = [(name, kind) for name, kind in kinds if bool(kind.kept) == paid]
    chosen.sort(key=lambda pair: (-pair[1].gained, -pair[1].tried))
    row = _paid_row if paid else _unpaid_row
    items = [Item(partial(row, name, kind)) for name, kind in chosen]
    name = "paid" if paid else "unpaid"
    missing = "{count} more kinds are left out here."
    return Section(
        text_of(name),
        items[:KINDS],
        0.05,
        2 if paid else 3,
        _rows(past),
        missing,
        max(0, len(items) - KINDS),
    )


def _paid_row(name: str, kind: Kind) -> str:
    failed = f", {kind.failed} failed" if kind.failed else ""
    return f"{one_line(name, 60)}: {kind.tried} tried, {kind.kept} kept{failed}, {kind.gained:+.3g}"


def _unpaid_row(name: str, kind: Kind) -> str:
    failed = f", {kind.failed} failed" if kind.failed else ""
    best = "" if kind.best is None else f", best {_signed(kind.best, kind.best_sd)}"
    words = "; a direction that has failed" if kind.tried >= MANY else ""
    return f"{one_line(name, 60)}: {kind.tried} tried{failed}{best}{words}"


def _failures(past: Past) -> Section:
    """One of each cause, the newest."""
    causes: dict[str, list[Experiment]] = {}
    for one in reversed(past.standing.lessons.failed):
        assert one.verdict is not None
        causes.setdefault(one_line(one.verdict.reason, 60), []).append(one)
    items = []
    for newest, *older in list(causes.values())[:FAILURES]:
        numbers = ", ".join(str(one.number) for one in older[:8])
        note = f"it failed like experiments {numbers}" if older else ""
        items.append(Item(partial(past.detailed, newest, note), newest.number))
    return Section(text_of("failures"), items, 0.1, 6)


def _rest(past: Past) -> Section:
    tried = past.standing.lessons.tried
    items = [Item(partial(_tried_row, one), one.number) for one in reversed(tried)]
    before = sum(past.standing.outcomes.values()) - len(tried) if len(tried) == TRIED else 0
    missing = "{count} more, older ones mostly, are left out here."
    return Section(text_of("rest"), items, 0.11, 7, _rows(past), missing, max(0, before))


def _tried_row(one: Tried) -> str:
    effect = "-" if one.effect is None else _signed(one.effect, one.sd)
    return f"{one.number} | {one.outcome} | {effect} | {one_line(one.kind, 40)} | " + one_line(
        one.title, 100
    )


def _effect(experiment: Experiment) -> float:
    return experiment.verdict.evidence.effect if experiment.verdict else 0.0


def _signed(value: float, sd: float) -> str:
    text = number(value, sd)
    spread = f" ± {number(sd, sd)}" if sd > 0 else ""
    return f"{text if text.startswith('-') else '+' + text}{spread}"
