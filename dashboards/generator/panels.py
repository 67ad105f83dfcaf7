"""The panels that the dashboards are made of: every one has a unit, a title, and says what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as promql

from dashboards.generator.queries import Query

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
Step = tuple[float | None, str]  # from this value on, this colour; None: from the smallest on

GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"
_COUNTED = {"none", "ops", "cps"}
_BACKGROUND = common.TableColoredBackgroundCellOptions(common.TableCellBackgroundDisplayMode.BASIC)


def below(warning: float, critical: float) -> tuple[Step, ...]:
    """Good is low."""
    return ((None, GREEN), (warning, ORANGE), (critical, RED))


def unlike(warning: float, critical: float) -> tuple[Step, ...]:
    """Of cells: only what is wrong has a colour."""
    return ((None, "transparent"), (warning, ORANGE), (critical, RED))


def above(warning: float, good: float) -> tuple[Step, ...]:
    """Good is high."""
    return ((None, RED), (warning, ORANGE), (good, GREEN))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel as a dashboard's table lists it.  tell: what it shows; do: what an operator does about it."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    tell: str
    do: str
    width: int = 12
    height: int = 8
    kind: Literal["timeseries", "stat", "bargauge", "table"] = "timeseries"
    steps: tuple[Step, ...] = ()
    stack: bool = False
    filled: bool = False  # a band of colour rather than a line: who leads
    decimals: int | None = None
    maximum: float | None = None
    minimum: float | None = 0
    texts: tuple[tuple[str, str, str], ...] = ()  # value, what to show instead, colour
    no_value: str = ""
    links: tuple[tuple[str, str], ...] = ()  # title, URL: what a click on a series offers
    calculations: tuple[str, ...] = ("lastNotNull", "max")  # columns of the legend
    columns: tuple[tuple[str, str, str], ...] = ()  # of a table: refId, heading, unit
    coloured: tuple[tuple[str, tuple[Step, ...]], ...] = ()  # of a table: heading, steps of its cells
    names_shown: bool = False  # of a stat: the series' name rather than its value
    stepped: bool = False  # the value holds until the next
    points: bool = False  # seldom enough that a line would hide them
    colours: tuple[tuple[str, str], ...] = ()  # series' name, colour

    @property
    def description(self) -> str:
        return f"{self.tell}\n\n**What to do:** {self.do}"

    def build(self, number: int, position: model.GridPos) -> model.Panel:
        return model.Panel(
            type_val=self.kind,
            id_val=number,
            title=self.title,
            description=self.description,
            datasource=DATASOURCE,
            grid_pos=position,
            targets=[self._target(query, chr(ord("A") + n)) for n, query in enumerate(self.queries)],
            transformations=_table_of(self.columns) if self.kind == "table" else None,
            options=self._options(),
            field_config=self._fields(),
        )

    def _target(self, query: Query, ref: str) -> promql.Dataquery:
        made = prometheus.Dataquery().expr(query.promql).ref_id(ref).datasource(DATASOURCE)
        made = made.legend_format(query.legend or "__auto").exemplar(query.exemplar)
        if self.kind == "table":
            return made.instant().format(promql.PromQueryFormat.TABLE).build()
        # A number is of this moment: over a range, who led before would still stand there.
        return (made.instant() if self.kind in ("stat", "bargauge") else made.range()).build()

    def _options(self) -> object:
        reduce = common.ReduceDataOptions(calcs=["lastNotNull"], values=False, fields="")
        match self.kind:
            case "stat":
                return stat.Options(
                    reduce_options=reduce,
                    color_mode=common.BigValueColorMode.BACKGROUND if self.steps else common.BigValueColorMode.NONE,
                    graph_mode=common.BigValueGraphMode.NONE,
                    justify_mode=common.BigValueJustifyMode.CENTER,
                    text_mode=common.BigValueTextMode.NAME if self.names_shown else common.BigValueTextMode.AUTO,
                    orientation=common.VizOrientation.AUTO,
                )
            case "bargauge":
                return bargauge.Options(
                    reduce_options=reduce,
                    display_mode=common.BarGaugeDisplayMode.BASIC,
                    orientation=common.VizOrientation.HORIZONTAL,
                    value_mode=common.BarGaugeValueMode.COLOR,
                )
            case "table":
                return table.Options(show_header=True, cell_height=common.TableCellHeight.SM)
            case _:
                return timeseries.Options(
                    legend=common.VizLegendOptions(
                        display_mode=common.LegendDisplayMode.TABLE if self.calculations else
                        common.LegendDisplayMode.LIST,
                        placement=common.LegendPlacement.BOTTOM, show_legend=True, calcs=list(self.calculations)),
                    tooltip=common.VizTooltipOptions(
                        mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING),
                )

    def _fields(self) -> model.FieldConfigSource:
        defaults = model.FieldConfig(
            unit=self.unit,
            decimals=self.decimals,
            min_val=self.minimum,
            max_val=self.maximum,
            no_value=self.no_value or None,
            mappings=_mappings(self.texts),
            color=_color(self),
            thresholds=_thresholds(self.steps or ((None, GREEN),)),
            links=[build.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url).target_blank(True).build()
                   for title, url in self.links] or None,
            custom=self._custom(),
        )
        overrides = [_override(heading, unit=unit) for _, heading, unit in self.columns]
        overrides += [_override(name, color={"mode": "fixed", "fixedColor": color}) for name, color in self.colours]
        overrides += [_override(heading, thresholds=_thresholds(steps), custom_cellOptions=_BACKGROUND,
                                color={"mode": "thresholds"}) for heading, steps in self.coloured]
        if self.kind == "table":
            overrides.append(_override("Member", unit="string"))
        return model.FieldConfigSource(defaults=defaults, overrides=overrides)

    def _custom(self) -> common.GraphFieldConfig | common.TableFieldOptions | None:
        if self.kind == "table":
            return common.TableFieldOptions(min_width=80)
        return self._curve() if self.kind == "timeseries" else None

    def _curve(self) -> common.GraphFieldConfig:
        opacity = 85 if self.filled else 40 if self.stack else 0
        lines, stacking = common.GraphTresholdsStyleMode, common.StackingMode
        steps = self.filled or self.stepped
        return common.GraphFieldConfig(
            draw_style=common.GraphDrawStyle.POINTS if self.points else common.GraphDrawStyle.LINE,
            line_interpolation=common.LineInterpolation.STEP_AFTER if steps else common.LineInterpolation.LINEAR,
            line_width=0 if self.filled else 1,
            fill_opacity=opacity,
            show_points=common.VisibilityMode.NEVER if self.stack else common.VisibilityMode.AUTO,
            point_size=6 if self.points else 4,
            span_nulls=False,
            # Else nothing at all is drawn at the foot of a 100.
            axis_soft_max=(2 if self.stepped else 1) if self.unit in _COUNTED else None,
            stacking=common.StackingConfig(
                mode=stacking.NORMAL if self.stack or self.filled else stacking.NONE, group="A"),
            thresholds_style=common.GraphThresholdsStyleConfig(mode=lines.DASHED if self.steps else lines.OFF),
        )


def _color(panel: Panel) -> model.FieldColor:
    by_value = panel.kind != "timeseries" and bool(panel.steps)
    mode = model.FieldColorModeId.THRESHOLDS if by_value else model.FieldColorModeId.PALETTE_CLASSIC
    return model.FieldColor(mode=mode)


def _mappings(texts: Sequence[tuple[str, str, str]]) -> list[model.ValueMapping] | None:
    if not texts:
        return None
    results = {value: model.ValueMappingResult(text=text, color=color, index=n)
               for n, (value, text, color) in enumerate(texts)}
    return [model.ValueMap(options=results)]


def _thresholds(steps: Sequence[Step]) -> model.ThresholdsConfig:
    return model.ThresholdsConfig(
        mode=model.ThresholdsMode.ABSOLUTE, steps=[model.Threshold(value, color) for value, color in steps])


def _override(name: str, **properties: object) -> model.DashboardFieldConfigSourceOverrides:
    """Of the field with this name; `custom_x` is the property custom.x."""
    return model.DashboardFieldConfigSourceOverrides(
        matcher=model.MatcherConfig(id_val="byName", options=name),
        properties=[model.DynamicConfigValue(id_val=key.replace("_", "."), value=value)
                    for key, value in properties.items()])


def _table_of(columns: Sequence[tuple[str, str, str]]) -> list[model.DataTransformerConfig]:
    """One line per member, one column per query."""
    renamed = {f"Value #{ref}": heading for ref, heading, _ in columns} | {"member": "Member"}
    order = {"member": 0} | {f"Value #{ref}": n for n, (ref, _, _) in enumerate(columns, 1)}
    return [
        model.DataTransformerConfig(id_val="merge", options={}),
        model.DataTransformerConfig(id_val="organize", options={
            "excludeByName": {"Time": True}, "indexByName": order, "renameByName": renamed}),
    ]
