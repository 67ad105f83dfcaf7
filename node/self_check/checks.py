"""All checks of a member, in the order in which an operator would mend things."""

from node.backup.barrier import own_address
from node.config.read import LoadedConfig
from node.self_check.clock import check_clock
from node.self_check.ensemble import check_ensemble
from node.self_check.finding import Finding, Level
from node.self_check.history import check_backup, check_history
from node.self_check.places import check_configuration, check_directories, check_keys, check_room
from node.storage.files import Files


def check_member(files: Files, loaded: LoadedConfig, *, backup_age_max_h: float) -> list[Finding]:
    """Nothing is written. Where a directory cannot be read, what depends on it is left out."""
    config = loaded.config
    found = [*check_configuration(loaded), *check_keys(config)]
    directories = check_directories(config)
    found += directories
    if all(finding.level is Level.OK for finding in directories):
        found += check_room(files, config)
        found += check_history(files, config)
    found += check_backup(files, config, age_max_h=backup_age_max_h)
    found += check_clock()
    found += check_ensemble(config, own_address(config))
    return found
