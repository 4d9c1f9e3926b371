"""The commands: each reads its arguments, calls one room, and shows what came back.

Rooms are imported inside the commands, so that `novum --help` starts at once.
"""

import json
import math
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from novum.errors import NovumError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from novum.audit import Finding
    from novum.ledger import Campaign, Experiment, Ledger
    from novum.opening import Wish


class _Positive(click.FloatRange):
    """A finite number above zero; a plain range lets "nan" and "inf" pass."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not number < 1e100:
            self.fail(f"{value} is not a number below 1e100.", param, ctx)
        return number


POSITIVE = _Positive()
LAB = click.argument(
    "lab", type=click.Path(exists=True, file_okay=False, path_type=Path), default="."
)
TAG = click.option("--tag", help="The campaign; the newest if not given.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
METRIC = click.option("--metric", help="The metric's column, if it is not the first number.")
DIRECTION = click.option(
    "--direction", type=click.Choice(["minimize", "maximize"]), help="Which way is better."
)
EXPERIMENTS = click.option(
    "-n", "--experiments", type=click.IntRange(min=1), help="Stop when so many are judged in all."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="novum")
def cli() -> None:
    """The experiment-running machine: researchers propose, the machine measures and decides.

    \b
    novum new gpt mylab && novum run mylab --experiments 20 --seconds 60
    """


def main() -> None:
    """Run the command line; the exit status is 0, 1 (it failed) or 2 (it was asked wrongly)."""
    try:
        cli.main(prog_name="novum", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except NovumError as error:
        click.echo(f"novum: {error}", err=True)
        sys.exit(error.exit_status)
    except (click.Abort, KeyboardInterrupt):
        click.echo("novum: interrupted", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        sys.exit(1)
    except OSError as error:
        click.echo(f"novum: {error.filename or 'system'}: {error.strerror}", err=True)
        sys.exit(1)


@cli.command()
@click.argument("template")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--dial", metavar="NAME=NUMBER", help="Set the lab's dial, such as depth=4.")
@click.option("--corpus", help="A directory of text or parquet, or a corpus the lab knows.")
def new(template: str, directory: Path, dial: str | None, corpus: str | None) -> None:
    """Copy the lab TEMPLATE into a new git repository."""
    from novum import labs

    labs.create(template, directory, dial=dial, corpus=corpus)
    click.echo(f"made {directory}: read {directory}/README.md, then: novum run {directory}")


@cli.command()
@LAB
@click.option("--deep", is_flag=True, help="Run it, too: noise, budgets, what is in reach.")
@click.option("--runs", type=click.IntRange(min=2), help="Deep: runs of the baseline (5).")
@click.option("--ideas", type=click.IntRange(min=0), help="Deep: ideas of the backlog (8).")
@click.option("--budgets", help="Deep: shorter budgets in seconds, such as 60,150.")
@click.option("--seconds", type=POSITIVE, help="Deep: budget of a trial.")
@click.option("--fresh", is_flag=True, help="Deep: forget the runs that were made before.")
@JSON
def check(lab: Path, deep: bool, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Say whether the lab is sound, and what to do where it is not."""
    from novum.audit import Level
    from novum.audit import check as look

    asked = {k: value for k, value in wishes.items() if value is not None and value is not False}
    if deep:
        _check_deeply(lab, asked, as_json=as_json)
        return
    if asked:
        raise UsageError(f"--{next(iter(asked))} is for the deep check: add --deep")
    findings = look(lab)
    if as_json:
        _print_json([_finding(found) for found in findings])
    else:
        _show_findings(findings)
    if any(found.level is Level.PROBLEM for found in findings):
        sys.exit(1)


@cli.command()
@LAB
@EXPERIMENTS
@click.option("--tag", help="Name of the campaign: its branch is autoresearch/TAG.")
@click.option("--seconds", type=POSITIVE, help="Budget of a trial.")
@click.option("--researcher", help="Who proposes; the lab's own choice if not given.")
def run(lab: Path, **wishes: Any) -> None:  # noqa: ANN401  as click passes them
    """Run a campaign, or go on with the one that was interrupted."""
    from novum.opening import Wish

    _work(lab, Wish(**wishes))


@cli.command()
@LAB
@EXPERIMENTS
@TAG
def resume(lab: Path, **wishes: Any) -> None:  # noqa: ANN401  as click passes them
    """Go on with a campaign."""
    from novum.opening import Wish

    _work(lab, Wish(**wishes), resume=True)


@cli.command("try")
@LAB
@click.option("-m", "--message", required=True, help="The hypothesis; its first line is the title.")
def try_(lab: Path, message: str) -> None:
    """Make an experiment of your own edits in the working tree."""
    from novum import session

    outcome = session.try_edits(lab, message)
    click.echo(outcome)


