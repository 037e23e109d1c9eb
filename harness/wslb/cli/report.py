"""``wslb report``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wslb.cli.options import baseline_option, report_option
from wslb.config import read_settings

__all__ = ["command"]


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path))
@report_option("Folder to draw into; the file's own.")
@baseline_option
@click.option("--percentiles", metavar="P,P,…", help="Of latencies: which to show; those of the run otherwise.")
def command(file: Path, report: Path | None, baseline: Path | None, percentiles: str | None) -> None:
    """Redraw report.html and junit.xml from a saved report.json.

    \b
    Examples:
      wslb report reports/lb/report.json
      wslb report reports/lb/report.json --percentiles 50,75,95
    """
    variables = {"WSLB_PERCENTILES": os.environ.get("WSLB_PERCENTILES", "")}
    settings = read_settings({"percentiles": percentiles}, variables)

    import msgspec

    from wslb.reports import json_file
    from wslb.reports.files import redraw, try_folder

    if report is not None:
        try_folder(report)
    document = json_file.load(file)
    if settings.percentiles:
        document = msgspec.structs.replace(document, percentiles=settings.percentiles)
    earlier = json_file.load(baseline) if baseline else None
    for path in redraw(document, report or file.parent, baseline=earlier):
        click.echo(path.resolve().as_uri())
