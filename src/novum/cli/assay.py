"""Commands for a lab that a laboratory answers: plates go out, files of results come in."""

from pathlib import Path
from typing import Literal

import click

from novum.cli.arguments import JSON, LAB, print_json
from novum.errors import UsageError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def assay() -> None:
    """Plates for a wet lab: send molecules out, take results in."""


@assay.command()
@LAB
@click.option("--plate", "size", type=int, help="Wells: 24, 96 or 384; else as assay.toml says.")
@click.option("--from", "ideas", type=_FILE, multiple=True, help="Molecules: lines of SMILES.")
@click.option("--molecules", type=click.IntRange(min=1), help="At most so many molecules.")
@click.option("--again", multiple=True, metavar="NAME", help="Measure this molecule once more.")
@click.option("--seed", type=int, help="Of the layout and the choice; else the plate's number.")
@click.option("--show", metavar="NAME", help="Only print a plate that went out before.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
def export(
    lab: Path,
    size: int | None,
    ideas: tuple[Path, ...],
    molecules: int | None,
    again: tuple[str, ...],
    seed: int | None,
    show: str | None,
    output: Path | None,
) -> None:
    """Choose the molecules of the next plate, lay it out, and print it as CSV."""
    from novum.molecule.plates import export as plates
    from novum.molecule.plates.candidates import of_lead
    from novum.molecule.plates.picking import read_ideas

    if show is not None:
        made = plates.show(lab, show)
    else:
        listed = [idea for path in ideas for idea in read_ideas(path)]
        wish = plates.Wish(size, molecules, seed, again)
        made = plates.export(lab, listed, of_lead(lab), wish)
    if output is None:
        click.echo(made.text, nl=False)
    else:
        _write(output, made.text, made.plate, lab)
    for line in made.words:
        click.echo(line, err=True)


@assay.command("import")
@click.argument("lab_and_file", metavar="[LAB] FILE", nargs=-1, required=True)
@click.option("--id", "plate", metavar="NAME", help="The plate, if the file does not say it.")
@click.option("--unit", help="The unit, if the file does not say it, such as nM.")
@click.option("--column", metavar="NAME", help="The column of results, if it is not clear.")
@click.option("--decimal", type=click.Choice(["comma", "point"]), help="If it is not clear.")
@click.option("--who", help="Who brings it; else your name on this machine.")
@JSON
def import_(
    lab_and_file: tuple[str, ...],
    plate: str | None,
    unit: str | None,
    column: str | None,
    decimal: Literal["comma", "point"] | None,
    who: str | None,
    as_json: bool,
) -> None:
    """Take in a FILE of results; molecules that are complete by it are put in line."""
    from novum.molecule.plates import intake
    from novum.molecule.plates.reading import Hints

    *before, name = lab_and_file
    if len(before) > 1:
        raise UsageError("import one file at a time: novum assay import [LAB] FILE")
    wish = intake.Wish(plate, who or "", Hints(unit, column, decimal))
    came = intake.take_in(Path(*before), Path(name), wish)
    if as_json:
        print_json(intake.facts(came))
    else:
        for line in came.words:
            click.echo(line)


@assay.command()
@LAB
@JSON
def status(lab: Path, as_json: bool) -> None:
    """Say which plates are out, what came in, and how each molecule stands."""
    from novum.molecule.plates import status as standing

    known = standing.facts(lab)
    if as_json:
        print_json(known)
    else:
        click.echo(standing.told(known, lab))


@assay.command()
@click.argument("lab_and_plate", metavar="[LAB] PLATE", nargs=-1, required=True)
def drop(lab_and_plate: tuple[str, ...]) -> None:
    """Expect no more of a PLATE: its molecules may go on another one."""
    from novum.molecule.plates import export as plates

    *before, name = lab_and_plate
    if len(before) > 1:
        raise UsageError("name one plate: novum assay drop [LAB] PLATE")
    click.echo(plates.drop(Path(*before), name))


@assay.command()
@LAB
def queue(lab: Path) -> None:
    """Put every measured molecule in line again, for a campaign that begins anew."""
    from novum.molecule.plates import intake

    for line in intake.put_in_line(lab):
        click.echo(line)


def _write(path: Path, text: str, plate: str, lab: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}), but plate {plate} is remembered; print "
            f"it again: novum assay export {lab} --show {plate}"
        ) from None
