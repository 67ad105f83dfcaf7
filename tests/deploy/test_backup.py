"""A backup while the ensemble serves, and the whole ensemble brought back to it."""

import stat

import pytest

from tests.corral import fresh_root, kazoo_client
from tests.deploy.checking import checked_writes
from tests.deploy.site import ENSEMBLE, Site, starts_of

pytestmark = pytest.mark.long


def test_an_ensemble_is_brought_back_to_its_backup(ensemble: Site) -> None:
    root = fresh_root(ensemble)  # type: ignore[arg-type]
    with kazoo_client(ensemble.addresses) as client:
        client.create(f"{root}/kept", b"before")
        with checked_writes(ensemble):
            ensemble.play("backup")
        client.create(f"{root}/lost", b"after")
    backup, = (ensemble.directory / "backups" / ENSEMBLE).iterdir()
    assert (stat.S_IMODE(backup.stat().st_mode), stat.S_IMODE(backup.parent.stat().st_mode)) == (0o600, 0o700)

    ensemble.play("restore", corral_backup=str(backup), corral_confirmed=ENSEMBLE)

    ensemble.await_serving()
    with kazoo_client(ensemble.addresses) as client:
        client.sync(root)
        assert client.get_children(root) == ["kept"]
        assert client.get(f"{root}/kept")[0] == b"before"
        client.create(f"{root}/written", b"again")
    assert set(ensemble.play("deploy").changed.values()) == {0}


def test_a_backup_that_members_would_refuse_stops_none_of_them(ensemble: Site) -> None:
    backup, = (ensemble.directory / "backups" / ENSEMBLE).iterdir()
    damaged = ensemble.directory / "damaged.backup"
    damaged.write_bytes(backup.read_bytes()[:-5])
    starts = starts_of(ensemble)

    play = ensemble.play("restore", corral_backup=str(damaged), corral_confirmed=ENSEMBLE, check=False)

    assert not play.is_good
    assert "nothing was restored" in play.output
    assert starts_of(ensemble) == starts
    ensemble.await_serving()


def test_nothing_is_restored_that_was_not_confirmed(ensemble: Site) -> None:
    backup, = (ensemble.directory / "backups" / ENSEMBLE).iterdir()

    play = ensemble.play("restore", corral_backup=str(backup), check=False)

    assert not play.is_good
    assert "nothing was changed" in play.output
    ensemble.await_serving()
