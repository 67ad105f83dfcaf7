"""Modes, owners, keys, room and configuration of the members of this machine: the quick part of `corral self-check`."""

from node.cli.doctor.subject import Subject
from node.config.problems import ConfigError
from node.config.read import load_config
from node.self_check.finding import Finding, Level
from node.self_check.places import check_configuration, check_directories, check_keys, check_room
from node.storage.files import RealFiles


def check(subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    for path in subject.configs:
        try:
            loaded = load_config(path)
        except ConfigError as error:
            found += [Finding("files", Level.FAILURE, str(problem), "as said") for problem in error.problems]
            continue
        directories = check_directories(loaded.config)
        each = [*check_configuration(loaded), *check_keys(loaded.config), *directories]
        if all(finding.level is Level.OK for finding in directories):
            each += check_room(RealFiles(), loaded.config)
        found += [Finding("files", finding.level, f"member {loaded.config.id}: {finding.evidence}", finding.cure)
                  for finding in each if finding.level is not Level.OK]
    return found
