"""The table of dashboards: the name of each file and what is in it."""

from pathlib import Path

from dashboards.generator.capacity import CAPACITY
from dashboards.generator.clients import CLIENTS
from dashboards.generator.member import MEMBER
from dashboards.generator.overview import OVERVIEW
from dashboards.generator.pages import Page, text_of
from dashboards.generator.write_latency import WRITE_LATENCY
from dashboards.generator.zookeeper import ZOOKEEPER

__all__ = ["DASHBOARDS", "FOLDER", "text_of"]

FOLDER = Path(__file__).parents[1]

DASHBOARDS: dict[str, Page] = {
    "overview": OVERVIEW,
    "write-latency": WRITE_LATENCY,
    "clients": CLIENTS,
    "member": MEMBER,
    "capacity": CAPACITY,
    "zookeeper": ZOOKEEPER,
}
