"""Runs the campaigns of a comparison, one after another, and says what came of them."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from novum import opening, session
from novum.campaign import Asked
from novum.comparison.facts import Facts, Run, read_run
from novum.comparison.page import write_page
from novum.comparison.plan import Entry, Wish, entries, mark, name_of, require_same
from novum.confirmed import claims, headline
from novum.errors import ResearcherError, UsageError
from novum.lab import LAB_FILE, parse_lab, read_lab
from novum.ledger import Campaign, Ledger
from novum.repo import Repo
from novum.standing import Standing
from novum.views import plain_console


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison has come to, and the files that say so; `stopped` before its end."""

    facts: Facts
    files: tuple[Path, ...]
    stopped: bool


def compare(directory: Path, wish: Wish, out: Path | None, *, aside: bool = False) -> Compared:
    """Run what is missing of a comparison, and write its page and its picture.

    What happens is told on standard output or, `aside`, on standard error.

    Raises:
        NovumError: if it cannot begin or go on, with what to do.
    """
    repo, lab = Repo(directory), read_lab(directory)
    for one in wish.researchers:  # before anything is written
        asked = opening.Wish(researcher=one, seconds=wish.seconds)
        opening.require_startable(directory, lab, repo, asked)
    console = plain_console(aside=aside)
    with closing(Ledger(directory)) as ledger, ledger.lock():
        name = name_of(ledger, wish)
        planned = entries(name, wish)
        text = (directory / LAB_FILE).read_text(encoding="utf-8")
        for entry in planned:
            if campaign := ledger.campaign(entry.tag):
                require_same(campaign, entry, wish, name, text, repo.head())
        bench = _Comparison(directory, repo, ledger, console, name, wish)
        paused: ResearcherError | None = None
        stopped = False
        try:
            stopped = bench.run(planned)
        except ResearcherError as error:
            stopped, paused = True, error
        facts = Facts(lab, name, wish, tuple(bench.read(planned)))
        files = write_page(facts, _folder(directory, name, out))
    if paused is not None:
        raise ResearcherError(
            f"{paused}\nthen go on with the comparison: the same command again, in which a bound "
            "may be raised, too"
        )
    return Compared(facts, tuple(files), stopped)


def _folder(directory: Path, name: str, out: Path | None) -> Path:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        return out
    return session.report_folder(directory, name)


@dataclass(frozen=True, slots=True)
class _Comparison:
    directory: Path
    repo: Repo
    ledger: Ledger
    console: Console
    name: str
    wish: Wish

    def run(self, planned: Sequence[Entry]) -> bool:
        """Run each campaign to its end, and confirm it; whether the person stopped it before."""
        for number, entry in enumerate(planned, 1):
            campaign = self.ledger.campaign(entry.tag)
            if campaign is None or campaign.state == "open":
                words = f"{number} of {len(planned)}: {entry.researcher}, repeat {entry.repeat}"
                self._say(f"comparison {self.name}, campaign {words} ({entry.tag})")
                campaign = self._begin(entry) if campaign is None else self._go_on(campaign)
                stopped, paused = session.run_to_end(
                    self.directory, self.repo, self.ledger, campaign, self.console
                )
                if paused is not None:
                    raise paused
                if stopped:
                    return True
            if self._confirm(campaign):
                return True
        return False

    def _begin(self, entry: Entry) -> Campaign:
        wish = self.wish
        return opening.begin(
            self.directory,
            self.repo,
            self.ledger,
            opening.Wish(
                tag=entry.tag,
                experiments=wish.experiments,
                seconds=wish.seconds,
                researcher=entry.researcher,
                max_cost_usd=wish.max_cost_usd,
                max_tokens=wish.max_tokens,
                seed=entry.seed,
                comparison=mark(self.name, entry, wish),
            ),
        )

    def _go_on(self, campaign: Campaign) -> Campaign:
        """The campaign with the bounds that are asked for now: a raised one is a way to go on."""
        wish = opening.Wish(max_cost_usd=self.wish.max_cost_usd, max_tokens=self.wish.max_tokens)
        return opening.go_on(self.directory, self.ledger, campaign, wish)

    def _confirm(self, campaign: Campaign) -> bool:
        """Confirm what a campaign found, if it has not by itself; whether that was stopped."""
        standing = Standing.read(self.ledger, parse_lab(campaign.lab), campaign)
        if not standing.has_baseline:
            raise UsageError(
                f"the baseline of campaign {campaign.tag} failed; mend the lab, commit, and begin "
                "another comparison with --name"
            )
        newest = headline(claims(self.ledger, campaign)[0])
        number = standing.incumbent.number
        if number == 0 or (newest is not None and newest.of == number):
            return False
        self._say(f"confirming what {campaign.tag} found")
        return session.confirm_now(self.directory, self.ledger, campaign, Asked(), self.console)

    def read(self, planned: Sequence[Entry]) -> list[Run]:
        """What the campaigns have come to, as far as they have begun."""
        runs = [
            read_run(self.ledger, campaign, entry)
            for entry in planned
            if (campaign := self.ledger.campaign(entry.tag)) is not None
        ]
        return [run for run in runs if run is not None]

    def _say(self, words: str) -> None:
        self.console.print(words, soft_wrap=True, markup=False)
