"""Writers at work through the bridge while something is done to the ensemble, and what they were promised."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.corral import fresh_root, kazoo_client
from tests.deploy.site import Site
from tests.faults.writers import Outcome, await_progress, check, writing

WRITERS = 3
READ_S = 60.0


@contextmanager
def checked_writes(site: Site) -> Iterator[list[Outcome]]:
    """Three clients write, before, during and after the block; every acknowledged write is there at the end."""
    root = fresh_root(site)  # type: ignore[arg-type]  # it asks for addresses alone
    with writing(root, *[site.addresses] * WRITERS) as outcomes:
        await_progress(outcomes)
        yield outcomes
        site.await_serving()
        await_progress(outcomes)
    with kazoo_client(site.addresses) as client:
        client.sync(root)
        asked = {f"{root}/{name}": client.get_async(f"{root}/{name}") for name in client.get_children(root)}
        tree = {path: (*answer.get(timeout=READ_S), None) for path, answer in asked.items()}
    check(tree, root, outcomes)
