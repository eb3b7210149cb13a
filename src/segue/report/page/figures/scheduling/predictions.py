"""The figure and the text of the section "Were the predictions right?"."""

import plotly.graph_objects as go

from segue.base.text import plural
from segue.report.analysis.pauses import SURE, Pauses
from segue.report.page.figures.curves import COLOURS
from segue.report.page.headline import short


def calibration_figure(pauses: Pauses) -> go.Figure | None:
    """Return the predicted ends over the actual ones; None if no trial resumed and ended."""
    found = pauses.predictions
    if not found:
        return None
    figure = go.Figure()
    actual = [each.actual for each in found]
    ends = [each.pause.end for each in found]
    reach = [*actual, *(end.value for end in ends)]
    line = [min(reach), max(reach)]
    figure.add_scatter(
        x=line,
        y=line,
        mode="lines",
        line={"color": "#888", "dash": "dash", "width": 1},
        name="as predicted",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=actual,
        y=[end.value for end in ends],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [end.high - end.value for end in ends],
            "arrayminus": [end.value - end.low for end in ends],
            "width": 0,
            "thickness": 1,
        },
        mode="markers",
        marker={"color": COLOURS[0], "size": 7},
        name="prediction at a pause",
        customdata=[[each.pause.trial, each.pause.at] for each in found],
        hovertemplate=(
            "trial %{customdata[0]}, paused at %{customdata[1]:,}: predicted %{y:.4g},"
            " ended with %{x:.4g}<extra></extra>"
        ),
    )
    metric = pauses.evidence.summary.metric
    figure.update_xaxes(title=f"{metric} at the end")
    figure.update_yaxes(title=f"predicted {metric}")
    return figure


def calibration_text(pauses: Pauses) -> str:
    """Return how well the predictions agree with the ends, in sentences."""
    found = pauses.predictions
    trials = len({each.pause.trial for each in found})
    within = sum(each.is_within for each in found)
    correlation = pauses.correlation
    ranks = (
        f" The rank correlation of the first predictions with the ends is {correlation:.2f}."
        if correlation is not None
        else ""
    )
    return (
        f"Predictions at the pauses of the {plural(trials, 'trial')} that resumed and ran to the"
        f" end: {within} of {len(found)} ends lie in their interval"
        f" ({100 * pauses.share_within:.0f} %, where {100 * SURE:.0f} % are intended). A prediction"
        f" is off by {short(pauses.median_error)} in the median.{ranks} Trials that did not resume"
        " have no end: those that resumed are the ones with high predictions, of which some are"
        " too high by chance."
    )
