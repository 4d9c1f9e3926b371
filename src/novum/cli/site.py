"""Commands about a site and its visitors."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from novum.cli.arguments import LAB
from novum.errors import UsageError
from novum.terminal import counted


def _room(name: str) -> Any:  # noqa: ANN401  a module
    """A module of the site's room.

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
def serve(lab: Path, port: int, host: str) -> None:
    """Serve the site of a copy LAB: its page to visitors, its variants to experiments."""
    _room("serving").serve(lab, host, port, click.echo)


@click.command()
@LAB
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--secret", is_flag=True, help="Print what messages to /hook are signed with.")
def visits(lab: Path, file: Path | None, secret: bool) -> None:
    """Record in the LAB's site what another platform saw: the events of a CSV FILE.

    Columns: kind (exposure, conversion, signal), visitor, and arm, experiment, time, signal, value.
    """
    outside = _room("outside")
    if secret:
        click.echo(outside.hook_secret(outside.site_key(lab)))
    elif file is not None:
        click.echo(f"{counted(outside.take_file(lab, file), 'event')} recorded; twice counts once")
    else:
        raise UsageError("name a file of events: novum visits LAB FILE.csv")
