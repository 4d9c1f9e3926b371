"""Commands that make a campaign work, or stop."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from novum.cli.arguments import (
    EXPERIMENTS,
    JSON,
    LAB,
    POSITIVE,
    TAG,
    VISITORS,
    campaign_of,
    dial_in,
    ledger_of,
    print_json,
    site_room,
)
from novum.errors import UsageError
from novum.terminal import typed

if TYPE_CHECKING:
    from novum.opening import Wish


RESEARCHER = click.option("--researcher", help="Who proposes, if not as the lab or campaign says.")
AHEAD = click.option(
    "--ahead", type=click.IntRange(0, 16), help="Proposals made ahead while trials run."
)
MAX_COST = click.option(
    "--max-cost-usd", type=POSITIVE, help="Pause when language models have cost so much in all."
)
MAX_TOKENS = click.option(
    "--max-tokens", type=click.IntRange(min=1), help="Pause after so many tokens in all."
)
UNCONFINED = click.option(
    "--allow-unconfined",
    "unconfined",
    is_flag=True,
    default=None,
    help="Go on where trials cannot be confined.",
)


@click.command()
@LAB
@EXPERIMENTS
@click.option("--tag", help="Name of the campaign: its branch is autoresearch/TAG.")
@click.option("--seconds", type=POSITIVE, help="Budget of a trial.")
@RESEARCHER
@AHEAD
@MAX_COST
@MAX_TOKENS
@UNCONFINED
@VISITORS
def run(lab: Path, visitors: str | None, **wishes: Any) -> None:  # noqa: ANN401  as click passes them
    """Run a campaign, or go on with the one that was interrupted."""
    from novum.opening import Wish

    with visited(lab, visitors):
        _work(lab, Wish(**wishes))


@click.command()
@LAB
@EXPERIMENTS
@TAG
@RESEARCHER
@AHEAD
@MAX_COST
@MAX_TOKENS
@UNCONFINED
@VISITORS
def resume(lab: Path, visitors: str | None, **wishes: Any) -> None:  # noqa: ANN401  as click passes them
    """Go on with a campaign."""
    from novum.opening import Wish

    with visited(lab, visitors):
        _work(lab, Wish(**wishes), resume=True)


@click.command()
@LAB
@click.option(
    "--researchers", multiple=True, required=True, help="Who, such as backlog,tuner,null."
)
@click.option("-n", "--experiments", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1, max=100), default=3, show_default=True)
@click.option("--seconds", type=POSITIVE, help="Budget of a trial.")
@click.option("--name", help="Name of the comparison: tags begin with it.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to; LAB/report/NAME if not given."
)
@MAX_COST
@MAX_TOKENS
@JSON
def compare(
    lab: Path,
    researchers: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401  as click passes them
) -> None:
    """Run several researchers in the same lab, side by side."""
    from novum import comparison
    from novum.comparison import page, plan
    from novum.comparison.facts import as_json as plain

    wish = plan.Wish(researchers=plan.researchers_in(researchers), **wishes)
    compared = comparison.compare(lab, wish, out, aside=as_json)
    if as_json:
        print_json(plain(compared.facts) | {"sentences": page.sentences(compared.facts)})
    else:
        click.echo(page.as_text(compared.facts))
        for path in compared.files:
            click.echo(f"wrote {path}")
    if compared.stopped:
        click.echo("stopped; the same command goes on", err=as_json)


@click.command("try")
@LAB
@click.option("-m", "--message", required=True, help="The hypothesis; its first line is the title.")
@click.option("--again", is_flag=True, help="Run it even if it repeats an earlier experiment.")
def try_(lab: Path, message: str, again: bool) -> None:
    """Make an experiment of your own edits in the working tree."""
    from novum import session

    outcome = session.try_edits(lab, message, again=again)
    click.echo(outcome)


@click.command()
@LAB
@TAG
@click.option("--pairs", type=click.IntRange(min=4, max=200), help="Run at most so many pairs.")
@click.option("--dial", metavar="NAME=NUMBER", help="Confirm with another value of the dial.")
@click.option("--ablate", is_flag=True, help="Find keeps that are not worth their lines.")
@click.option("--prune", is_flag=True, help="Find them, and take them out as experiments.")
@JSON
def confirm(
    lab: Path,
    tag: str | None,
    pairs: int | None,
    dial: str | None,
    ablate: bool,
    prune: bool,
    as_json: bool,
) -> None:
    """Run the best again beside the start: is the gain real?

    It runs on fresh seeds, and on the holdout where the lab has one.
    """
    from novum import opening, session, views
    from novum.campaign import Asked

    ledger_of(lab).close()
    asked = Asked(pairs, dial_in(dial) if dial else None, ablate, prune)
    if not session.confirm(lab, tag, asked, aside=as_json):
        click.echo("handed to the running campaign, after its present experiment", err=as_json)
    if as_json:
        with closing(ledger_of(lab)) as ledger:
            campaign = campaign_of(ledger, tag) if tag else opening.newest(ledger)
            assert campaign is not None
            print_json(views.confirm_facts(ledger, campaign))


@click.command()
@LAB
@click.option("--now", is_flag=True, help="End the running trial, too; it will be run again.")
def stop(lab: Path, now: bool) -> None:
    """Stop the running campaign after its running trial."""
    with closing(ledger_of(lab)) as ledger:
        if not ledger.is_running():
            raise UsageError("no campaign is running in this lab")
        ledger.requests.ask("stop-now" if now else "stop", {})
    click.echo("stopping now" if now else "stopping after the running trial")


@click.command()
@LAB
@click.option("--dry-run", is_flag=True, help="Only say what there is, and what would go.")
def gc(lab: Path, dry_run: bool) -> None:
    """Say what a lab takes of the disk, and tidy it up.

    Leftovers are removed, and the rest is packed. No idea, change, result, verdict or log is
    ever removed.
    """
    from novum import upkeep

    with closing(ledger_of(lab)) as ledger:
        found = upkeep.leftovers(ledger) if dry_run else []
    for path in found:
        click.echo(f"would remove {path}")
    for use in upkeep.uses(lab) if dry_run else upkeep.keep_up(lab, click.echo):
        size = f"{use.bytes / 1e6:10.2f} MB"
        after = "" if use.after is None else f" -> {use.after / 1e6:.2f} MB"
        click.echo(f"{use.what:10}{size}{after:14}  {use.note}")


@contextmanager
def visited(lab: Path, visitors: str | None) -> Iterator[None]:
    """Have simulated people visit the lab's site meanwhile, where that was asked for."""
    if visitors is None:
        yield
        return
    with site_room("embedded").visited(lab) as address:
        click.echo(f"simulated people visit {address}; look: novum site {typed(lab)}")
        yield


def _work(lab: Path, wish: "Wish", *, resume: bool = False) -> None:
    from novum import session

    session.work(lab, wish, resume=resume)
