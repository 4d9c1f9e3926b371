"""The guards of `site.toml`, asked with what visitors did: does the candidate do harm?

bounce_rate         the share of visitors who left without doing anything
unsubscribe_rate    the share who signed off
interaction_ms      milliseconds until the first interaction, of those who had one
revenue             the mean revenue of a visitor, who mostly brings none

The values of the last two are cut to 0 and `bound`.
"""

from novum.judge import Arms
from novum.site.config import MEANS, SHARES, Site
from novum.site.guards import Mean, Watch, share
from novum.site.records import Batch
from novum.site.store import Store

GUARD = "guard "  # how the reason of an experiment begins that a guard stopped


def broken(site: Site, store: Store, batch: Batch) -> str | None:
    """Which guard says that the candidate is worse by more than it may be, in words, or None."""
    for name in site.guards:
        if (watch := _watch(site, store, batch, name)).stop:
            return watch.words
    return None


def guarded(site: Site, store: Store, batch: Batch) -> dict[str, float]:
    """What each guard looks at, as it is in the batch: of the candidate, and of the control."""
    told = {}
    for name in site.guards:
        values = _values(site, store, batch, name)
        for prefix, candidate in (("", True), ("control_", False)):
            own = [value for mine, value in values if mine is candidate]
            if own:
                told[prefix + name] = sum(own) / len(own)
    return told


def _watch(site: Site, store: Store, batch: Batch, name: str) -> Watch:
    guard, values = site.guards[name], _values(site, store, batch, name)
    if name in SHARES:
        ours, theirs = (
            [value for mine, value in values if mine is candidate] for candidate in (True, False)
        )
        arms = Arms(len(ours), int(sum(ours)), len(theirs), int(sum(theirs)))
        return share(name, arms, guard.max_worse)
    assert guard.bound is not None  # `site.toml` was read
    mean = Mean(name, guard.max_worse, guard.bound, more_is_worse=MEANS[name])
    for mine, value in values:
        mean.see(mine, value)
    return mean.watch()


def _values(site: Site, store: Store, batch: Batch, name: str) -> list[tuple[bool, float]]:
    """Of each visitor in order: is it the candidate's, and what counts of it.

    A mean's values are cut, so that nobody can make it as large as he likes.
    """
    found = store.values(batch, SHARES.get(name, name))
    bound = site.guards[name].bound
    if bound is None:
        return [(mine, float(value is not None and value > 0)) for mine, value in found]
    if name == "revenue":
        found = [(mine, value or 0.0) for mine, value in found]
    return [(mine, min(max(value, 0.0), bound)) for mine, value in found if value is not None]
