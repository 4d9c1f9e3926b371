"""Commands that show a campaign."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from novum.cli.arguments import (
    JSON,
    LAB,
    TAG,
    campaign_of,
    experiment_of,
    ledger_of,
    numbered,
    print_json,
    show_facts,
)

if TYPE_CHECKING:
    pass


@click.command()
@LAB
@TAG
@JSON
def status(lab: Path, tag: str | None, as_json: bool) -> None:
    """Show the campaign at a glance."""
    from novum import views

    with closing(ledger_of(lab)) as ledger:
        facts = views.status_facts(ledger, campaign_of(ledger, tag))
    show_facts(facts, as_json, views.status_view)


@click.command()
@LAB
@TAG
@click.option("--last", type=click.IntRange(min=1), help="Only the last so many.")
@JSON
def log(lab: Path, tag: str | None, last: int | None, as_json: bool) -> None:
    """List the experiments, oldest first."""
    from novum import views
    from novum.lab import parse_lab

    with closing(ledger_of(lab)) as ledger:
        campaign = campaign_of(ledger, tag)
        rows = views.log_facts(ledger, campaign, last)
    metric = parse_lab(campaign.lab).metric.name
    show_facts(rows, as_json, lambda facts: views.log_view(facts, metric))


@click.command()
@click.argument("lab_and_number", metavar="[LAB] NUMBER", nargs=-1, required=True)
@TAG
@click.option("--log", "lines", type=int, default=0, help="Show so many last lines of its log.")
@click.option("--asked", is_flag=True, help="Show what was sent to its researcher, and answered.")
@JSON
def show(
    lab_and_number: tuple[str, ...], tag: str | None, lines: int, asked: bool, as_json: bool
) -> None:
    """Show one experiment: its diff, trials, curves and verdict."""
    from novum import views

    lab, number = numbered(lab_and_number)
    with closing(ledger_of(lab)) as ledger:
        experiment = experiment_of(ledger, campaign_of(ledger, tag), number)
        facts = views.show_facts(ledger, experiment)
        text = ledger.log(facts["trials"][-1]["id"]) if facts["trials"] else b""
        if asked:
            facts["asked"] = views.asked_facts(ledger, experiment)
    wanted = lines or (12 if facts["verdict"] in {"crash", "invalid"} else 0)
    show_facts(facts, as_json, lambda facts: views.show_view(facts, text, log_lines=wanted))


@click.command()
@LAB
@TAG
@click.option("--researcher", help="Who would be asked; the campaign's own if not given.")
@JSON
def brief(lab: Path, tag: str | None, researcher: str | None, as_json: bool) -> None:
    """Print what a researcher would be sent now."""
    from novum import briefed

    frame, briefing = briefed.brief(lab, tag, researcher)
    if as_json:
        print_json(briefed.facts(frame, briefing))
    else:
        click.echo("\n\n".join(part for part in (frame, briefing.text) if part), nl=False)


@click.command()
@LAB
@TAG
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to; LAB/report/TAG if not given."
)
def report(lab: Path, tag: str | None, out: Path | None) -> None:
    """Write progress.png and report.md."""
    from novum import session

    with closing(ledger_of(lab)) as ledger:
        for path in session.report(lab, ledger, campaign_of(ledger, tag), out):
            click.echo(path)
