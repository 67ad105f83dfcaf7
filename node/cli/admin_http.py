"""The admin HTTP of a member of this machine, asked by a command."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any, Final

from node.auth.key_stores import certificate_of
from node.cli.errors import Failure
from node.config.address import format_address
from node.config.member import MemberConfig

ANSWER_S: Final = 15.0


def admin_url(config: MemberConfig) -> str:
    """As the member says it; as it was configured where it has not run yet."""
    try:
        port = int((config.run_dir / "metrics-port").read_text())
    except (OSError, ValueError):
        port = config.metrics_port
    scheme = "https" if config.http.refuses_plain else "http"
    return f"{scheme}://{format_address(config.metrics_address, port)}"


def _trust(config: MemberConfig) -> ssl.SSLContext:
    """In the member's own certificate, whatever names it has."""
    context = ssl.create_default_context()
    context.check_hostname = False
    if config.http.tls is not None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=certificate_of(config.http.tls.key_store))
    return context


def ask_member(config: MemberConfig, path: str) -> dict[str, Any]:
    """Its answer, of JSON. Raises Failure."""
    url = admin_url(config)
    # The member refuses names that are not its own, for browsers' sake; an operator may call it as he likes.
    request = urllib.request.Request(url + path, headers={"Host": "localhost"})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S, context=_trust(config)) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found
    except urllib.error.HTTPError as error:
        raise Failure(f"{url}{path}: {error.code}: the member may be of another version than this command") from None
    except (OSError, ssl.SSLError) as error:
        raise Failure(
            f"{url}: no answer ({getattr(error, 'reason', error)}): is the member running? without --running its file "
            "is read") from None
    except ValueError:
        raise Failure(f"{url}: what answers there is no member of Corral") from None