@cli.command()
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
    """Run the best again beside the start, on fresh seeds and the holdout: is the gain real?"""
    from novum import opening, session, views
    from novum.campaign import Asked

    _ledger(lab).close()
    asked = Asked(pairs, _dial(dial) if dial else None, ablate, prune)
    if not session.confirm(lab, tag, asked, aside=as_json):
        click.echo("handed to the running campaign, after its present experiment", err=as_json)
    if as_json:
        with closing(_ledger(lab)) as ledger:
            campaign = _campaign(ledger, tag) if tag else opening.newest(ledger)
            assert campaign is not None
            _print_json(views.confirm_facts(ledger, campaign))


@cli.command()
@LAB
@click.option("--now", is_flag=True, help="End the running trial, too; it will be run again.")
def stop(lab: Path, now: bool) -> None:
    """Stop the running campaign after its running trial."""
    with closing(_ledger(lab)) as ledger:
        if not ledger.is_running():
            raise UsageError("no campaign is running in this lab")
        ledger.requests.ask("stop-now" if now else "stop", {})
    click.echo("stopping now" if now else "stopping after the running trial")


@cli.command()
@LAB
@TAG
@JSON
def status(lab: Path, tag: str | None, as_json: bool) -> None:
    """Show the campaign at a glance."""
    from novum import views

    with closing(_ledger(lab)) as ledger:
        facts = views.status_facts(ledger, _campaign(ledger, tag))
    _show(facts, as_json, views.status_view)


@cli.command()
@LAB
@TAG
@click.option("--last", type=click.IntRange(min=1), help="Only the last so many.")
@JSON
def log(lab: Path, tag: str | None, last: int | None, as_json: bool) -> None:
    """List the experiments, oldest first."""
    from novum import views
    from novum.lab import parse_lab

    with closing(_ledger(lab)) as ledger:
        campaign = _campaign(ledger, tag)
        rows = views.log_facts(ledger, campaign, last)
    metric = parse_lab(campaign.lab).metric.name
    _show(rows, as_json, lambda facts: views.log_view(facts, metric))


@cli.command()
@click.argument("lab_and_number", metavar="[LAB] NUMBER", nargs=-1, required=True)
@TAG
@click.option("--log", "lines", type=int, default=0, help="Show so many last lines of its log.")
@JSON
def show(lab_and_number: tuple[str, ...], tag: str | None, lines: int, as_json: bool) -> None:
    """Show one experiment: hypothesis, diff, trials, curves, and the verdict with its evidence."""
    from novum import views

    lab, number = _lab_and_number(lab_and_number)
    with closing(_ledger(lab)) as ledger:
        experiment = _experiment(ledger, _campaign(ledger, tag), number)
        facts = views.show_facts(ledger, experiment)
        text = ledger.log(facts["trials"][-1]["id"]) if facts["trials"] else b""
    wanted = lines or (12 if facts["verdict"] in {"crash", "invalid"} else 0)
    _show(facts, as_json, lambda facts: views.show_view(facts, text, log_lines=wanted))


@cli.command()
@LAB
@TAG
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to; LAB/report/TAG if not given."
)
def report(lab: Path, tag: str | None, out: Path | None) -> None:
    """Write progress.png and report.md."""
    from novum import session

    with closing(_ledger(lab)) as ledger:
        for path in session.report(lab, ledger, _campaign(ledger, tag), out):
            click.echo(path)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--noise", type=POSITIVE, help="SD of one run.")
@METRIC
@DIRECTION
@click.option("--out", type=click.Path(path_type=Path), help="Write audit.png and audit.json here.")
@JSON
def audit(path: Path, noise: float | None, out: Path | None, as_json: bool, **how: Any) -> None:  # noqa: ANN401  as click passes them
    """Say how much of somebody's log would survive: results.tsv, or pi's JSON lines.

    PATH is the log, or a directory that holds one. No lab is needed.
    """
    from novum.audit import page
    from novum.audit.log import audit_log
    from novum.audit.picture import write_audit

    found = audit_log(path, noise=noise, **how)
    written = write_audit(found, out) if out else []
    _show(page.audit_facts(found) if as_json else found, as_json, page.audit_view)
    for line in written:
        click.echo(line, err=as_json)


