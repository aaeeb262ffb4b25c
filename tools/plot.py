"""Figures of a discovery: time series, phase portrait, residuals, terms, tracks over a frame. Fit for a paper.

Every function returns a matplotlib `Figure` made without pyplot, so nothing global is touched and no window opens;
`save` writes it as png, svg or pdf. Lengths of figures are inches; the default is one column of a paper.
Colours are those of Okabe and Ito, told apart by colour-blind readers; data are dots, the law is a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from motionlaw.tools.figure_style import (
    COLUMN_IN,
    CYCLE,
    INK,
    LAW,
    MARKS,
    MUTED,
    RESIDUAL,
    RULE,
    TAIL,
    Axes,
    Figure,
    Line2D,
    clipped,
    dots,
    label,
    limits,
    patheffects,
    save,
    scaled,
    styled,
    thin,
    with_gaps,
)
from motionlaw.tools.law import Event, Prediction, Regime, Term
from motionlaw.tools.trajectory import Track, Trajectory
from motionlaw.tools.typeset import name_text, rate_text, term_text, value_text

__all__ = ["phase_portrait", "residuals", "save", "terms", "tracks_over_frame", "trajectory"]


def _mark_times(ax: Axes, events: Sequence[Event], regimes: Sequence[Regime]) -> None:
    """Draws events as upright lines, one colour a kind, and regimes as a strip along the top."""
    kinds: list[str] = []
    for event in events:
        named = clipped(event.kind) if event.kind not in kinds else None
        kinds += [event.kind] if named else []
        index = kinds.index(event.kind)
        dashes = ((0, (3, 2)), (0, (1, 1.5)), (0, (5, 1, 1, 1)))[index % 3]
        ax.axvline(event.t, color=CYCLE[(index + 2) % 6], linewidth=0.8, linestyle=dashes, zorder=1, label=named)
    kinds = []
    for regime in regimes if len(regimes) > 1 else ():
        named = clipped(regime.kind) if regime.kind not in kinds else None
        kinds += [regime.kind] if named else []
        colour = CYCLE[(kinds.index(regime.kind) + 4) % 6]
        ax.axvspan(regime.t_start, regime.t_end, 0.965, 1.0, color=colour, linewidth=0, zorder=1, label=named)


def _legend(fig: Figure, ax: Axes, *, columns: int, title: str = "") -> None:
    """Puts one legend above all panels, its dots large enough to be seen."""
    handles, labels = ax.get_legend_handles_labels()
    head = clipped(title, length=60) or None
    above: dict[str, Any] = {"loc": "outside upper left", "alignment": "left", "title": head}
    legend = fig.legend(handles, labels, ncols=columns, **above)
    for handle in legend.legend_handles:
        if isinstance(handle, Line2D) and handle.get_marker() == ".":
            handle.set_markersize(6)


def _law(ax: Axes, prediction: Prediction, d: int, factor: float) -> np.ndarray:
    """Draws the law played again with its band, and returns what was drawn."""
    rows = thin(prediction.position[:, d])
    wanted = (prediction.position, prediction.lower, prediction.upper)
    t, law, lower, upper = with_gaps(prediction.t[rows], *(factor * values[rows, d] for values in wanted))
    ax.fill_between(t, lower, upper, color=LAW, alpha=0.22, linewidth=0, zorder=1.5, label="95 % band")
    ax.plot(t, law, color=LAW, zorder=3, linewidth=0.9, label="law, simulated")
    return law


@styled
def trajectory(
    run: Trajectory,
    prediction: Prediction | None = None,
    *,
    events: Sequence[Event] = (),
    regimes: Sequence[Regime] = (),
    width_in: float = COLUMN_IN,
    title: str = "",
) -> Figure:
    """Draws each coordinate over time with the law played again, its 95 % band and the held-out tail.

    Args:
        run: The data.
        prediction: The law simulated from the first state of this run; ``None`` where there is no law.
        events: Drawn as upright lines.
        regimes: Drawn as a strip along the top, if there is more than one.
        width_in: Width of the figure, inches.
        title: Written above the first panel.
    """
    count, is_wide = len(run.coordinates), width_in >= 5
    height = width_in * (0.36 if is_wide else 0.62) if count == 1 else 0.75 + count * (1.3 if is_wide else 1.1)
    fig = Figure(figsize=(width_in, height), layout="constrained")
    for d, ax in enumerate(np.atleast_1d(fig.subplots(count, 1, sharex=True))):
        values = run.position[:, d]
        factor, prefix = scaled(values)
        rows = thin(values)
        dots(ax, run.t[rows], factor * values[rows], label="data")
        law = None
        if prediction is not None:
            law = _law(ax, prediction, d, factor)
            if prediction.t_holdout is not None:
                end = max(run.t[-1], prediction.t[-1])
                ax.axvspan(prediction.t_holdout, end, color=TAIL, alpha=0.14, linewidth=0, zorder=0, label="held out")
        limits(ax, factor * values, law)
        _mark_times(ax, events, regimes)
        ax.set_ylabel(label(name_text(run.coordinates[d]), run.units[d], prefix=prefix))
    fig.axes[-1].set_xlabel("t (s)")
    fig.align_ylabels()
    _legend(fig, fig.axes[0], columns=8 if is_wide else 4, title=title)
    return fig


def _velocity(run: Trajectory) -> np.ndarray:
    """Returns measured velocities, else those of a smooth through the data; NaN where nothing was seen."""
    if run.velocity is not None:
        return run.velocity
    from motionlaw.tools import motion

    return np.where(np.isfinite(run.position), motion.smooth(run.t, run.position).velocity, np.nan)


def _goes_round(runs: Sequence[Trajectory], d: int) -> bool:
    """Tells whether a coordinate is an angle that turns over, so that phase space is a cylinder in it."""
    spans = [np.ptp(run.position[np.isfinite(run.position[:, d]), d]) for run in runs if len(run.t)]
    return runs[0].units[d] == "rad" and max(spans, default=0.0) > 3 * np.pi


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """Brings an angle into ±π, with a gap wherever it passes from one end to the other."""
    turned = (angle + np.pi) % (2 * np.pi) - np.pi
    turned[1:][np.abs(np.diff(turned)) > np.pi] = np.nan
    return turned


@styled
def phase_portrait(
    runs: Sequence[Trajectory],
    predictions: Sequence[Prediction] = (),
    *,
    order: int = 2,
    width_in: float = COLUMN_IN,
) -> Figure:
    """Draws the motion in phase space, data and law: rate against coordinate, or coordinate pairs at order 1.

    Args:
        runs: The data; all runs share the panels.
        predictions: The law simulated for each run, in the same order; may be empty.
        order: Order of the law; at order 1 the coordinates themselves span the phase space.
        width_in: Width of the figure, inches.
    """
    names, units = runs[0].coordinates, runs[0].units
    pairs = list(combinations(range(len(names)), 2))[:4] if order == 1 and len(names) > 1 else []
    panels = len(pairs) or min(len(names), 4)
    columns = 1 if panels == 1 else 2
    tall = width_in / columns * (0.72 if columns == 1 else 1.0)
    fig = Figure(figsize=(width_in, -(-panels // columns) * tall + 0.25), layout="constrained")
    axes = np.atleast_1d(fig.subplots(-(-panels // columns), columns)).ravel()
    marks = max(MARKS // len(runs), 200)
    ups = [run.position if pairs else _velocity(run) for run in runs]
    played = [of for of in predictions if len(of.t) > 1]
    laws = [of.position if pairs else np.gradient(of.position, of.t, axis=0) for of in played]
    for index, ax in enumerate(axes[:panels]):
        i, j = pairs[index] if pairs else (index, index)
        turn = _wrapped if _goes_round(runs, i) else np.copy
        for k, run in enumerate(runs):
            rows = np.linspace(0, len(run.t) - 1, min(marks, len(run.t))).astype(int)
            dots(ax, turn(run.position[:, i])[rows], ups[k][rows, j], label=None if k else "data")
        for k, prediction in enumerate(played):
            _, x, y = with_gaps(prediction.t, turn(prediction.position[:, i]), laws[k][:, j])
            rows = np.linspace(0, len(x) - 1, min(4 * marks, len(x))).astype(int)
            ax.plot(x[rows], y[rows], color=LAW, linewidth=0.8, label=None if k else "law, simulated", zorder=3)
        ax.set_xlabel(label(name_text(names[i]), units[i]))
        rate = label(rate_text(names[j]), f"{units[j]}/s" if units[j] else "")
        ax.set_ylabel(label(name_text(names[j]), units[j]) if pairs else rate)
        limits(ax, np.concatenate([up[:, j] for up in ups]))
    for ax in axes[panels:]:
        ax.set_axis_off()
    _legend(fig, axes[0], columns=2)
    return fig


def _autocorrelation(values: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelation over lags 0..lags, leaving out pairs with an unseen row."""
    centred = np.nan_to_num(values - np.nanmean(values))
    seen = np.isfinite(values).astype(float)
    size = 2 ** int(np.ceil(np.log2(2 * len(values))))
    power = [np.fft.irfft(np.abs(np.fft.rfft(of, size)) ** 2)[: lags + 1] for of in (centred, seen)]
    covariance = power[0] / np.maximum(power[1], 1.0)
    return covariance / covariance[0] if covariance[0] > 0 else covariance


