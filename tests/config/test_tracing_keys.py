"""Keys of tracing: defaults that trace within a budget and send nothing anywhere."""

from pathlib import Path

import pytest

from node.config.member import Tracing
from tests.config.test_read import STANDALONE, config_of, problems_of


def test_by_default_writes_are_traced_within_a_budget_and_sent_nowhere(tmp_path: Path) -> None:
    assert config_of(tmp_path, STANDALONE).tracing == Tracing("", "grpc", 1.0, 3, 100, 100_000)


def test_every_key_is_read(tmp_path: Path) -> None:
    text = (
        "corral.otlpEndpoint=https://[::1]:4318/otlp/v1/traces\ncorral.otlpProtocol=http/protobuf\n"
        "corral.traceRatio=0.25\ncorral.traceBudget=0\ncorral.traceSlowMs=20\ncorral.traceRing=1000\n")

    assert config_of(tmp_path, STANDALONE + text).tracing == Tracing(
        "https://[::1]:4318/otlp/v1/traces", "http/protobuf", 0.25, 0, 20, 1000)


@pytest.mark.parametrize("line", [
    "corral.otlpEndpoint=collector:4317", "corral.otlpEndpoint=http://", "corral.otlpEndpoint=http://[::1",
    "corral.otlpProtocol=thrift", "corral.traceRatio=1.5", "corral.traceRatio=nan", "corral.traceRatio=half",
    "corral.traceBudget=-1", "corral.traceSlowMs=0", "corral.traceRing=10"])
def test_what_makes_no_sense_is_a_problem_that_names_its_line(tmp_path: Path, line: str) -> None:
    (problem,) = problems_of(tmp_path, f"{line}\n{STANDALONE}")

    assert (problem.line, problem.key) == (2, line.partition("=")[0])


def test_names_of_the_admin_http_are_a_list(tmp_path: Path) -> None:
    text = f"{STANDALONE}corral.adminHosts=zk1.example.com, corral.example.com\n"

    assert config_of(tmp_path, text).admin_hosts == {"zk1.example.com", "corral.example.com"}
