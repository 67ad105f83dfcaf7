"""What a hot process has loaded when it starts: the import contract says it of our code, this of all of it."""

import json
import subprocess
import sys

import pytest

from node.roles import ROLES, Role

COLD = {"opentelemetry", "prometheus_client", "http", "grpc", "click"}
LISTED = "import importlib, json, sys; importlib.import_module(sys.argv[1]); print(json.dumps(list(sys.modules)))"


@pytest.mark.parametrize("role", [role for role in ROLES if role.name != "telemetry"], ids=lambda role: role.name)
def test_a_hot_process_loads_no_exporter_and_no_server(role: Role) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTED, role.module], capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}

    assert loaded & COLD == set()
