"""What a person decides about a site: this variant may be shown, that one may not any more."""

from contextlib import closing
from pathlib import Path

from novum.errors import UsageError
from novum.site.config import read_site
from novum.site.overview import change
from novum.site.records import Experiment, State
from novum.site.store import Store, store_of

OPEN = {State.WAITING, State.RUNNING, State.PAUSED}
SHOWABLE = {State.WAITING, State.PAUSED, State.ROLLED_BACK}


def approve(lab: Path, number: int | None, who: str) -> str:
    """Let an experiment of the site be shown, the one that waits if no number is given; in words.

    Raises:
        UsageError: if there is no such experiment, or it needs no word.
    """
    read_site(lab)  # says so if it is no lab with a site
    with closing(store_of(lab)) as store:
        experiment = _waiting(store) if number is None else _asked(store, number)
        if experiment.state not in SHOWABLE:
            raise UsageError(
                f"experiment {experiment.id} of the site is {experiment.state}: it needs no word"
            )
        store.set_state(experiment.id, State.RUNNING, f"approved by {who}", who)
        what = change(store, experiment)
    return f"experiment {experiment.id} is shown from the next page view on; {what}"


def roll_back(lab: Path, number: int | None, reason: str, who: str) -> str:
    """Take away an experiment, or all that is tried now; if nothing is, the page that was kept
    last. A race of which all is taken away is over. In words.

    Raises:
        UsageError: if that experiment is not tried, or the site shows what it began with.
    """
    read_site(lab)  # says so if it is no lab with a site
    with closing(store_of(lab)) as store:
        page, race = store.incumbent(), store.race()
        tried = [one for one in store.experiments() if one.state in OPEN and one.candidate != page]
        if number is not None:
            asked = _asked(store, number)
            if asked not in tried:
                raise UsageError(f"experiment {number} of the site is {asked.state}: not tried now")
            tried = [asked]
        for one in tried:
            store.set_state(one.id, State.ROLLED_BACK, reason, who)
        if race is not None and number is None:
            store.end_race(race, f"rolled back: {reason}", who)
            if not tried:
                return f"race {race.id} is over; nothing of it was shown"
        if tried:
            numbers = ", ".join(str(one.id) for one in tried)
            return f"experiment {numbers} is shown to nobody from the next page view on"
        before = _before(store)
        for one in store.experiments():
            if one.candidate == page and one.state is not State.ROLLED_BACK:
                store.set_state(one.id, State.ROLLED_BACK, reason, who)
        store.promote(before, who)
        headline = store.variant(before).headline
    return f"from the next page view on, everybody is shown again: {headline}"


def _waiting(store: Store) -> Experiment:
    waiting = [one for one in store.experiments() if one.state is State.WAITING]
    if len(waiting) != 1:
        numbers = ", ".join(str(one.id) for one in waiting)
        raise UsageError(
            f"experiments {numbers} wait: name one" if waiting else "nothing waits for approval"
        )
    return waiting[0]


def _asked(store: Store, number: int) -> Experiment:
    found = [one for one in store.experiments() if one.id == number]
    if not found:
        numbers = ", ".join(str(one.id) for one in store.experiments()) or "none yet"
        raise UsageError(f"the site has no experiment {number}; there are: {numbers}")
    return found[0]


def _before(store: Store) -> str:
    """The copy that was the page before this one, and was not rolled back itself."""
    gone = {one.candidate for one in store.experiments() if one.state is State.ROLLED_BACK}
    gone.add(store.incumbent())
    promoted = [entry.variant for entry in store.audit() if entry.what == "promoted"]
    before = [variant for variant in promoted if variant is not None and variant not in gone]
    if not before:
        raise UsageError("the site shows what it began with: there is nothing to roll back")
    return before[-1]
