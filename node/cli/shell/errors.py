"""What a server refuses, in words, with the cure."""

from typing import Final

from node.cli.errors import Failure
from node.cli.waterfall import harmless
from transport.errors import Err

_SAID: Final = {
    Err.NO_NODE: "no such znode — `ls` its parent to see what is there",
    Err.NO_AUTH: "you may not — `getAcl` shows who may; `addauth digest USER:PASSWORD`, or --auth, makes you somebody",
    Err.BAD_VERSION: "its version is another one — somebody changed it: look with `stat`, then say that version",
    Err.NODE_EXISTS: "exists already — `set` changes its value",
    Err.NOT_EMPTY: "has children — `rm -r` deletes it with them",
    Err.NO_CHILDREN_FOR_EPHEMERALS: "is an ephemeral znode, and these have no children — choose another parent",
    Err.INVALID_ACL: "this is no ACL that the server takes — as in world:anyone:r or digest:USER:HASH:cdrwa",
    Err.BAD_ARGUMENTS: "the server does not take this — see the command's --help",
    Err.MARSHALLING_ERROR: "the server could not read the request — see the command's --help",
    Err.UNIMPLEMENTED: "this server does not do that — TTL and container znodes may be switched off "
                       "(extendedTypesEnabled), or its release is too old",
    Err.QUOTA_EXCEEDED: "its quota is used up — `quota` shows it",
    Err.SESSION_EXPIRED: "the session has expired — `connect` makes a new one",
    Err.CONNECTION_LOSS: "the connection broke before an answer came: it may be done or not — look, then say it again",
    Err.AUTH_FAILED: "the server does not believe who you are — check the scheme and the credential",
    Err.SESSION_CLOSED_REQUIRE_SASL_AUTH: "this server wants to know first who you are — --sasl, --auth or --cert say "
                                          "it",
    Err.NOT_READ_ONLY: "this server has no quorum and only lets you read — `connect` to another, or wait",
    Err.NO_WATCHER: "no such watch was set here",
    Err.RECONFIG_DISABLED: "changes of members are switched off — reconfigEnabled=true in zoo.cfg allows them",
    Err.RECONFIG_IN_PROGRESS: "another change of members is on its way — wait, and say it again",
    Err.NEW_CONFIG_NO_QUORUM: "of the members wanted too few are in step — see `corral status`, then say it again",
    Err.THROTTLED_OP: "the server has too much to do — say it again later",
    Err.RUNTIME_INCONSISTENCY: "not done, for another part of the block failed",
}


class NoSessionError(Failure):
    """No server takes one."""


class RefusedError(Failure):
    """A server said no. *code*: ZooKeeper's."""

    def __init__(self, path: str, code: int) -> None:
        super().__init__(f"{harmless(path)}: {reason(code)}")
        self.path, self.code = path, code


def reason(code: int) -> str:
    try:
        return _SAID.get(Err(code)) or f"{Err(code).name.lower().replace('_', ' ')} ({code})"
    except ValueError:
        return f"error {code}"
