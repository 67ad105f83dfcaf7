"""What a running member can take over is what the table calls live, and nothing else."""

from pathlib import Path

import pytest

from node.config.live import with_live
from node.config.member import MemberConfig
from node.config.read import load_config
from node.config.table import KEYS

# Another value than the default of each live key, and of some that are not.
LIVE = {
    "maxClientCnxns": "7", "4lw.commands.whitelist": "ruok", "minSessionTimeout": "7", "maxSessionTimeout": "7777",
    "largeRequestThreshold": "7", "largeRequestMaxBytes": "7", "corral.replyBytesMax": "7", "maxCnxns": "7",
    "corral.maxClientCnxnsPerPrefix": "7", "request_throttle_max_requests": "7", "throttled_op_wait_time": "7",
    "allowSaslFailedClients": "true", "superUser": "x", "superUser.*": "x", "X509AuthenticationProvider.superUser": "x",
    "DigestAuthenticationProvider.superDigest": "super:x", "DigestAuthenticationProvider.enabled": "false",
    "ensembleAuthName": "x", "skipACL": "yes", "enforce.auth.enabled": "true", "request_stale_latency_check": "true",
    "sessionRequireClientSASLAuth": "true",
}
TOGETHER = {
    "enforce.auth.enabled": "enforce.auth.schemes=digest\n",
    "sessionRequireClientSASLAuth": "corral.sasl.jaasFile={0}\n"}
NOT_LIVE = {
    "tickTime": "77", "syncLimit": "7", "clientPort": "77", "jute.maxbuffer": "7777", "globalOutstandingLimit": "7",
    "connection_throttle_tokens": "7", "audit.enable": "true", "corral.processors": "7", "enforceQuota": "true"}
BASE = "clientPort=2181\nminSessionTimeout=1000\nmaxSessionTimeout=9000\n"


def read(directory: Path, text: str) -> MemberConfig:
    path = directory / "zoo.cfg"
    path.write_text(f"dataDir={directory}\n{BASE}{text.format(directory / 'zoo.cfg')}")
    return load_config(path).config


def both(directory: Path, key: str, value: str) -> tuple[MemberConfig, MemberConfig]:
    before = read(directory, "")
    name = key.replace("*", "7")
    return before, read(directory, f"{TOGETHER.get(key, '')}{name}={value}\n")


@pytest.mark.parametrize("key", LIVE)
def test_a_live_key_is_taken_over(tmp_path: Path, key: str) -> None:
    before, newer = both(tmp_path, key, LIVE[key])

    assert with_live(before, newer) != before


@pytest.mark.parametrize("key", NOT_LIVE)
def test_another_key_is_not(tmp_path: Path, key: str) -> None:
    before, newer = both(tmp_path, key, NOT_LIVE[key])

    assert newer != before
    assert with_live(before, newer) == before


def test_the_table_calls_these_live_and_no_other() -> None:
    # Two count only together with another one that is tried.
    assert {key.name for key in KEYS if key.is_live} == {
        *LIVE, "enforce.auth.schemes", "request_throttle_drop_stale"}
