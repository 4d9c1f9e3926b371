"""Commands for agents that drive from outside."""

from pathlib import Path

import click

from novum.cli.arguments import LAB
from novum.errors import UsageError

AGENTS = ("claude", "codex", "cursor", "gemini", "opencode")


@click.command()
@LAB
@click.option(
    "--http",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve on this port of this machine alone; 0 takes a free one.",
)
@click.option("--config", type=click.Choice(AGENTS), help="Print what this agent's settings need.")
def mcp(lab: Path, http: int | None, config: str | None) -> None:
    """Serve the LAB to an agent over MCP: it proposes, we measure."""
    if config is not None:
        from novum.lab import read_lab
        from novum.mcp.clients import setting

        read_lab(lab)
        needed = setting(config, lab)
        click.echo(f"in {needed.file}, of the directory where the agent works:", err=True)
        click.echo(needed.text)
        return
    try:
        from novum.mcp import serving
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "novum":
            raise
        raise UsageError(
            f"the server needs the package {error.name}; run: pip install 'novum[mcp]'"
        ) from None
    if http is None:
        serving.serve_stdio(lab)
    else:
        serving.serve_http(lab, http, click.echo)


@click.command()
@LAB
@click.option("--force", is_flag=True, help="Replace what is there and differs.")
def skill(lab: Path, force: bool) -> None:
    """Write what coding agents read: a skill, and in AGENTS.md."""
    from novum.lab import read_lab
    from novum.skill import install

    read_lab(lab)
    for line in install(lab, force=force):
        click.echo(line)
    click.echo("commit what changed, so that campaigns can start")
