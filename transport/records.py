"""The client protocol's records, as zookeeper.jute declares them. A list: long without shame.

Strings are UTF-8 bytes; None is jute's null (see jute.py).
"""

from typing import Annotated

from transport.jute import Bool, Buffer, Int, Long, Record, UString, Vector


class Id(Record):
    scheme: UString
    id: UString


class ACL(Record):
    perms: Int
    id: Id


class Stat(Record):
    czxid: Long
    mzxid: Long
    ctime: Long
    mtime: Long
    version: Int
    cversion: Int
    aversion: Int
    ephemeral_owner: Long
    data_length: Int
    num_children: Int
    pzxid: Long


class ClientInfo(Record):
    auth_scheme: UString
    user: UString


Strings = Annotated[list[UString] | None, Vector]
ACLs = Annotated[list[ACL] | None, Vector]
Ids = Annotated[list[Id] | None, Vector]
ClientInfos = Annotated[list[ClientInfo] | None, Vector]


# --- connecting, headers ----------------------------------------------------------------------------------------


class ConnectRequest(Record):
    """Followed by one more byte, readOnly, from all but the oldest clients."""

    protocol_version: Int
    last_zxid_seen: Long
    timeout: Int
    session_id: Long
    passwd: Buffer


class ConnectResponse(Record):
    """Followed by readOnly where the request had it."""

    protocol_version: Int
    timeout: Int
    session_id: Long
    passwd: Buffer


class RequestHeader(Record):
    xid: Int
    type: Int


class ReplyHeader(Record):
    xid: Int
    zxid: Long
    err: Int


class MultiHeader(Record):
    type: Int
    done: Bool
    err: Int


class WatcherEvent(Record):
    type: Int
    state: Int
    path: UString


class ErrorResponse(Record):
    err: Int


class AuthPacket(Record):
    type: Int
    scheme: UString
    auth: Buffer


class GetSASLRequest(Record):
    token: Buffer


class SetSASLResponse(Record):
    token: Buffer


# --- writes -----------------------------------------------------------------------------------------------------


class CreateRequest(Record):
    path: UString
    data: Buffer
    acl: ACLs
    flags: Int


class CreateTTLRequest(Record):
    path: UString
    data: Buffer
    acl: ACLs
    flags: Int
    ttl: Long


class Identities(Record):
    """Those of a connection, as a batch carries them."""

    ids: Ids


class CreateResponse(Record):
    path: UString


class Create2Response(Record):
    path: UString
    stat: Stat


class DeleteRequest(Record):
    path: UString
    version: Int


class DeleteContainerRequest(Record):
    """Inside the ensemble only. *czxid*: of the node that was seen, so that no other of the same path goes."""

    path: UString
    czxid: Long


class SetDataRequest(Record):
    path: UString
    data: Buffer
    version: Int


class SetDataResponse(Record):
    stat: Stat


class SetACLRequest(Record):
    path: UString
    acl: ACLs
    version: Int


class SetACLResponse(Record):
    stat: Stat


class CheckVersionRequest(Record):
    path: UString
    version: Int


class CheckStatRequest(Record):
    """ClickHouse Keeper's. A field of -1 in *stat* may be anything."""

    path: UString
    version: Int
    stat: Stat


class SyncRequest(Record):
    path: UString


class SyncResponse(Record):
    path: UString


class ReconfigRequest(Record):
    joining_servers: UString
    leaving_servers: UString
    new_members: UString
    cur_config_id: Long


# --- reads ------------------------------------------------------------------------------------------------------


class ExistsRequest(Record):
    path: UString
    watch: Bool


class ExistsResponse(Record):
    stat: Stat


class GetDataRequest(Record):
    path: UString
    watch: Bool


class GetDataResponse(Record):
    data: Buffer
    stat: Stat


class GetACLRequest(Record):
    path: UString


class GetACLResponse(Record):
    acl: ACLs
    stat: Stat


class GetChildrenRequest(Record):
    """getChildren and getChildren2."""

    path: UString
    watch: Bool


class GetChildrenResponse(Record):
    children: Strings


class GetChildren2Response(Record):
    children: Strings
    stat: Stat


class GetAllChildrenNumberRequest(Record):
    path: UString


class GetAllChildrenNumberResponse(Record):
    total_number: Int


class GetEphemeralsRequest(Record):
    prefix_path: UString


class GetEphemeralsResponse(Record):
    ephemerals: Strings


class WhoAmIResponse(Record):
    client_info: ClientInfos


# --- watches ----------------------------------------------------------------------------------------------------


class SetWatches(Record):
    relative_zxid: Long
    data_watches: Strings
    exist_watches: Strings
    child_watches: Strings


class SetWatches2(Record):
    relative_zxid: Long
    data_watches: Strings
    exist_watches: Strings
    child_watches: Strings
    persistent_watches: Strings
    persistent_recursive_watches: Strings


class AddWatchRequest(Record):
    path: UString
    mode: Int


class CheckWatchesRequest(Record):
    """checkWatches and removeWatches."""

    path: UString
    type: Int
