"""Commands about a site and its visitors."""

from pathlib import Path

import click

from novum.cli.arguments import LAB
from novum.errors import UsageError


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
    try:
        from novum.site import serving
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "novum":
            raise
        raise UsageError(
            f"the server needs the package {error.name}; run: pip install 'novum[site]'"
        ) from None
    serving.serve(lab, host, port, click.echo)
