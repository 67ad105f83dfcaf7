"""load_config: what starts, what is refused, and how every problem is named."""

from pathlib import Path

import pytest

from node.config.address import WILDCARDS, Address, Role
from node.config.member import Member, MemberConfig
from node.config.problems import ConfigError, Problem
from node.config.read import load_config
from node.requests.four_letter import WORDS

STANDALONE = "tickTime=2000\ninitLimit=10\nsyncLimit=5\nclientPort=2181\n"
THREE = "server.1=zoo1:2888:3888\nserver.2=zoo2:2888:3888\nserver.3=zoo3:2888:3888\n"


def write(tmp_path: Path, text: str, *, myid: str | None = None) -> Path:
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    if myid is not None:
        (data / "myid").write_text(myid)
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={data}\n{text}")
    return path


def config_of(tmp_path: Path, text: str, *, myid: str | None = None) -> MemberConfig:
    return load_config(write(tmp_path, text, myid=myid)).config


def problems_of(tmp_path: Path, text: str, *, myid: str | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text, myid=myid))
    return caught.value.problems


def test_of_a_file_that_cannot_be_read_nothing_else_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none" / "zoo.cfg")

    assert [problem.cure for problem in caught.value.problems] == ["give the path of a zoo.cfg"]


def warnings_of(tmp_path: Path, text: str, *, myid: str | None = None) -> list[str]:
    warnings = load_config(write(tmp_path, text, myid=myid)).warnings
    return [f"{warning.line} {warning.key}" for warning in warnings]


def test_a_file_without_server_lines_is_an_ensemble_of_one(tmp_path: Path) -> None:
    config = config_of(tmp_path, STANDALONE)

    assert config.id == 1
    assert config.voters == (1,)
    assert config.me == Member(1, "127.0.0.1", 0, 0, Role.PARTICIPANT, Address("0.0.0.0", 2181))
    assert config.client_addresses == WILDCARDS


def test_defaults_are_zookeepers(tmp_path: Path) -> None:
    config = config_of(tmp_path, "clientPort=2181\n")

    assert (config.tick_ms, config.max_client_cnxns, config.jute_max_buffer) == (3000, 60, 1048575)
    assert (config.min_session_timeout_ms, config.max_session_timeout_ms) == (6000, 60000)
    assert config.four_letter_words == {"srvr"}
    assert config.log_dir == config.data_dir
    assert config.keys_dir == config.data_dir / "keys"


def test_debians_package_sample_starts_unchanged(tmp_path: Path) -> None:
    sample = Path("/etc/zookeeper/conf_example/zoo.cfg")
    if not sample.exists():
        pytest.skip("Debian's package zookeeper is not installed")

    loaded = load_config(sample)

    assert loaded.warnings == ()
    assert loaded.config.client_port == 2181
    assert loaded.config.data_dir == Path("/tmp/zookeeper")


@pytest.mark.parametrize(
    "text",
    [
        "tickTime=2000\nclientPort=2181\n",
        "tickTime=2000\nclientPort=2181\ninitLimit=5\nsyncLimit=2\n" + THREE,
        (
            "tickTime=2000\nclientPort=2181\ninitLimit=5\nsyncLimit=2\nstandaloneEnabled=false\n"
            "server.1=localhost:2888:3888\nserver.2=localhost:2889:3889\nserver.3=localhost:2890:3890\n"
        ),
        (
            "tickTime=2000\ninitLimit=5\nsyncLimit=2\n"
            "server.1=125.23.63.23:2780:2783:participant;2791\n"
            "server.2=125.23.63.24:2781:2784:participant;2792\n"
            "server.3=125.23.63.25:2782:2785:participant;2793\n"
        ),
    ],
    ids=["standalone", "replicated", "one machine", "reconfig"],
)
def test_samples_of_the_documentation_start_without_a_warning(tmp_path: Path, text: str) -> None:
    loaded = load_config(write(tmp_path, text, myid="1"))

    assert loaded.warnings == ()


def test_a_dynamic_file_holds_the_server_lines(tmp_path: Path) -> None:
    dynamic = tmp_path / "zoo.cfg.dynamic.100000000"
    dynamic.write_text("server.1=a:2780:2783:participant;[::1]:2791\nserver.2=b:1:2:observer;2792\n"
                       "server.3=c:1:2;2793\nserver.4=d:1:2;2794\n")  # fmt: skip

    config = config_of(tmp_path, f"dynamicConfigFile={dynamic}\n", myid="1\n")

    assert config.voters == (1, 3, 4)
    assert config.members[2].role is Role.OBSERVER
    assert (config.client_addresses, config.client_port) == (("::1",), 2791)
    assert config.members[3].client == Address("0.0.0.0", 2793)


def test_every_problem_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        "tickTime=fast\nsynLimit=5\nclientPort=70000\nsslQuorum=true\nserver.1=zoo1\n"
        "server.300=zoo:1:2\nminSessionTimeout=9\nmaxSessionTimeout=8\nquorumListenOnAllIPs=maybe\n",
    )

    assert [(p.line, p.key) for p in problems] == [
        (2, "tickTime"),
        (3, "synLimit"),
        (4, "clientPort"),
        (5, "sslQuorum"),
        (6, "server.1"),
        (7, "server.300"),
        (8, "minSessionTimeout"),
        (10, "quorumListenOnAllIPs"),
    ]
    assert all(p.cure for p in problems)


def test_an_unknown_key_is_answered_with_the_nearest_known_one(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, STANDALONE + "maxClientConnections=5\n")

    assert str(problem) == (f"{tmp_path}/zoo.cfg:6: maxClientConnections: unknown key — did you mean maxClientCnxns?")


