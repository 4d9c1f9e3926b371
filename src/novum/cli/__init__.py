"""The commands: each reads its arguments, calls one room, and shows what came back.

Rooms are imported inside the commands, so that `novum --help` starts at once.
"""

import sys

import click

from novum.cli import agents, asking, assay, campaigns, exchange, labs, looking, molecules, site
from novum.errors import NovumError
from novum.terminal import system_error


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
        click.echo(f"novum: {system_error(error)}", err=True)
        sys.exit(1)


@click.command()
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


for command in (
    labs.new,
    labs.check,
    labs.space,
    campaigns.run,
    campaigns.resume,
    campaigns.compare,
    campaigns.try_,
    asking.idea,
    asking.say,
    agents.mcp,
    agents.skill,
    campaigns.confirm,
    campaigns.stop,
    campaigns.gc,
    looking.status,
    looking.log,
    looking.show,
    looking.brief,
    looking.report,
    molecules.score,
    assay.assay,
    site.serve,
    site.visits,
    site.site,
    site.race,
    site.approve,
    site.rollback,
    site.power,
    exchange.audit,
    exchange.import_,
    exchange.export,
    completion,
):
    cli.add_command(command)