def _check(histogram: Axes, correlation: Axes, left: np.ndarray, *, name: str, color: str, is_alone: bool) -> None:
    """Draws one coordinate's residuals as a histogram beside a normal, and their autocorrelation."""
    seen = left[np.isfinite(left)]
    if len(seen) < 8 or seen.std() == 0:
        return
    edges = np.linspace(-4, 4, int(np.clip(np.sqrt(len(seen)), 12, 40)) + 1)
    look: dict[str, Any] = {"histtype": "stepfilled", "alpha": 0.55} if is_alone else {"histtype": "step"}
    scores = (seen - seen.mean()) / seen.std()
    histogram.hist(scores, bins=edges.tolist(), density=True, color=color, linewidth=0.9, label=name, **look)
    lags = min(len(seen) // 4, 60)
    correlation.plot(np.arange(lags + 1), _autocorrelation(left, lags), color=color, linewidth=0.9)
    bound = 1.96 / np.sqrt(len(seen))
    correlation.axhspan(-bound, bound, color=MUTED, alpha=0.18, linewidth=0)


@styled
def residuals(run: Trajectory, prediction: Prediction, *, width_in: float = COLUMN_IN) -> Figure:
    """Draws what the law leaves: residuals over time, their histogram against a normal, their autocorrelation.

    Args:
        run: The data.
        prediction: The law simulated from the first state of this run.
        width_in: Width of the figure, inches.
    """
    count = len(run.coordinates)
    fig = Figure(figsize=(width_in, 0.95 * count + 2.3), layout="constrained")
    grid = fig.add_gridspec(count + 1, 2, height_ratios=[1.0] * count + [1.35])
    times = [fig.add_subplot(grid[d, :]) for d in range(count)]
    histogram, correlation = fig.add_subplot(grid[count, 0]), fig.add_subplot(grid[count, 1])
    z = np.linspace(-4, 4, 161)
    for d, ax in enumerate(times):
        color = CYCLE[(d + 1) % 6]
        law = np.interp(run.t, prediction.t, prediction.position[:, d], left=np.nan, right=np.nan)
        left = run.position[:, d] - law
        factor, prefix = scaled(left)
        rows = thin(left, marks=MARKS // 2)
        ax.axhline(0, color=MUTED, linewidth=0.6, zorder=1)
        dots(ax, run.t[rows], factor * left[rows], color=color)
        if prediction.t_holdout is not None:
            ax.axvspan(prediction.t_holdout, run.t[-1], color=TAIL, alpha=0.14, linewidth=0, zorder=0)
        name = name_text(run.coordinates[d])
        ax.set_ylabel(label(f"Δ{name}", run.units[d], prefix=prefix))
        ax.tick_params(labelbottom=d == count - 1)
        _check(histogram, correlation, left, name=name, color=color, is_alone=count == 1)
    times[-1].set_xlabel("t (s)")
    histogram.plot(z, np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), color=INK, linewidth=0.8, label="normal")
    histogram.set(xlabel="residual / σ", ylabel="density", xlim=(-4, 4))
    tight: dict[str, Any] = {"handlelength": 0.9, "borderaxespad": 0.1, "columnspacing": 0.8}
    histogram.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, **tight)
    correlation.set(xlabel="lag (rows)", ylabel="autocorrelation", ylim=(min(-0.4, correlation.get_ylim()[0]), 1.05))
    correlation.axhline(0, color=MUTED, linewidth=0.6)
    return fig