@cli.command("import")
@click.argument("log", type=click.Path(path_type=Path))
@click.argument("lab", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--tag", help="Name of the campaign; made from the log's name if not given.")
@METRIC
@DIRECTION
def import_(log: Path, lab: Path, tag: str | None, **how: Any) -> None:  # noqa: ANN401  as click passes them
    """Turn somebody's LOG into a campaign of the LAB's ledger, to look at."""
    from novum import importing

    for line in importing.import_log(log, lab, tag, **how):
        click.echo(line)


@cli.command()
@LAB
@TAG
@click.option(
    "--format", "kind", type=click.Choice(["tsv", "pi"]), default="tsv", show_default=True
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file to write.")
def export(lab: Path, tag: str | None, kind: str, out: Path | None) -> None:
    """Write a campaign as results.tsv, or as pi-autoresearch's JSON lines."""
    from novum.export import campaign_text, write_whole

    with closing(_ledger(lab)) as ledger:
        text = campaign_text(ledger, _campaign(ledger, tag), kind)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_whole(out, text.encode())
        click.echo(out)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands in your SHELL.

    \b
    For bash:  eval "$(novum completion bash)"   in ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "novum", "_NOVUM_COMPLETE").source())


def _work(lab: Path, wish: "Wish", *, resume: bool = False) -> None:
    from novum import session

    session.work(lab, wish, resume=resume)


def _check_deeply(lab: Path, asked: dict[str, Any], *, as_json: bool) -> None:
    from novum import session
    from novum.audit.plan import Wish

    if "budgets" in asked:
        asked["budgets"] = _budgets(asked["budgets"])
    report = session.check_deeply(lab, Wish(**asked), quiet=as_json)
    if as_json:
        findings = [_finding(found) for found in report.findings]
        _print_json({"findings": findings, "advice": report.advice, "numbers": report.numbers})
    else:
        click.echo()
        _show_findings(report.findings)
        click.echo("\nAdvice")
        for line in report.advice:
            click.echo(f"  - {line}")
    if report.failed:
        sys.exit(1)


def _budgets(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--budgets {text}: write seconds, such as 60,150") from None


def _finding(found: "Finding") -> dict[str, str]:
    return {"level": found.level, "subject": found.subject, "text": found.text}


def _show_findings(findings: "Iterable[Finding]") -> None:
    colours = {"good": "green", "caution": "yellow", "problem": "red"}
    for found in findings:
        level = click.style(f"{found.level:8}", fg=colours[found.level])
        click.echo(f"{level} {found.subject}: {found.text}")


def _lab_and_number(words: tuple[str, ...]) -> tuple[Path, int]:
    """`novum show mylab 17`, or `novum show 17` inside the lab."""
    *lab, number = words
    if len(lab) > 1 or not number.isdigit():
        raise UsageError("say which experiment by its number: novum show [LAB] NUMBER")
    return Path(*lab), int(number)


def _dial(text: str) -> dict[str, float]:
    """`depth=6` as a value of the dial."""
    name, _, value = text.partition("=")
    try:
        number = int(value) if value.isdigit() else float(value)
        if not math.isfinite(number):
            raise ValueError
        return {name: number}
    except (ValueError, OverflowError):
        raise UsageError(f"--dial {text}: write it as NAME=NUMBER, such as depth=6") from None


def _ledger(lab: Path) -> "Ledger":
    from novum.lab import read_lab
    from novum.ledger import Ledger

    if not lab.is_dir():
        raise UsageError(f"there is no directory {lab}")
    if not Ledger.exists(lab):
        read_lab(lab)  # says so if it is not a lab at all
        raise UsageError(f"no campaign has run in {lab} yet; start one: novum run {lab}")
    return Ledger(lab)


def _campaign(ledger: "Ledger", tag: str | None) -> "Campaign":
    campaign = ledger.campaign(tag)
    if campaign is None:
        if tag is None:
            raise UsageError("no campaign has run here yet; start one: novum run")
        known = ", ".join(campaign.tag for campaign in ledger.campaigns()) or "none yet"
        raise UsageError(f"there is no campaign {tag} here; campaigns: {known}")
    return campaign


def _experiment(ledger: "Ledger", campaign: "Campaign", number: int) -> "Experiment":
    experiment = ledger.experiment(campaign.id, number)
    if experiment is None:
        count = len(ledger.experiments(campaign.id))
        raise UsageError(
            f"campaign {campaign.tag} has no experiment {number}; "
            + (f"it has 0 to {count - 1}" if count else "it has none yet")
        )
    return experiment


def _show(facts: Any, as_json: bool, view: Any) -> None:  # noqa: ANN401  facts are JSON
    if as_json:
        _print_json(facts)
    else:
        from novum.views import plain_console

        plain_console().print(view(facts))


def _print_json(facts: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    click.echo(json.dumps(facts, indent=2))