def test_the_prefix_of_system_properties_is_named_as_the_mistake(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, STANDALONE + "zookeeper.snapCount=5\n")

    assert problem.cure == "did you mean snapCount?"


@pytest.mark.parametrize(
    "line",
    [
        "ssl.quorum.trustStore.password=x",
        "sslQuorum=true",
        "quorum.auth.enableSasl=true",
        "quorum.auth.kerberos.servicePrincipal=zk/_HOST",
        "authProvider.1=org.example.Provider",
        "oraclePath=/etc/zookeeper/oracle",
    ],
)
def test_a_key_that_protects_or_decides_is_an_error(tmp_path: Path, line: str) -> None:
    (problem,) = problems_of(tmp_path, STANDALONE + line + "\n")

    assert problem.key == line.partition("=")[0]
    assert "refused" in problem.text


def test_a_protecting_key_that_is_off_loses_nothing(tmp_path: Path) -> None:
    text = "sslQuorum=false\nquorum.auth.enableSasl=false\nenforce.auth.enabled=false\n"

    assert warnings_of(tmp_path, STANDALONE + text) == []


def test_what_is_lost_is_a_warning_and_a_default_is_none(tmp_path: Path) -> None:
    text = (
        "reconfigEnabled=true\nlocalSessionsEnabled=false\nforceSync=no\npreAllocSize=65536\n"
        "autopurge.purgeInterval=24\nmultiAddress.enabled=true\n"
        "metricsProvider.className=org.apache.zookeeper.metrics.prometheus."
        "PrometheusMetricsProvider\n"
    )

    warnings = warnings_of(tmp_path, STANDALONE + text)

    assert warnings == ["8 forceSync", "11 multiAddress.enabled"]


def test_a_key_given_twice_counts_as_in_zookeeper_and_warns(tmp_path: Path) -> None:
    loaded = load_config(write(tmp_path, "clientPort=2181\nclientPort=2182\n"))

    assert loaded.config.client_port == 2182
    assert [w.line for w in loaded.warnings] == [3]


def test_a_member_given_twice_is_an_error(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, STANDALONE + THREE + "server.2=zoo9:2888:3888\n", myid="1")

    assert (problem.line, problem.key) == (9, "server.2")


def test_a_missing_myid_is_answered_with_the_command(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, STANDALONE + THREE)

    assert problem.cure.endswith(f"one of 1, 2, 3: echo 1 > {tmp_path}/data/myid")


@pytest.mark.parametrize(
    ("myid", "text"),
    [
        ("replace this text with the cluster-unique id", "not a number"),
        ("0", "not a number from 1 to 254"),
        ("4\n", "has only server.1, server.2, server.3"),
    ],
)
def test_a_myid_that_names_no_member_is_refused(tmp_path: Path, myid: str, text: str) -> None:
    (problem,) = problems_of(tmp_path, STANDALONE + THREE, myid=myid)

    assert problem.file == tmp_path / "data" / "myid"
    assert text in problem.text


def test_addresses_may_be_ipv6_everywhere(tmp_path: Path) -> None:
    text = (
        "clientPort=0\nclientPortAddress=[::1]\ncorral.metricsAddress=[::1]\n"
        "server.1=[fd00::1]:2888:3888\nserver.2=[fd00::2]:2888:3888;[fd00::2]:2182\n"
        "server.3=zoo3:2888:3888:participant;2181\n"
    )

    config = config_of(tmp_path, text, myid="1")

    assert (config.client_addresses, config.client_port) == (("::1",), 0)
    assert config.metrics_address == "::1"
    assert config.me.host == "fd00::1"
    assert str(config.members[2].client) == "[fd00::2]:2182"


def test_clients_addressed_in_two_ways_must_agree(tmp_path: Path) -> None:
    text = "clientPort=2181\nserver.1=a:1:2;2182\nserver.2=b:1:2\nserver.3=c:1:2\n"

    (problem,) = problems_of(tmp_path, text, myid="1")

    assert problem.key == "server.1"


def test_two_members_cannot_share_a_port_of_one_host(tmp_path: Path) -> None:
    text = "clientPort=2181\nserver.1=a:1:2\nserver.2=a:2:3\nserver.3=c:1:2\n"

    (problem,) = problems_of(tmp_path, text, myid="1")

    assert problem.text == "a:2 is also in server.1"


def test_an_even_number_of_voters_warns(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, STANDALONE + THREE + "server.4=d:1:2\n", myid="1") == ["0 server.N"]


def test_four_letter_words_are_a_list_or_all(tmp_path: Path) -> None:
    some = "4lw.commands.whitelist=stat, ruok, srvr\n"
    everything = "4lw.commands.whitelist=*\n"
    wrong = "4lw.commands.whitelist=ruok,lead,rouk\n"

    assert config_of(tmp_path, STANDALONE + some).four_letter_words == {"stat", "ruok", "srvr"}
    assert config_of(tmp_path, STANDALONE + everything).four_letter_words == set(WORDS)
    assert warnings_of(tmp_path, STANDALONE + wrong) == ["6 4lw.commands.whitelist"] * 2


def test_a_long_data_directory_gets_a_short_run_directory(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={deep}\nclientPort=2181\n")

    run_dir = load_config(path).config.run_dir

    assert len(str(run_dir)) <= 70
    assert run_dir == load_config(path).config.run_dir


def test_a_missing_file_is_a_problem_like_any_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*: No such file"):
        load_config(tmp_path / "zoo.cfg")