@styled
def terms(listed: Sequence[Term], *, width_in: float = COLUMN_IN) -> Figure:
    """Draws a forest of the law's terms: each 95 % interval as a share of its coefficient, beside zero.

    Args:
        listed: The terms, those of one equation together.
        width_in: Width of the figure, inches.
    """
    # Coefficients have different units and sizes; as shares they stand on one axis, and zero keeps its meaning.
    left: list[str] = []
    right: list[str] = []
    shares: list[float | None] = []
    for before, term in zip([None, *listed], listed, strict=False):
        if len({other.of for other in listed}) > 1 and (before is None or term.of != before.of):
            sides = [rate_text(of[2:], order=2) if of.startswith("v_") else name_text(of) for of in term.of.split(",")]
            left, right, shares = [*left, f"in {', '.join(sides)}:"], [*right, ""], [*shares, None]
        left.append(clipped(term_text(term.term), length=32))
        right.append(clipped(value_text(term.coefficient, term.stderr, term.unit), length=32))
        shares.append(1.96 * term.stderr / abs(term.coefficient) if term.stderr and term.coefficient else 0.0)
    fig = Figure(figsize=(width_in, 0.65 + 0.2 * len(left)), layout="constrained")
    ax = fig.subplots()
    reach = float(np.clip(max((share for share in shares if share is not None), default=0.0), 0.25, 3.0))
    for row, share in enumerate(shares):
        if share is not None:
            color = LAW if share < 1 else RESIDUAL
            ax.plot([1 - min(share, 4.0), 1 + min(share, 4.0)], [row, row], color=color, solid_capstyle="butt")
            ax.plot([1], [row], marker="o", markersize=3.2, color=color, linestyle="none")
    ax.set_yticks(range(len(left)), left)
    values = ax.secondary_yaxis("right")
    values.set_yticks(range(len(left)), right)
    for side, spine in ((ax, "left"), (values, "right")):
        side.tick_params(axis="y", length=0)
        side.spines[spine].set_visible(False)
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.axvline(1, color=RULE, linewidth=0.6, zorder=0)
    ax.set(ylim=(len(left) - 0.4, -0.6), xlim=(min(-0.15, 1 - 1.1 * reach), 1 + 1.1 * reach))
    ax.set_xlabel("95 % interval / coefficient")
    return fig


