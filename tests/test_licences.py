"""What Corral brings to a host may be brought there: the licences of all that it needs, and of what these need."""

import re
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

# Those that ask for no more than their own text, or, MPL, for the source of changes to their own files.
ALLOWED: Final = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0"}
# How packages without an SPDX expression call theirs.
NAMES: Final = {
    "Apache 2.0": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause", "MIT License": "MIT", "Apache License, Version 2.0": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
PROJECT: Final = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def needed() -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    names = [Requirement(each).name for each in PROJECT["dependencies"]]
    while names:
        name = names.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = distribution(name)
        wanted = [Requirement(each) for each in found[name].requires or ()]
        names += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def licences(package: Distribution) -> set[str]:
    """As SPDX has them; what is not known stays as it is called."""
    told = package.metadata["License-Expression"] or package.metadata["License"] or ""
    if not told or "\n" in told:
        classifiers = package.metadata.get_all("Classifier") or []
        return {NAMES.get(each, each) for each in classifiers if each.startswith("License ::")}
    if told in NAMES:
        return {NAMES[told]}
    return set(re.findall(r"[A-Za-z0-9.+-]+", told)) - {"AND", "OR", "WITH"}


def test_every_package_that_corral_needs_has_a_licence_that_is_allowed() -> None:
    refused = {name: found for name, package in needed().items() if not (found := licences(package)) or found - ALLOWED}

    assert refused == {}


def test_a_licence_that_is_not_allowed_is_seen() -> None:
    assert licences(distribution("ansible-core")) - ALLOWED
