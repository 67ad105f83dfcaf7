"""`corral sh` as somebody uses it who sits before it."""

from pathlib import Path

from tests.cli.tools.conftest import sayer
from tests.cli.tools.terminal import CTRL_C, CTRL_D, ENTER, TAB, UP, at_terminal
from tests.clients.proxy import Proxy
from tests.corral import connect_string, fresh_root, kazoo_client
from tests.fourletter.conftest import Pair

PROMPT = " /]"


def test_a_person_completes_repeats_interrupts_and_leaves(shell_pair: Pair, tmp_path: Path) -> None:
    servers = shell_pair.corral
    root = fresh_root(servers)
    sayer(servers, root)(lines="create /application\ncreate /application/config '{\"a\": [1, 2]}'\n")
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    address = connect_string(servers.addresses) + root

    with at_terminal("sh", "--server", address, environment=environment) as terminal:
        terminal.wait_for(PROMPT)

        terminal.type("get /appl", TAB)  # the one child there is
        terminal.wait_for("ication")
        terminal.type("/c", TAB)
        terminal.wait_for("onfig")
        terminal.type(ENTER)
        assert '"a": [' in terminal.wait_for("}")  # laid out in lines
        terminal.wait_for(PROMPT)

        terminal.type("getAllCh", TAB)
        terminal.wait_for("ildrenNumber")
        terminal.type(ENTER)
        terminal.wait_for("\n2")
        terminal.wait_for(PROMPT)

        terminal.type("half a line", CTRL_C)  # dropped, and the shell stays
        terminal.wait_for(PROMPT)
        terminal.type(UP, ENTER)  # what was done last
        terminal.wait_for("\n2")
        terminal.wait_for(PROMPT)

        terminal.type("watch -r /", ENTER)
        terminal.wait_for("Ctrl-C ends it")
        with kazoo_client(servers.addresses, chroot=root) as client:
            client.set("/application/config", b"new")
        terminal.wait_for("NodeDataChanged")
        terminal.wait_for("/application/config")
        terminal.type(CTRL_C)
        terminal.wait_for(PROMPT)

        terminal.type("addWatch /application --json", ENTER)
        terminal.wait_for('"mode"')
        terminal.wait_for(PROMPT)
        with kazoo_client(servers.addresses, chroot=root) as client:
            client.create("/application/more")
        terminal.wait_for("WatchedEvent NodeCreated /application/more")

        terminal.type("addauth digest ann:secret --json", ENTER)
        terminal.wait_for('"scheme"')
        terminal.wait_for(PROMPT)
        terminal.type(CTRL_D)
        assert terminal.end() == 0

    history = tmp_path / "corral" / "sh_history"
    assert "watch -r /" in history.read_text()
    assert "secret" not in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_a_watch_goes_on_after_the_connection_broke_and_says_so(shell_pair: Pair, tmp_path: Path) -> None:
    servers = shell_pair.corral
    root = fresh_root(servers)
    with Proxy(servers.addresses[0]) as proxy, at_terminal(
            "sh", "--server", connect_string([proxy.address]) + root, "watch", "-r", "/",
            environment={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        terminal.wait_for("Ctrl-C ends it")
        proxy.cut()
        terminal.wait_for("the connection is lost")
        proxy.mend()
        terminal.wait_for("connected again; what changed in between is not shown")
        with kazoo_client(servers.addresses, chroot=root) as client:
            client.create("/again", b"value")
        terminal.wait_for("NodeCreated         /again  version 0  value")
        terminal.type(CTRL_C)
        assert terminal.end() == 0


def test_what_is_longer_than_the_screen_goes_through_the_pager(shell_pair: Pair) -> None:
    servers = shell_pair.corral
    root = fresh_root(servers)
    say = sayer(servers, root)
    say(lines="".join(f"create /n{index:02}\n" for index in range(50)))
    words = ("sh", "--server", connect_string(servers.addresses) + root, "find", "/", "--name")

    with at_terminal(*words, "n*", environment={"PAGER": "sed s/^/paged:/"}) as terminal:
        terminal.wait_for("paged:/n00")
        terminal.wait_for("paged:/n49")
        assert terminal.end() == 0
    with at_terminal(*words, "n4*", environment={"PAGER": "sed s/^/paged:/"}) as terminal:
        assert "paged" not in terminal.wait_for("/n49")
        assert terminal.end() == 0


def test_a_person_is_asked_before_much_goes(shell_pair: Pair, tmp_path: Path) -> None:
    servers = shell_pair.corral
    root = fresh_root(servers)
    say = sayer(servers, root)
    say(lines="".join(f"create -p /big/n{index}/x y\n" for index in range(8)))
    address = connect_string(servers.addresses) + root

    with at_terminal("sh", "--server", address, environment={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("rm -r /big", ENTER)
        terminal.wait_for("Delete 17 znodes under /big? [y/N]:")
        terminal.type("n", ENTER)
        terminal.wait_for("nothing was deleted")
        assert say("ls", "/big").stdout.count("n") == 8
        terminal.wait_for(PROMPT)
        terminal.type("rm -r /big", ENTER)
        terminal.wait_for("[y/N]:")
        terminal.type("y", ENTER)
        terminal.wait_for("deleted 17 znodes")
        terminal.wait_for(PROMPT)
        terminal.type("quit", ENTER)
        assert terminal.end() == 0