@styled
def tracks_over_frame(frame: np.ndarray | None, tracks: Sequence[Track], *, width_in: float = COLUMN_IN) -> Figure:
    """Draws the paths of tracked objects over one frame of their video.

    Args:
        frame: RGB image, uint8, shape (H, W, 3), or ``None`` to draw the paths alone.
        tracks: Positions in pixels of the full-size frame, y down.
        width_in: Width of the figure, inches.
    """
    if frame is None:
        every = np.concatenate([track.position for track in tracks])
        (left, top), (right, bottom) = np.nanmin(every, axis=0) - 20, np.nanmax(every, axis=0) + 20
    else:
        left, top, right, bottom = 0.0, 0.0, float(frame.shape[1]), float(frame.shape[0])
    shape = float(np.clip((bottom - top) / (right - left), 0.2, 2.0))
    fig = Figure(figsize=(width_in, width_in * shape))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.set_axis_off()
    if frame is not None:
        step = max(1, round(frame.shape[1] / 1000))  # a page does not need more pixels than it shows
        ax.imshow(frame[::step, ::step], extent=(0, right, bottom, 0), interpolation="none")
    halo = [patheffects.withStroke(linewidth=2.4, foreground="#ffffff")]
    for index, track in enumerate(tracks):
        colour = CYCLE[(index + 1) % len(CYCLE)]
        rows = np.unique(np.concatenate([thin(track.position[:, 0]), thin(track.position[:, 1])]))
        x, y = track.position[rows].T
        ax.plot(x, y, color=colour, linewidth=1.2, path_effects=halo)
        seen = np.flatnonzero(np.isfinite(track.position).all(axis=1))
        if not len(seen):
            continue
        begin, end = track.position[seen[0]], track.position[seen[-1]]
        ax.plot(*begin, marker="o", markersize=4.5, markerfacecolor="#ffffff", markeredgecolor=colour)
        ax.plot(*end, marker="o", markersize=4.5, color=colour, markeredgecolor="#ffffff", markeredgewidth=0.8)
        ax.annotate(
            clipped(track.name), end, xytext=(6, 6), textcoords="offset points", color=colour, fontweight="bold",
            path_effects=halo, horizontalalignment="right" if end[0] > 0.75 * right else "left",
        )  # fmt: skip
    return fig
