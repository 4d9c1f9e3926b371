"""A site at a glance: what is shown to whom, what waits, who was left out, who decided what."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from novum.site.config import Site, read_site
from novum.site.experiments import JOINS
from novum.site.measuring import everybody
from novum.site.records import Copy, Experiment, State
from novum.site.store import Store, store_of
from novum.site.visits import DAY
from novum.terminal import counted, harmless

LATEST = 12  # lines of the audit log
ALIVE = 10.0  # real seconds since a server gave a sign of life, within which it is there


def facts(lab: Path) -> dict[str, Any]:
    """Plain data about a lab's site.

    Raises:
        NovumError: if the lab's files are not sound, or nothing was served or tried yet.
    """
    site = read_site(lab)
    with closing(store_of(lab)) as store:
        experiments = [_experiment(store, site, one) for one in store.experiments()]
        race = store.race()
        return {
            "served": is_served(store),
            "now": store.clock.now(),
            "incumbent": _copy(store, store.incumbent()),
            "first": _copy(store, store.first()),
            "shown": _shares(site, store.running()),
            "race": None
            if race is None
            else {"number": race.id, "visitors": store.raced(race), "budget": race.budget},
            "experiments": experiments,
            "left_out": store.left_out(),
            "retention_days": site.privacy.retention_days,
            "audit": [
                {
                    "time": entry.time,
                    "who": entry.who,
                    "what": entry.what,
                    "experiment": entry.experiment,
                    "variant": entry.variant,
                    "detail": dict(entry.detail),
                }
                for entry in store.audit()
            ],
        }


def is_served(store: Store) -> bool:
    """Whether a server gave a sign of life just now."""
    served = store.served()
    return served is not None and abs(time.time() - served) < ALIVE


def told(known: dict[str, Any]) -> str:
    """The facts on one screen."""
    page, first = known["incumbent"], known["first"]
    same = " (as it began)" if page["digest"] == first["digest"] else ""
    lines = [
        "served now" if known["served"] else "not served now; start: novum serve LAB",
        f"the page{same}: {harmless(page['headline'])}",
    ]
    lines += [f"  {share:6.1%}  {who}" for who, share in known["shown"].items()]
    if race := known["race"]:
        most = "" if race["budget"] is None else f" of at most {race['budget']:,}"
        lines.append(f"race {race['number']} is open: {race['visitors']:,} visitors{most}")
    if known["experiments"]:
        lines += ["", "nr  state        candidate          control            what is tried"]
        lines += [_row(one) for one in known["experiments"]]
        kept_since = known["now"] - known["retention_days"] * DAY
        if any(one["opened"] < kept_since for one in known["experiments"]):
            lines.append(
                f"(visits of the last {known['retention_days']:g} days; older ones are gone)"
            )
    if known["left_out"]:
        left = ", ".join(f"{why} {visits:,}" for why, visits in known["left_out"].items())
        lines += ["", f"visits left out: {left}"]
    lines += ["", *_audit(known["audit"])]
    waiting = [one["number"] for one in known["experiments"] if one["state"] == State.WAITING]
    if waiting:
        lines += ["", f"{counted(len(waiting), 'variant')} to approve: novum approve LAB NUMBER"]
    return "\n".join(lines)


def _shares(site: Site, running: Sequence[Experiment]) -> dict[str, float]:
    """Of all visitors who come now: what part is shown what."""
    held, shares = site.traffic.holdout, {}
    for one in running:
        if one.claim:
            shares[f"candidate of experiment {one.id}, beside the holdout group"] = held
            continue
        part = (1 - held) * site.traffic.share * one.joins
        weight = 1.0 if one.control is None else one.weight
        shares[f"candidate of experiment {one.id}"] = part * weight
        if one.control is not None:
            shares[f"control of experiment {one.id}"] = part * (1 - weight)
    rest = 1 - held - sum(shares.values())
    return {**shares, "holdout group: the copy that the site began with": held, "the page": rest}


def _experiment(store: Store, site: Site, one: Experiment) -> dict[str, Any]:
    counts = store.counts(everybody(one), site.window)
    arms = {"candidate": counts.candidate, "control": counts.control}
    return {
        "number": one.id,
        "state": one.state,
        "reason": one.reason,
        "claim": one.claim,
        "change": change(store, one),
        "opened": one.opened,
        "changed": one.changed,
        **{arm: [count.visitors, count.conversions] for arm, count in arms.items()},
    }


def change(store: Store, experiment: Experiment) -> str:
    """What sets the candidate apart: the first part in which it differs from its control."""
    candidate = store.variant(experiment.candidate)
    control = candidate if experiment.control is None else store.variant(experiment.control)
    for name in (field.name for field in fields(Copy)):
        if (ours := getattr(candidate, name)) != getattr(control, name):
            words = "\n".join(line for line in ours if line not in control.body) or "shorter"
            return f"{name}: {words if name == 'body' else ours}"
    return f"the page as it is: {candidate.headline}"


def _copy(store: Store, digest: str) -> dict[str, str]:
    return {"digest": digest, "headline": store.variant(digest).headline}


def _row(one: dict[str, Any]) -> str:
    arms = "  ".join(_rate(*one[arm]) for arm in ("candidate", "control"))
    why = f"; {harmless(one['reason'])}" if one["state"] in _EXPLAINED else ""
    return f"{one['number']:>2}  {one['state']:11}  {arms}  {harmless(one['change'])}{why}"


_EXPLAINED = {State.ROLLED_BACK, State.STOPPED}


def _rate(visitors: int, conversions: int) -> str:
    if not visitors:
        return f"{'–':17}"
    return f"{conversions / visitors:6.2%} {f'of {visitors:,}':10}"


def _audit(entries: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    told = [entry for entry in entries if entry["what"] != JOINS]  # a race has many of these
    for entry in told[-LATEST:]:
        when = datetime.fromtimestamp(entry["time"], UTC).strftime("%Y-%m-%d %H:%M")
        which = f" experiment {entry['experiment']}" if entry["experiment"] is not None else ""
        why = entry["detail"].get("reason") or ""
        words = f"{entry['what']}{which}{f': {why}' if why else ''}"
        lines.append(f"{when}  {harmless(entry['who']):10}  {harmless(words)}")
    return lines
