"""A dashboard: rows of panels, the variables that all of them share, links to the other dashboards."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.generator.panels import DATASOURCE, Panel

COLUMNS = 24  # of Grafana's grid
TAG = "corral"
KNOWN_BY = "corral_info"  # the metric whose labels tell which ensembles and members there are
WRITE_LATENCY_NOW = "/d/corral-write-latency?${__url_time_range}&${ensemble:queryparam}"
MEMBER_OF_THIS_LINE = (
    "/d/corral-member?${__url_time_range}&${ensemble:queryparam}&var-member=${__data.fields.Member}")


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True)
class Page:
    """uid: stable, so that links and bookmarks live on; since: the time that it opens with."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    since: str = "now-30m"

    def build(self) -> model.Dashboard:
        page = (
            build.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .editable()
            .refresh("10s")
            .time(self.since, "now")
            .timezone("browser")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .variables(_variables())
            .annotations([_elections(), _alerts()])
            .links(_links())
            .build()
        )
        page.panels = _laid_out(self.rows)
        return page


def text_of(page: Page) -> str:
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(page.build()) + "\n"


def _laid_out(rows: Sequence[Row]) -> list[model.Panel | model.RowPanel]:
    """From left to right, a new line where one is full; a number for each."""
    made: list[model.Panel | model.RowPanel] = []
    number = y = 0
    for row in rows:
        number += 1
        head = model.RowPanel(title=row.title, id_val=number, collapsed=row.collapsed,
                              grid_pos=model.GridPos(h=1, w=COLUMNS, x=0, y=y), panels=[])
        made.append(head)
        into = head.panels if row.collapsed and head.panels is not None else made
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            into.append(panel.build(number, model.GridPos(h=panel.height, w=panel.width, x=x, y=y)))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def _variables() -> list[Builder[model.VariableModel]]:
    ensembles = (
        build.QueryVariable("ensemble").label("Ensemble").datasource(DATASOURCE)
        .query(f"label_values({KNOWN_BY}, ensemble)").refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    members = (
        build.QueryVariable("member").label("Member").datasource(DATASOURCE)
        .query(f'label_values({KNOWN_BY}{{ensemble="$ensemble"}}, member)')
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.NUMERICAL_ASC)
        .multi(True).include_all(True).all_value(".*").current(model.VariableOption(True, "All", "$__all"))
    )
    return [build.DatasourceVariable("datasource").label("Data source").type("prometheus"), ensembles, members]


def _elections() -> build.AnnotationQuery:
    """A line in every graph where an election was."""
    return (
        build.AnnotationQuery().name("Elections").datasource(DATASOURCE).enable(True).icon_color("orange")
        .expr('sum(changes(corral_epoch{ensemble="$ensemble"}[$__interval])) > 0')
    )


def _alerts() -> build.AnnotationQuery:
    return (
        build.AnnotationQuery().name("Alerts").datasource(DATASOURCE).enable(True).icon_color("red")
        .expr('ALERTS{ensemble="$ensemble",alertstate="firing"}')
    )


def _links() -> list[Builder[model.DashboardLink]]:
    others = (
        build.DashboardLink("Corral").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
        .as_dropdown(False).include_vars(True).keep_time(True).icon("external link")
    )
    return [others]
