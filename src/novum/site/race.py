"""`novum race`: begin a race or go on with it, and hand the winner to the campaign."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from novum import asking
from novum.errors import UsageError
from novum.ledger import Ledger
from novum.records import Outcome
from novum.site.config import Site, read_site
from novum.site.entering import Gate
from novum.site.experiments import in_the_way
from novum.site.measuring import NoVisitorsError, everybody, require_metric, stand_on
from novum.site.overview import change
from novum.site.racing import WHO, Challenger, Racing
from novum.site.records import Race, State
from novum.site.store import Store, store_of
from novum.standing import Standing
from novum.terminal import counted, harmless, typed

USUAL = 0.05  # a rate to bet on, where nothing is known
KNOWN = 100  # visitors, after whom a rate says something
GONE = {State.ROLLED_BACK, State.STOPPED, State.PAUSED}  # they do not come back by themselves


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is to race, and how many visitors it may take; of a race that goes on, nothing."""

    copies: tuple[Path, ...] = ()
    ideas: int = 0
    budget: int | None = None


def race(
    directory: Path,
    wish: Wish,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Race, or go on with the race that is open; what came of it, in words.

    Raises:
        UsageError: if it cannot begin; then nothing is changed.
        SiteError: if it cannot go on now, and what to do.
    """
    site, on = read_site(directory), asking.ground(directory)
    require_metric(on.lab)
    with (
        closing(Ledger(directory)) as ledger,
        ledger.lock(),
        closing(store_of(directory)) as store,
    ):
        opened = store.race()
        if opened is not None and wish != Wish():
            raise UsageError(in_the_way(opened))
        if opened is None:
            opened = _begun(directory, on, ledger, store, site, wish, say)
        racing = Racing(store, site, on.lab, opened, say)
        say(f"race {opened.id}: {counted(len(racing.challengers), 'challenger')}")

        def pause(seconds: float) -> None:
            sleep(seconds)
            for request in ledger.requests.waiting("stop", "stop-now"):
                ledger.requests.answer(request.id, "stopping")
                raise KeyboardInterrupt

        try:
            winner = racing.run(pause)
        except KeyboardInterrupt:
            return (
                "stopped; its visitors still come, and count when it goes on: "
                f"novum race {typed(directory)}; to end it: novum race {typed(directory)} --end"
            )
        for one in racing.challengers:
            say(_row(store, site, one))
        return _finished(directory, on, ledger, racing, winner)


def end(directory: Path, who: str) -> str:
    """End the race that is open, in whose favour nothing was shown; in words.

    Raises:
        UsageError: if none is.
    """
    read_site(directory)  # says so if it is no lab with a site
    with closing(store_of(directory)) as store:
        opened = store.race()
        if opened is None:
            raise UsageError("no race is open on this site")
        store.end_race(opened, f"ended by {who}", who)
    return f"race {opened.id} is over; its challengers stay ideas"


def _begun(
    directory: Path,
    on: asking.Ground,
    ledger: Ledger,
    store: Store,
    site: Site,
    wish: Wish,
    say: Callable[[str], None],
) -> Race:
    if not wish.copies and not wish.ideas:
        raise UsageError(
            f"say who is to race: novum race {typed(directory)} --ideas 5, or name files, each a "
            "copy.toml"
        )
    standing = None if on.campaign is None else Standing.read(ledger, on.lab, on.campaign)
    gate = Gate(directory, on)
    control = store.put_variant(gate.incumbent)
    gate.shut |= {
        one.candidate: f"experiment {one.id} of the site is {one.state}: {one.reason}"
        for one in store.experiments()
        if one.control == control and not one.claim and one.state in GONE
    }
    gate.copies(wish.copies)
    gate.ideas(wish.ideas, standing.tried if standing else ())
    for line in gate.left_out:
        say(f"left out: {harmless(line)}")
    if len(gate.entries) < 2:
        raise UsageError(f"a race has two challengers or more, and here are {len(gate.entries)}")
    for one in store.running():
        say(f"experiment {one.id} is shown no longer; its visitors count when its trial goes on")
    try:
        stand_on(store, control, WHO)
    except NoVisitorsError as error:
        raise UsageError(str(error)) from None
    belief = standing.belief if standing else None
    return store.open_race(
        control,
        {store.put_variant(copy): entry.text() for copy, entry in gate.entries.items()},
        base=_usual(store, control) if belief is None else belief.mean,
        budget=wish.budget,
        approval=site.approval.required,
        who=WHO,
    )


def _usual(store: Store, control: str) -> float:
    """The rate of the page's copy until now, to bet on."""
    shown = store.traffic(0.0, store.clock.now()).shown
    own = [one for one in shown if one.variant == control]
    visitors = sum(one.visitors for one in own)
    return sum(one.conversions for one in own) / visitors if visitors >= KNOWN else USUAL


def _finished(
    directory: Path, on: asking.Ground, ledger: Ledger, racing: Racing, winner: Challenger | None
) -> str:
    """End the race; the winner is handed over first, so that it is not lost if this is killed."""
    visitors = f"after {racing.visitors:,} visitors"
    if winner is None or winner.ruling is None:
        racing.end("none is shown to be better")
        return f"none is shown to be better, {visitors}; the challengers stay ideas"
    proposal = winner.entry.proposal
    edits = [asdict(edit) for edit in proposal.edits]
    known = [request.body for request in ledger.requests.waiting("proposal")]
    if not any(isinstance(body, dict) and body.get("edits") == edits for body in known):
        asking.propose(ledger, proposal, again=True)
    racing.end(f"experiment {winner.experiment} is shown to be better")
    verb = "run" if on.campaign is None else "resume"
    return (
        f"experiment {winner.experiment} ({harmless(proposal.title)}) is {winner.ruling.reason}, "
        f"{visitors} of the race; it is the next proposal, judged with the visitors that it has: "
        f"novum {verb} {directory}"
    )


def _row(store: Store, site: Site, one: Challenger) -> str:
    """What was seen of a challenger, in a line."""
    experiment = store.experiment(one.experiment)
    counts = store.counts(everybody(experiment), site.window)
    arms = (
        f"{count.conversions / count.visitors:.2%} of {count.visitors:,}" if count.visitors else "–"
        for count in (counts.candidate, counts.control)
    )
    kept = one.ruling is not None and one.ruling.outcome is Outcome.KEEP
    end = "shown to be better" if kept else one.out or "not decided"
    return (
        f"{one.experiment:>3}  {'  beside '.join(arms)}  "
        f"{harmless(change(store, experiment))}: {harmless(end)}"
    )
