"""Arguments that several commands have, what they stand for, and how facts are printed."""

import json
import math
import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from novum.errors import UsageError
from novum.terminal import typed

if TYPE_CHECKING:
    from novum.ledger import Campaign, Experiment, Ledger


class Positive(click.FloatRange):
    """A finite number above zero; a plain range lets "nan" and "inf" pass."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or a complaint."""
        number = float(super().convert(value, param, ctx))
        if not number < 1e100:
            self.fail(f"{value} is not a number below 1e100.", param, ctx)
        return number


POSITIVE = Positive()
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
VISITORS = click.option(
    "--visitors",
    type=click.Choice(["simulated"]),
    help="Of a copy lab: people of the machine's own, on a fast clock.",
)


def numbered(words: tuple[str, ...]) -> tuple[Path, int]:
    """`novum show mylab 17`, or `novum show 17` inside the lab."""
    *lab, number = words
    if len(lab) > 1 or not number.isdigit():
        raise UsageError("say which experiment by its number: novum show [LAB] NUMBER")
    return Path(*lab), int(number)


def worded(name: str, words: tuple[str, ...]) -> tuple[Path, str]:
    """`novum idea mylab "words"`, or `novum idea "words"` inside the lab."""
    *lab, text = words
    if len(lab) > 1:
        raise UsageError(f'put what you say in quotes: novum {name} [LAB] "words"')
    if not lab and os.path.isfile(os.path.join(text, "lab.toml")):  # noqa: PTH113, PTH118  any text
        raise UsageError(f'say it in words, in quotes: novum {name} {typed(Path(text))} "words"')
    return Path(*lab), text


def dial_in(text: str) -> dict[str, float]:
    """`depth=6` as a value of the dial."""
    name, _, value = text.partition("=")
    try:
        number = int(value) if value.isdigit() else float(value)
        if not math.isfinite(number):
            raise ValueError
        return {name: number}
    except (ValueError, OverflowError):
        raise UsageError(f"--dial {text}: write it as NAME=NUMBER, such as depth=6") from None


def site_room(name: str) -> ModuleType:
    """A module of `novum.site`.

    Raises:
        UsageError: without the extra.
    """
    try:
        return import_module(f"novum.site.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "novum":
            raise
        raise UsageError(
            f"the site needs the package {error.name}; run: pip install 'novum[site]'"
        ) from None


def ledger_of(lab: Path) -> "Ledger":
    """The ledger of a lab in which a campaign has run.

    Raises:
        UsageError: if none has, or it is not a lab.
    """
    from novum.lab import read_lab
    from novum.ledger import Ledger

    if not lab.is_dir():
        raise UsageError(f"there is no directory {lab}")
    if not Ledger.exists(lab):
        read_lab(lab)  # says so if it is not a lab at all
        raise UsageError(f"no campaign has run in {lab} yet; start one: novum run {typed(lab)}")
    return Ledger(lab)


def campaign_of(ledger: "Ledger", tag: str | None) -> "Campaign":
    """The campaign with that tag, or else the newest.

    Raises:
        UsageError: if there is none.
    """
    campaign = ledger.campaign(tag)
    if campaign is None:
        if tag is None:
            raise UsageError("no campaign has run here yet; start one: novum run")
        known = ", ".join(campaign.tag for campaign in ledger.campaigns()) or "none yet"
        raise UsageError(f"there is no campaign {tag} here; campaigns: {known}")
    return campaign


def experiment_of(ledger: "Ledger", campaign: "Campaign", number: int) -> "Experiment":
    """One experiment by its number.

    Raises:
        UsageError: if there is none.
    """
    experiment = ledger.experiment(campaign.id, number)
    if experiment is None:
        count = len(ledger.experiments(campaign.id))
        raise UsageError(
            f"campaign {campaign.tag} has no experiment {number}; "
            + (f"it has 0 to {count - 1}" if count else "it has none yet")
        )
    return experiment


def show_facts(facts: Any, as_json: bool, view: Any) -> None:  # noqa: ANN401  facts are JSON
    """Print facts as JSON, or as text by their view."""
    if as_json:
        print_json(facts)
    else:
        from novum.views import plain_console

        plain_console().print(view(facts))


def print_json(facts: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Print facts as JSON."""
    click.echo(json.dumps(facts, indent=2))
