"""`corral self-check`: the daily look at one member."""

import json
import os
import sys
from pathlib import Path
from typing import Final

import click

from node.cli.errors import refusals_shown
from node.cli.local import last_config
from node.config.problems import ConfigError
from node.config.read import load_config
from node.self_check.checks import check_member
from node.self_check.finding import Finding, Level
from node.storage.files import RealFiles
from observability.logging import configure_logging, get_logger

_NICENESS: Final = 10  # whoever serves clients goes first
_WORDS = {Level.OK: "ok", Level.WARNING: "warning", Level.FAILURE: "FAILURE"}


@click.command(name="self-check", epilog="""\b
Exit codes: 0 all is well; 1 warnings; 2 a failure, or wrong usage.""")
@click.argument("config", type=click.Path(path_type=Path), default=last_config)
@click.option("--backup-age", type=click.FloatRange(0), default=26.0, show_default=True, metavar="HOURS",
              help="Warn where the newest backup is older.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def self_check(config: Path, backup_age: float, as_json: bool) -> None:
    """Look whether the member of CONFIG, its zoo.cfg, is as it should be; while it runs, changing nothing.
    Without CONFIG it is one of the last local `corral up`.

    Configuration, keys, modes and owners, room on disk, the newest snapshot and every record behind it, the newest
    backup, the clock, whether the member serves and is in step, and whether all run the same version. Each finding
    says what was seen and what to do. Where stderr is no terminal, findings also go there as log events
    self_check_failed and self_check_warned.

    \b
    Examples:
      corral self-check /etc/corral/main/zoo.cfg
      corral self-check /etc/corral/main/zoo.cfg --json --backup-age 50
    """
    os.nice(_NICENESS)
    try:
        loaded = load_config(config)
    except ConfigError as error:
        findings = [Finding("configuration", Level.FAILURE, str(problem), "as said") for problem in error.problems]
        member = 0
    else:
        findings = check_member(RealFiles(), loaded, backup_age_max_h=backup_age)
        member = loaded.config.id
    worst = max(finding.level for finding in findings)
    if as_json:
        click.echo(json.dumps({"member": member, "result": worst.name.lower(), "findings": [
            {"check": f.check, "level": f.level.name.lower(), "evidence": f.evidence, "cure": f.cure}
            for f in findings]}))
    else:
        for finding in findings:
            click.echo(f"{_WORDS[finding.level]:8}{finding.check:15}{finding.evidence}"
                       + (f"\n{'':23}→ {finding.cure}" if finding.cure else ""))
    if not sys.stderr.isatty():
        _log(member, findings)
    sys.exit(int(worst))


def _log(member: int, findings: list[Finding]) -> None:
    """For the journal, and what alerts on it."""
    configure_logging()
    log = get_logger(process="self-check", member=member)
    for finding in findings:
        if finding.level is Level.FAILURE:
            log.error("self_check_failed", check=finding.check, evidence=finding.evidence, cure=finding.cure)
        elif finding.level is Level.WARNING:
            log.warning("self_check_warned", check=finding.check, evidence=finding.evidence, cure=finding.cure)
    log.info("self_checked", findings=len(findings), worst=max(f.level for f in findings).name.lower())
