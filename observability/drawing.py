"""Dashboards as Grafana's own SDK builds them.

The SDK is there only where `make .venv/.deploy` was run; nothing else in the repository imports this module.
"""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from observability.linkedin import LINKEDIN
from observability.overview import OVERVIEW
from observability.panels import Choice, Dashboard, Kind, Panel, Row
from observability.places import CONSOLE, RUNBOOK
from observability.segment import SEGMENT

DASHBOARDS: Final = (OVERVIEW, SEGMENT, LINKEDIN)
_SOURCE: Final = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
_ANY: Final = ".*"


def files() -> dict[str, str]:
    """File name and content of every dashboard."""
    return {f"{one.uid}.json": encoded(drawn(one)) for one in DASHBOARDS}


def encoded(built: object) -> str:
    text: str = JSONEncoder(sort_keys=True, indent=2).encode(built)
    return f"{text}\n"


def drawn(board: Dashboard) -> model.Dashboard:
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["syncd"])
        .timezone("browser")
        .time(board.since, "now")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
    )
    for link in _links():
        builder = builder.link(link)
    for variable in _variables(board):
        builder = builder.with_variable(variable)
    for number, (one, place) in enumerate(board.placed(), 1):
        at = model.GridPos(x=place.x, y=place.y, w=place.width, h=place.height)
        if isinstance(one, Row):
            builder = builder.with_row(dashboard.Row(one.title).id(number).grid_pos(at))
        else:
            builder = builder.with_panel(_panel(one).id(number).grid_pos(at))
    built: model.Dashboard = builder.build()
    return built


def _links() -> list[Any]:
    elsewhere = {"Console": CONSOLE, "Runbook": RUNBOOK}
    boards = dashboard.DashboardLink("syncd").type(model.DashboardLinkType.DASHBOARDS).tags(["syncd"])
    return [
        boards.include_vars(True).keep_time(True),
        *(
            dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url).target_blank(True)
            for title, url in elsewhere.items()
        ),
    ]


def _variables(board: Dashboard) -> list[Any]:
    installation = (
        Choice(name="namespace", label="Namespace", metric="syncd_build_info", many=True),
        Choice(name="job", label="Job", metric='syncd_build_info{namespace=~"$namespace"}', many=True),
    )
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return [source, *map(_variable, installation), *(_variable(choice, within=True) for choice in board.choices)]


def _variable(choice: Choice, *, within: bool = False) -> Any:
    metric = f'{choice.metric}{{namespace=~"$namespace", job=~"$job"}}' if within else choice.metric
    query = f"label_values({metric}, {choice.name})"
    variable = (
        dashboard.QueryVariable(choice.name)
        .label(choice.label)
        .datasource(_SOURCE)
        .query(query)
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(choice.many)
        .include_all(choice.many)
    )
    if choice.many:
        everything = model.VariableOption(selected=True, text="All", value="$__all")
        variable = variable.all_value(_ANY).current(everything)
    return variable


def _panel(panel: Panel) -> Any:
    match panel.kind:
        case Kind.LINES:
            builder: Any = _lines(panel)
        case Kind.NUMBER:
            builder = stat.Panel().graph_mode(shapes.BigValueGraphMode.AREA).reduce_options(_last())
        case Kind.BARS:
            builder = bargauge.Panel().orientation(shapes.VizOrientation.HORIZONTAL).reduce_options(_last())
        case Kind.HEAT:
            color = heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
            builder = heatmap.Panel().calculate(False).color(color).y_axis(heatmap.YAxisConfig().unit(panel.unit))
        case Kind.STATES:
            builder = statetimeline.Panel().show_value(shapes.VisibilityMode.AUTO).row_height(0.8)
    return _dressed(builder, panel)


def _lines(panel: Panel) -> Any:
    legend = (
        common.VizLegendOptions()
        .display_mode(shapes.LegendDisplayMode.TABLE)
        .placement(shapes.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .show_legend(True)
    )
    tooltip = common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
    marked = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
    builder = (
        timeseries.Panel()
        .legend(legend)
        .tooltip(tooltip)
        .fill_opacity(10)
        .line_width(1)
        .show_points(shapes.VisibilityMode.NEVER)
    )
    if panel.stacked:
        builder = builder.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    return builder.thresholds_style(marked) if len(panel.steps) > 1 else builder


def _last() -> Any:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _dressed(builder: Any, panel: Panel) -> Any:
    """What all kinds of panels have."""
    steps = [model.Threshold(value=value, color=color) for value, color in panel.steps]
    thresholds = dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
    builder = (
        builder.title(panel.title)
        .description(panel.todo)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .thresholds(thresholds)
        .no_value(panel.nothing)
    )
    if panel.kind in {Kind.NUMBER, Kind.BARS}:
        builder = builder.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    if panel.least is not None:
        builder = builder.min(panel.least)
    if panel.most is not None:
        builder = builder.max(panel.most)
    if panel.names:
        builder = builder.mappings([_names(panel)])
    now = panel.kind in {Kind.NUMBER, Kind.BARS}
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").ref_id(letter)
        target = target.datasource(_SOURCE)
        if panel.kind is Kind.HEAT:
            target = target.format(PromQueryFormat.HEATMAP)
        builder = builder.with_target(target.instant() if panel.kind is Kind.BARS else target.range())
    return builder if not now or panel.kind is Kind.BARS else builder.color_mode(shapes.BigValueColorMode.BACKGROUND)


def _names(panel: Panel) -> Any:
    options = {
        str(value): model.ValueMappingResult(text=text, color=color, index=place)
        for place, (value, (text, color)) in enumerate(panel.names.items())
    }
    return model.ValueMap(options=options)
