"""Operation numbers of the client protocol, and the few that only travel inside an ensemble."""

from enum import IntEnum


class OpCode(IntEnum):
    NOTIFICATION = 0
    CREATE = 1
    DELETE = 2
    EXISTS = 3
    GET_DATA = 4
    SET_DATA = 5
    GET_ACL = 6
    SET_ACL = 7
    GET_CHILDREN = 8
    SYNC = 9
    PING = 11
    GET_CHILDREN2 = 12
    CHECK = 13
    MULTI = 14
    CREATE2 = 15
    RECONFIG = 16
    CHECK_WATCHES = 17
    REMOVE_WATCHES = 18
    CREATE_CONTAINER = 19
    DELETE_CONTAINER = 20
    CREATE_TTL = 21
    MULTI_READ = 22
    AUTH = 100
    SET_WATCHES = 101
    SASL = 102
    GET_EPHEMERALS = 103
    GET_ALL_CHILDREN_NUMBER = 104
    SET_WATCHES2 = 105
    ADD_WATCH = 106
    WHO_AM_I = 107
    # Extensions (corral.extensions): those of ClickHouse Keeper, then our own, from 600 on.
    FILTERED_LIST = 500
    CHECK_NOT_EXISTS = 501
    CREATE_IF_NOT_EXISTS = 502
    REMOVE_RECURSIVE = 503
    CHECK_STAT = 504
    TRY_REMOVE = 505
    FILTERED_LIST_WITH_STATS_AND_DATA = 506
    LIST_RECURSIVE = 507
    LIST_PAGE = 600
    LINEARIZABLE_READ = 601
    CREATE_SESSION = -10  # inside the ensemble: a new session's attach
    CLOSE_SESSION = -11
    ERROR = -1
    REATTACH = -20  # inside the ensemble: an existing session comes to a new connection
    EXPIRE = -21  # inside the ensemble: the leader's processor 0 ends a session
    ALARM = -23  # inside the ensemble: a member's processor 0 says that its disk is nearly full, or not any more
    PREPARE_RECONFIG = -22  # inside the ensemble: RECONFIG, as a member says it whose zoo.cfg allows that


# Special xids of the client protocol.
XID_NOTIFICATION = -1
XID_PING = -2
XID_AUTH = -4
XID_SET_WATCHES = -8

# As the four-letter word cons and the command connections call a client's last operation.
OP_NAMES = {
    OpCode.PING: "PING", OpCode.CREATE: "CREA", OpCode.CREATE2: "CREA", OpCode.DELETE: "DELE",
    OpCode.EXISTS: "EXIS", OpCode.GET_DATA: "GETD", OpCode.SET_DATA: "SETD", OpCode.GET_ACL: "GETA",
    OpCode.SET_ACL: "SETA", OpCode.GET_CHILDREN: "GETC", OpCode.GET_CHILDREN2: "GETC",
    OpCode.SYNC: "SYNC", OpCode.MULTI: "MULT", OpCode.SET_WATCHES: "SETW",
    OpCode.CLOSE_SESSION: "CLOS", OpCode.CREATE_SESSION: "SESS", OpCode.CHECK: "CHEC",
    OpCode.SET_WATCHES2: "STW2", OpCode.ADD_WATCH: "ADDW", OpCode.CHECK_WATCHES: "CHKW",
    OpCode.REMOVE_WATCHES: "REMW", OpCode.WHO_AM_I: "HOMI", OpCode.GET_EPHEMERALS: "GETE",
    OpCode.GET_ALL_CHILDREN_NUMBER: "GETACN", OpCode.MULTI_READ: "MLTR", OpCode.RECONFIG: "RECO",
}
