"""What Prometheus is to scrape of a local ensemble: a job for all, and one for each member that speaks nothing but
HTTPS, which has a certificate of its own to be trusted.
"""

import json
import ssl
from pathlib import Path
from typing import Any, Final

from node.auth.errors import SecurityError
from node.cli.local import LocalEnsemble, LocalMember
from node.cli.site import site_of_member
from node.config.problems import ConfigError

JOB: Final = """\
  - job_name: {name}
    file_sd_configs:
      - files: [{name_of_file}]
        refresh_interval: 5s
"""
HTTPS: Final = """\
    scheme: https
    tls_config:
      ca_file: {ca_file}
      {check}
"""


def write_jobs(ensemble: LocalEnsemble, folder: Path) -> str:
    """The members' addresses and certificates go into *folder*; what is returned into scrape_configs."""
    plain, jobs = [], ""
    for member in ensemble.members:
        certificate = _own_certificate(ensemble, member)
        if certificate is None:
            plain.append(_target(ensemble, member))
            continue
        name = f"member-{member.id}"
        (folder / f"{name}.pem").write_text(ssl.DER_cert_to_PEM_cert(certificate))
        _write(folder / f"{name}.json", [_target(ensemble, member)])
        jobs += JOB.format(name=name, name_of_file=f"{name}.json") + HTTPS.format(
            ca_file=f"{name}.pem", check=_check(certificate, ensemble.host))
    _write(folder / "members.json", plain)
    return JOB.format(name="corral", name_of_file="members.json") + jobs


def _own_certificate(ensemble: LocalEnsemble, member: LocalMember) -> bytes | None:
    """As DER; None: it takes plain HTTP, or does not say what it takes."""
    try:
        site = site_of_member(ensemble.config(member))
    except (ConfigError, SecurityError):  # of which `up` tells
        return None
    return site.trust.member if site.is_secure else None


def _target(ensemble: LocalEnsemble, member: LocalMember) -> dict[str, Any]:
    """As file_sd wants them: each member with the labels that dashboards and alerts go by."""
    return {
        "targets": [ensemble.metrics_address(member)],
        "labels": {"job": "corral", "ensemble": ensemble.directory.name, "member": str(member.id)},
    }


def _check(certificate: bytes, host: str) -> str:
    """The certificate is known; its name need not be the address."""
    names = _names(certificate)
    if not names:
        return "insecure_skip_verify: true  # it has no name that could be asked for, and is on this machine"
    return f"server_name: {json.dumps(host if host in names else names[0])}"


def _names(certificate: bytes) -> list[str]:
    from cryptography import x509

    try:
        found = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    return [*map(str, found.get_values_for_type(x509.IPAddress)), *found.get_values_for_type(x509.DNSName)]


def _write(file: Path, targets: list[dict[str, Any]]) -> None:
    file.write_text(json.dumps(targets, indent=2) + "\n")
