"""What a campaign has confirmed: the claims of the ledger as plain facts, and as sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from novum.judge.confirm import Claim
from novum.judge.words import number
from novum.lab import parse_lab
from novum.lab.tables import Noise
from novum.ledger import Campaign, Confirmation, Finding, Ledger
from novum.ledger.confirmations import ABLATION
from novum.terminal import counted

NO_HOLDOUT = "fresh seeds (there is no holdout)"
EXACT = 1e-9  # of the mean: an interval that is narrower is rounding


@dataclass(frozen=True, slots=True)
class Claimed:
    """One comparison: experiment `of`, or the gain of the keeps `without` which it was run."""

    confirmation: int
    reason: str
    of: int
    against: int  # the number of the other experiment; 0 is the campaign's start
    without: tuple[int, ...]
    claim: Claim
    believed: float | None
    split: str
    noise: Noise
    dial: Mapping[str, float] | None
    detail: str

    @property
    def dial_words(self) -> str:
        """The dial's other value, such as "depth = 6"; empty for the lab's own."""
        return ", ".join(f"{name} = {value:g}" for name, value in (self.dial or {}).items())

    @property
    def basis(self) -> str:
        """On what the claim rests, such as "4 pairs on the holdout"."""
        count = blocks(self.claim.pairs, self.noise)
        if self.noise == "rate":  # whether a group was held out for it is the evaluator's to say
            return f"{count} of new visitors"
        return f"{count} on {'the holdout' if self.split == 'holdout' else NO_HOLDOUT}"


def claims(ledger: Ledger, campaign: Campaign) -> tuple[list[Claimed], list[Claimed]]:
    """All claims of a campaign, and apart from them what its ablations found; oldest first."""
    numbers = {one.id: one.number for one in ledger.experiments(campaign.id)}
    noise = parse_lab(campaign.lab).metric.noise
    found: tuple[list[Claimed], list[Claimed]] = ([], [])
    for confirmation in ledger.confirmations.finished(campaign.id):
        parts = confirmation.reason == ABLATION
        findings = ledger.confirmations.findings(confirmation.id)
        found[parts].extend(claimed(confirmation, findings, numbers, noise))
    return found


def headline(known: Sequence[Claimed]) -> Claimed | None:
    """The newest comparison with the start, of the lab as it is."""
    whole = [one for one in known if one.against == 0 and not one.dial]
    return whole[-1] if whole else None


def claimed(
    confirmation: Confirmation,
    findings: Sequence[Finding],
    numbers: Mapping[int, int],
    noise: Noise,
) -> list[Claimed]:
    """The findings of one confirmation; `numbers` are those of experiments, by their ids."""
    plan = confirmation.plan
    return [
        Claimed(
            confirmation=confirmation.id,
            reason=confirmation.reason,
            of=numbers[confirmation.experiment],
            against=numbers[plan.arms[found.arm].experiment],
            without=plan.arms[found.arm].without,
            claim=found.claim,
            believed=found.believed,
            split=plan.split,
            noise=noise,
            dial=plan.dial,
            detail=found.detail,
        )
        for found in findings
    ]


def blocks(count: int, noise: Noise) -> str:
    """So many comparisons: 4 pairs of runs, or of a rate 4 batches of visitors."""
    if noise == "rate":
        return f"{count} batch{'' if count == 1 else 'es'}"
    return counted(count, "pair")


def gain_words(claim: Claim) -> str:
    """The gain with its interval, such as "+0.0123 [0.0101, 0.0145]"."""
    half = (claim.high - claim.low) / 2
    if not math.isfinite(half):
        return f"{claim.gain:+.4g} (too few pairs for an interval)"
    sign = "+" if claim.gain >= 0 else ""
    if half <= EXACT * abs(claim.gain):
        return f"{sign}{claim.gain:.6g}"
    low, high = number(claim.low, half), number(claim.high, half)
    return f"{sign}{number(claim.gain, half)} [{low}, {high}]"


def sentence(claimed: Claimed) -> str:
    """A claim in words: what against what, whether it is confirmed, by how much, on what."""
    claim = claimed.claim
    against = "the start" if claimed.against == 0 else f"experiment {claimed.against}"
    under = f", with {claimed.dial_words}" if claimed.dial else ""
    compared = f"experiment {claimed.of} against {against}{under}"
    verdict = "confirmed" if claim.confirmed else "not confirmed"
    if claim.pairs == 0:
        return f"{compared}: {verdict}; nothing could be measured: {claimed.detail}"
    lost = f"; {claimed.detail}" if claimed.detail else ""
    return f"{compared}: {verdict}, {gain_words(claim)}, {claimed.basis}{lost}"


def part_sentence(claimed: Claimed) -> str:
    """What an ablation found of a part, in words."""
    which = ", ".join(map(str, claimed.without))
    noun = "keep" if len(claimed.without) == 1 else "keeps"
    claim = claimed.claim
    if claim.pairs == 0:
        return f"{noun} {which}: the code does not run without: {claimed.detail}"
    return f"{noun} {which}: gains {gain_words(claim)}, {blocks(claim.pairs, claimed.noise)}"


def facts(claimed: Claimed) -> dict[str, Any]:
    """A claim for `--json`; an interval without an end is null."""
    claim = claimed.claim
    ends = [end if math.isfinite(end) else None for end in (claim.low, claim.high)]
    return {
        "reason": claimed.reason,
        "experiment": claimed.of,
        "against": claimed.against,
        "without": list(claimed.without),
        "confirmed": claim.confirmed if claimed.reason != ABLATION else None,
        "gain": claim.gain,
        "low": ends[0],
        "high": ends[1],
        "pairs": claim.pairs,
        "evidence": claim.evidence if math.isfinite(claim.evidence) else None,
        "needed": 1 / claim.level if claim.level > 0 else None,
        "believed": claimed.believed,
        "split": claimed.split,
        "dial": dict(claimed.dial) if claimed.dial else None,
        "detail": claimed.detail,
    }
