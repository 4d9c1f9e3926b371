"""Commands for a lab: make one, look whether it is sound."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from novum.cli.arguments import (
    JSON,
    LAB,
    POSITIVE,
    print_json,
    site_room,
)
from novum.errors import UsageError
from novum.terminal import typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from novum.audit import Finding
    from novum.audit.canaries import Canary


@click.command()
@click.argument("template")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--dial", metavar="NAME=NUMBER", help="Set the lab's dial, such as depth=4.")
@click.option("--corpus", help="A directory of text or parquet, or a corpus the lab knows.")
@click.option("--target", metavar="NAME", help="Dock into this target of DOCKSTRING's, as DRD2.")
@click.option("--lead", metavar="SMILES", help="The molecule to begin with.")
@click.option("--receptor", type=click.Path(path_type=Path), help="Or a PDB or PDBQT file.")
@click.option("--ligand", help="Where in it: a file, or a residue of the receptor's.")
def new(
    template: str,
    directory: Path,
    dial: str | None,
    corpus: str | None,
    **wishes: Any,  # noqa: ANN401  as click passes them
) -> None:
    """Copy the lab TEMPLATE into a new git repository."""
    from novum import labs, opening
    from novum.lab import read_lab

    files, notes = _chemistry(template, {k: value for k, value in wishes.items() if value})
    labs.create(template, directory, dial=dial, corpus=corpus, files=files)
    for note in (*notes, *opening.missing_packages(read_lab(directory))):
        click.echo(note)
    click.echo(f"made {directory}: read {directory}/README.md, then: novum run {typed(directory)}")


def _chemistry(template: str, wishes: dict[str, Any]) -> "tuple[Mapping[str, str], Iterable[str]]":
    """The files of a lab of molecules that are to be other ones, and words about them."""
    from novum import labs

    if not wishes or template not in labs.templates():
        return {}, ()
    oracle = labs.text_of(template, "oracle.toml")
    if not oracle:
        raise UsageError(f"--{next(iter(wishes))} is for labs of molecules, such as molecule")
    try:
        from novum.molecule.starting import Wish, start
    except ImportError as error:
        raise UsageError(f"{error.name} is missing: pip install 'novum[molecule]'") from None
    started = start(Wish(**wishes), oracle)
    return started.files, started.notes


@click.command()
@LAB
def space(lab: Path) -> None:
    """Show what the tuner would vary, ready for lab.toml."""
    from novum.lab import read_lab
    from novum.researchers import tuner

    click.echo(tuner.described(read_lab(lab), lab))


@click.command()
@LAB
@click.option("--deep", is_flag=True, help="Run it, too: noise, budgets, what is in reach.")
@click.option("--canaries", is_flag=True, help="Plant known cheats: which does it stop?")
@click.option("--runs", type=click.IntRange(min=2), help="Deep: runs of the baseline (5).")
@click.option("--ideas", type=click.IntRange(min=0), help="Deep: ideas of the backlog (8).")
@click.option("--budgets", help="Deep: shorter budgets in seconds, such as 60,150.")
@click.option("--seconds", type=POSITIVE, help="Deep, canaries: budget of a trial.")
@click.option("--fresh", is_flag=True, help="Deep: forget the runs that were made before.")
@JSON
def check(
    lab: Path,
    deep: bool,
    canaries: bool,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401  as click passes them
) -> None:
    """Say whether the lab is sound, and what to do where it is not."""
    from novum.audit import Level
    from novum.audit import check as look

    asked = {k: value for k, value in wishes.items() if value is not None and value is not False}
    if deep and canaries:
        raise UsageError("--deep and --canaries are two checks: one after the other")
    if deep:
        _check_deeply(lab, asked, as_json=as_json)
        return
    if canaries:
        _plant_canaries(lab, asked, as_json=as_json)
        return
    if asked:
        raise UsageError(f"--{next(iter(asked))} is for the deep check: add --deep")
    findings = [*look(lab), *_of_site(lab)]
    if as_json:
        print_json([_finding(found) for found in findings])
    else:
        _show_findings(findings)
    if any(found.level is Level.PROBLEM for found in findings):
        sys.exit(1)


def _of_site(lab: Path) -> "Iterable[Finding]":
    """What is to be said of a lab whose evaluator is a site."""
    if not (lab / "site.toml").is_file():
        return ()
    from novum.audit import Finding, Level

    try:
        found: Iterable[Finding] = site_room("soundness").findings(lab)
    except UsageError as error:
        return [Finding(Level.PROBLEM, "site", str(error))]
    return found


def _check_deeply(lab: Path, asked: dict[str, Any], *, as_json: bool) -> None:
    from novum import session
    from novum.audit.plan import Wish

    if "budgets" in asked:
        asked["budgets"] = _budgets(asked["budgets"])
    report = session.check_deeply(lab, Wish(**asked), quiet=as_json)
    if as_json:
        findings = [_finding(found) for found in report.findings]
        print_json({"findings": findings, "advice": report.advice, "numbers": report.numbers})
    else:
        click.echo()
        _show_findings(report.findings)
        click.echo("\nAdvice")
        for line in report.advice:
            click.echo(f"  - {line}")
    if report.failed:
        sys.exit(1)


def _plant_canaries(lab: Path, asked: dict[str, Any], *, as_json: bool) -> None:
    from novum import session
    from novum.audit.canaries import Fate

    seconds = asked.pop("seconds", None)
    if asked:
        raise UsageError(f"--{next(iter(asked))} is for the deep check: --deep, not --canaries")
    show = (lambda canary: None) if as_json else _show_canary
    found = session.plant_canaries(lab, seconds, show, quiet=as_json)
    if as_json:
        print_json([{**asdict(canary), "broken": canary.broken} for canary in found])
    else:
        counts = (f"{sum(one.fate is fate for one in found)} {fate}" for fate in Fate)
        click.echo(", ".join(counts))
    if any(canary.broken for canary in found):
        sys.exit(1)


def _show_canary(canary: "Canary") -> None:
    colours = {"stopped": "green", "not stopped": "red", "not applicable": "yellow"}
    fate = click.style(f"{canary.fate:14}", fg=colours[canary.fate])
    excuse = "" if canary.promised else " (not promised here)"
    click.echo(f"{fate} {canary.cheat}: {canary.text}{excuse}")


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
