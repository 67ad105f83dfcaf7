"""A processor in which something fails that nobody foresaw: it ends and comes back, it does not go on half."""

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.figures import await_all_serving, followers_of, log_lines
from tests.faults.test_digests import flip_byte
from tests.waiting import wait_until


def test_a_callback_that_raises_ends_the_process_and_costs_no_session(ensemble: Ensemble) -> None:
    root = fresh_root(ensemble)
    member = followers_of(ensemble)[0]
    pid = ensemble.pids(member)["processor-0"]
    with kazoo_client([ensemble.addresses[member - 1]]) as client:
        client.create(f"{root}/mine", b"", ephemeral=True)
        session = client.client_id

        flip_byte(ensemble, member, f"{root}/nobody")  # the hook raises: there is no such node

        wait_until(lambda: ensemble.pids(member).get("processor-0") not in {pid, None}, what="it starts anew")
        await_all_serving(ensemble)
        assert client.retry(client.exists, f"{root}/mine") is not None
        assert client.client_id == session
    assert log_lines(ensemble, member, "processor_failed")
