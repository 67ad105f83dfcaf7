"""The admin HTTP of a member of this machine, asked by a command."""

import urllib.error
from typing import Any, Final

from node.cli.errors import Failure
from node.cli.site import site_of_member
from node.config.member import MemberConfig

ANSWER_S: Final = 15.0


def ask_member(config: MemberConfig, path: str) -> dict[str, Any]:
    """Its answer, of JSON. Raises Failure."""
    site = site_of_member(config)
    try:
        return site.get_json(path, timeout_s=ANSWER_S)
    except urllib.error.HTTPError as error:
        raise Failure(
            f"{site.url}{path}: {error.code}: the member may be of another version than this command") from None
    except OSError as error:
        raise Failure(
            f"{site.url}: no answer ({error}): is the member running? without --running its file is read") from None
