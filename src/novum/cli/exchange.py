"""Commands for other people's logs, and for ours elsewhere."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from novum.cli.arguments import (
    DIRECTION,
    JSON,
    LAB,
    METRIC,
    POSITIVE,
    TAG,
    campaign_of,
    ledger_of,
    show_facts,
)

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--noise", type=POSITIVE, help="SD of one run.")
@METRIC
@DIRECTION
@click.option("--out", type=click.Path(path_type=Path), help="Write audit.png and audit.json here.")
@JSON
def audit(path: Path, noise: float | None, out: Path | None, as_json: bool, **how: Any) -> None:  # noqa: ANN401  as click passes them
    """Say how much of somebody's log would survive.

    PATH is the log, results.tsv or pi's JSON lines, or a directory that holds one. No lab is
    needed.
    """
    from novum.audit import page
    from novum.audit.log import audit_log
    from novum.audit.picture import write_audit

    found = audit_log(path, noise=noise, **how)
    written = write_audit(found, out) if out else []
    show_facts(page.audit_facts(found) if as_json else found, as_json, page.audit_view)
    for line in written:
        click.echo(line, err=as_json)


@click.command("import")
@click.argument("log", type=click.Path(path_type=Path))
@click.argument("lab", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--tag", help="Name of the campaign; made from the log's name if not given.")
@METRIC
@DIRECTION
def import_(log: Path, lab: Path, tag: str | None, **how: Any) -> None:  # noqa: ANN401  as click passes them
    """Turn somebody's LOG into a campaign of the LAB, to look at."""
    from novum import importing

    for line in importing.import_log(log, lab, tag, **how):
        click.echo(line)


@click.command()
@LAB
@TAG
@click.option(
    "--format", "kind", type=click.Choice(["tsv", "pi"]), default="tsv", show_default=True
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file to write.")
def export(lab: Path, tag: str | None, kind: str, out: Path | None) -> None:
    """Write a campaign as results.tsv, or as pi's JSON lines."""
    from novum.export import campaign_text, write_whole

    with closing(ledger_of(lab)) as ledger:
        text = campaign_text(ledger, campaign_of(ledger, tag), kind)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_whole(out, text.encode())
        click.echo(out)
