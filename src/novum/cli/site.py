"""Commands about a site and its visitors."""

from typing import Any

import click

from novum.cli.arguments import JSON, POSITIVE, show_facts


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
    """Say how many visitors, in days of a site's traffic, an experiment on a rate takes."""
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
