"""Commands about a site and its visitors."""

import getpass
from pathlib import Path
from typing import Any

import click

from novum.cli.arguments import JSON, LAB, POSITIVE, VISITORS, show_facts, site_room
from novum.cli.campaigns import visited
from novum.errors import UsageError
from novum.terminal import counted, typed


@click.command()
@LAB
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address of this machine to use."
)
@VISITORS
def serve(lab: Path, port: int, host: str, visitors: str | None) -> None:
    """Serve the site of a copy LAB to its visitors."""
    embedded = site_room("embedded")
    if visitors is None:
        embedded.require_real(lab)
        site_room("serving").serve(lab, host, port, click.echo)
    else:
        embedded.serve(lab, host, port, click.echo)


@click.command()
@LAB
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--secret", is_flag=True, help="Print what messages to /hook are signed with.")
def visits(lab: Path, file: Path | None, secret: bool) -> None:
    """Record what another platform saw of the LAB's visitors.

    FILE is a CSV of events, with the columns kind (exposure, conversion, signal), visitor, and
    arm, experiment, time, signal, value.
    """
    outside = site_room("outside")
    if secret:
        click.echo(outside.hook_secret(outside.site_key(lab)))
    elif file is not None:
        click.echo(f"{counted(outside.take_file(lab, file), 'event')} recorded; twice counts once")
    else:
        raise UsageError("name a file of events: novum visits LAB FILE.csv")


@click.command()
@LAB
@JSON
def site(lab: Path, as_json: bool) -> None:
    """Show what a site shows to whom, and what waits for you."""
    overview = site_room("overview")
    show_facts(overview.facts(lab), as_json, overview.told)


@click.command()
@LAB
@click.argument("files", type=click.Path(path_type=Path), nargs=-1)
@click.option("--ideas", type=click.IntRange(min=1), help="So many ideas of the backlog race.")
@click.option("--at-most", type=click.IntRange(min=1), help="End after so many visitors.")
@click.option("--end", is_flag=True, help="End the race that is open.")
@VISITORS
def race(
    lab: Path,
    files: tuple[Path, ...],
    ideas: int | None,
    at_most: int | None,
    end: bool,
    visitors: str | None,
) -> None:
    """Show several challengers at once.

    More visitors see those that seem better. They are FILES, each the whole of a copy.toml, and
    ideas of the LAB's backlog. The first that is shown to be better is the next proposal of the
    campaign. Without either, an open race goes on.
    """
    if end:
        click.echo(site_room("race").end(lab, getpass.getuser()))
        return
    room = site_room("race")
    with visited(lab, visitors):
        click.echo(room.race(lab, room.Wish(files, ideas or 0, at_most), click.echo))


EXPERIMENT = click.argument("lab_and_experiment", metavar="[LAB] [EXPERIMENT]", nargs=-1)


@click.command()
@EXPERIMENT
def approve(lab_and_experiment: tuple[str, ...]) -> None:
    """Let a variant that waits be shown.

    If several wait, name it by its number in `novum site`.
    """
    lab, number = _lab_and_number("approve", lab_and_experiment)
    click.echo(site_room("approving").approve(lab, number, getpass.getuser()))
    click.echo(f"if the campaign has ended meanwhile, it goes on with: novum resume {typed(lab)}")


@click.command()
@EXPERIMENT
@click.option("-m", "--message", default="by hand", show_default=True, help="Why.")
def rollback(lab_and_experiment: tuple[str, ...], message: str) -> None:
    """Take away what is tried on the site now.

    If nothing is tried, take away the page that was kept last. With a number, that of `novum
    site`, take away that experiment alone.
    """
    lab, number = _lab_and_number("rollback", lab_and_experiment)
    click.echo(site_room("approving").roll_back(lab, number, message, getpass.getuser()))


def _lab_and_number(command: str, words: tuple[str, ...]) -> tuple[Path, int | None]:
    """`novum approve mylab 3`, `novum approve mylab`, or either inside the lab."""
    *lab, last = words or (".",)
    number = int(last) if last.isdigit() and not Path(last).is_dir() else None
    if number is None:
        lab.append(last)
    if len(lab) > 1:
        raise UsageError(f"say which experiment by its number: novum {command} [LAB] [EXPERIMENT]")
    return Path(*lab), number


@click.command()
@click.option("--rate", type=POSITIVE, required=True, help="Of visitors who convert now: 0.03.")
@click.option("--lift", type=POSITIVE, required=True, help="To be found: 0.2 is a fifth more.")
@click.option("--visitors-a-day", type=POSITIVE, required=True, help="Of the whole site.")
@click.option("--share", type=POSITIVE, default=1.0, help="The part of them in the experiment.")
@click.option("--min-effect", type=POSITIVE, help="As in lab.toml; the lift if not given.")
@click.option("--error-rate", type=POSITIVE, default=0.05, show_default=True, help="Of a keep.")
@JSON
def power(
    rate: float,
    lift: float,
    visitors_a_day: float,
    share: float,
    min_effect: float | None,
    error_rate: float,
    as_json: bool,
) -> None:
    """Say how many visitors and days a test of a rate takes."""
    from novum.site import power as calculator

    facts = calculator.facts(
        calculator.Plan(rate, lift, min_effect, error_rate), visitors_a_day, share
    )
    show_facts(facts, as_json, _power_view)


def _power_view(facts: dict[str, Any]) -> str:
    lines = [
        f"rate {facts['rate']:.4g}, a lift of {100 * facts['lift']:.4g}% to be found, "
        f"min_effect {facts['min_effect']:.3g}, {facts['visitors_a_day']:,.0f} visitors a day",
        "",
        f"{'true lift':>9}  {'visitors, mean':>22}  {'nine in ten by':>22}  {'kept':>5}",
    ]
    for need in facts["needs"]:
        mean, most = (
            f"{need[f'visitors_{which}']:,.0f} ({_days(need[f'days_{which}'])})"
            for which in ("mean", "90")
        )
        lines.append(f"{need['lift']:+9.1%}  {mean:>22}  {most:>22}  {need['kept']:5.0%}")
    lines += [
        "",
        f"one look, fixed beforehand: {facts['fixed_visitors']:,} ({_days(facts['fixed_days'])})",
    ]
    return "\n".join(lines)


def _days(days: float) -> str:
    return f"{days:.1f} days" if days < 10 else f"{days:,.0f} days"
