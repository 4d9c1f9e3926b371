"""Commands by which a person asks something of a campaign, or says something to it."""

from pathlib import Path

import click

from novum.cli.arguments import worded
from novum.errors import UsageError


@click.command()
@click.argument("lab_and_words", metavar="[LAB] WORDS", nargs=-1, required=True)
@click.option(
    "--patch",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A unified diff that makes the change; - reads it from standard input.",
)
def idea(lab_and_words: tuple[str, ...], patch: Path | None) -> None:
    """Put in an idea: in words, or with a PATCH as an experiment."""
    from novum import asking

    lab, text = worded("idea", lab_and_words)
    click.echo(asking.idea(lab, text, None if patch is None else _diff(patch)))


@click.command()
@click.argument("lab_and_words", metavar="[LAB] WORDS", nargs=-1, required=True)
def say(lab_and_words: tuple[str, ...]) -> None:
    """Say something to whoever proposes, in every briefing."""
    from novum import asking

    lab, text = worded("say", lab_and_words)
    click.echo(asking.say(lab, text))


def _diff(patch: Path) -> str:
    with click.open_file(str(patch), "rb") as file:
        content = file.read()
    try:
        return bytes(content).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{patch} is not UTF-8 text, so it is no diff that can be used") from None
