"""Requests that came with ZooKeeper 3.5 and later; the others stand in tests/wire.py."""

import struct
from dataclasses import dataclass

from tests.wire import (
    Create,
    Multi,
    PathRequest,
    Request,
    SetWatches,
    Text,
    int32,
    ustring,
    ustrings,
)

RECONFIG, CHECK_WATCHES, REMOVE_WATCHES, CREATE_CONTAINER, DELETE_CONTAINER, CREATE_TTL, MULTI_READ = range(16, 23)
GET_EPHEMERALS, GET_ALL_CHILDREN_NUMBER, SET_WATCHES2, ADD_WATCH, WHO_AM_I = range(103, 108)
PERSISTENT, RECURSIVE = 0, 1  # modes of AddWatch
CHILDREN_WATCH, DATA_WATCH, ANY_WATCH, PERSISTENT_WATCH, RECURSIVE_WATCH = range(1, 6)  # types of CheckWatches
CONTAINER_FLAG, TTL_FLAG, SEQUENTIAL_TTL_FLAG = 4, 5, 6


@dataclass(frozen=True)
class CreateContainer(Create):
    opcode = CREATE_CONTAINER
    flags: int = CONTAINER_FLAG


@dataclass(frozen=True)
class CreateTtl(Create):
    opcode = CREATE_TTL
    flags: int = TTL_FLAG
    ttl_ms: int = 1000

    def body(self) -> bytes:
        return super().body() + struct.pack(">q", self.ttl_ms)


@dataclass(frozen=True)
class MultiRead(Multi):
    opcode = MULTI_READ


@dataclass(frozen=True)
class AddWatch(PathRequest):
    opcode = ADD_WATCH
    mode: int = PERSISTENT

    def body(self) -> bytes:
        return ustring(self.path) + int32(self.mode)


@dataclass(frozen=True)
class CheckWatches(PathRequest):
    opcode = CHECK_WATCHES
    type: int = ANY_WATCH

    def body(self) -> bytes:
        return ustring(self.path) + int32(self.type)


@dataclass(frozen=True)
class RemoveWatches(CheckWatches):
    opcode = REMOVE_WATCHES


@dataclass(frozen=True)
class SetWatches2(SetWatches):
    opcode = SET_WATCHES2
    persistent: tuple[Text, ...] = ()
    recursive: tuple[Text, ...] = ()

    def body(self) -> bytes:
        return super().body() + ustrings(self.persistent) + ustrings(self.recursive)


@dataclass(frozen=True)
class GetEphemerals(PathRequest):
    """path: a prefix of characters."""

    opcode = GET_EPHEMERALS


@dataclass(frozen=True)
class GetAllChildrenNumber(PathRequest):
    opcode = GET_ALL_CHILDREN_NUMBER


@dataclass(frozen=True)
class WhoAmI(Request):
    opcode = WHO_AM_I


@dataclass(frozen=True)
class Reconfig(Request):
    opcode = RECONFIG
    joining: str | None = None
    leaving: str | None = None
    members: str | None = None
    config_id: int = -1

    def body(self) -> bytes:
        texts = (self.joining, self.leaving, self.members)
        return b"".join(map(ustring, texts)) + struct.pack(">q", self.config_id)
