"""The question about a law, in the forms in which models are asked and trained.

A large model sees a phase portrait and a plot over time, some rows, and is told what to do (``full``). A small one,
that was trained on just that, sees three pictures of two panels and is told how far each quantity reaches (``brief``).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from motionlaw.agent.messages import Image, Message
from motionlaw.agent.pictures import encode
from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.panels import Motions, draw_with_waves
from motionlaw.tools.trajectory import Trajectory

FULL, BRIEF = FORMS = ("full", "brief")
ROWS = 24


def question(runs: Sequence[Trajectory], *, form: str = FULL) -> list[Message]:
    """Returns what a model is asked about runs: the pictures, the numbers and the form of the answer."""
    from motionlaw.tools.motion import smooth

    run = max(runs, key=lambda each: len(each.t))
    motion = smooth(run.t, run.position)
    seen = np.flatnonzero(np.isfinite(motion.acceleration).all(axis=1))
    columns = np.column_stack([run.t, motion.position, motion.velocity, motion.acceleration])[seen]
    if form == BRIEF:
        pictures, text = brief_question(columns)
        return [Message.user(*pictures, text)]
    text = question_text(run.coordinates, run.units, columns)
    return [Message.user(*plots_of(columns, run.coordinates, run.units), text)]


def plots_of(columns: np.ndarray, coordinates: Sequence[str], units: Sequence[str]) -> tuple[Image, ...]:
    """A phase portrait and a plot over time of each coordinate, as those of the data set `physsymbol` are drawn.

    Args:
        columns: Rows of t, coordinates, velocities, accelerations, shape (T, 1 + 3 D).
        coordinates: Their names.
        units: One a coordinate.
    """
    from motionlaw.tools.curve_plots import PLAIN, draw_plot

    pictures, count = [], len(coordinates)
    for k, (name, rate, unit) in enumerate(zip(coordinates, velocity_names(coordinates), units, strict=True)):
        x, v = columns[:, 1 + k], columns[:, 1 + count + k]
        words = (f"{name} ({unit})", f"{rate} ({unit}/s)") if unit else (name, rate)
        for plot in (draw_plot(x, v, words, PLAIN), draw_plot(columns[:, 0], x, ("t (s)", words[0]), PLAIN)):
            pictures.append(encode(np.ascontiguousarray(plot[:, :, ::-1])))
    return tuple(pictures)


def brief_question(columns: np.ndarray) -> tuple[tuple[Image, ...], str]:
    """The pictures and the words for a small model, the same for one that is asked and one that is trained.

    Args:
        columns: Rows of t, x, v, a, shape (T, 4).
    """
    t, x, v, a = columns.T
    (pictures,), (waves,) = draw_with_waves(Motions(t, x[None], v[None], a[None]))
    names = (("x", x), ("v", v), ("a", a))
    reach = "; ".join(f"{name} {values.min():.2g} to {values.max():.2g}" for name, values in names)
    template = files("motionlaw.agent").joinpath("prompts/hypothesise_brief.md").read_text("utf-8")
    told = "; ".join([reach, f"{t[-1] - t[0]:.3g} s", *waves])
    return tuple(map(encode, pictures)), template.strip().format(reach=told)


def question_text(coordinates: Sequence[str], units: Sequence[str], columns: np.ndarray, *, most: int = ROWS) -> str:
    """Words the question about a law, the same for a model that is asked and one that is trained.

    Args:
        coordinates: Their names.
        units: One a coordinate.
        columns: Rows of t, coordinates, velocities, accelerations, shape (T, 1 + 3 D); some are shown, evenly.
        most: How many.
    """
    rates, targets = velocity_names(coordinates), accelerations(coordinates)
    chosen = columns[np.linspace(0, len(columns) - 1, min(most, len(columns))).astype(int)]
    rows = ["t," + ",".join([*coordinates, *rates, *targets])]
    rows += [",".join(f"{value:.4g}" for value in row) for row in chosen]
    equations = "; ".join(f"{target} = ..." for target in targets)
    example = "\n".join(
        f"{target} = -9.8*sin({name}) - 0.1*{rate}"
        for target, name, rate in zip(targets, coordinates, rates, strict=True)
    )
    template = files("motionlaw.agent").joinpath("prompts/hypothesise.md").read_text("utf-8")
    return template.format(
        coordinates=", ".join(f"{name} ({unit or 'no unit'})" for name, unit in zip(coordinates, units, strict=True)),
        velocities=", ".join(rates),
        rows="\n".join(rows),
        wanted=f"as {equations}" + (", one equation a line" if len(coordinates) > 1 else ""),
        names=", ".join([*coordinates, *rates, "t"]),
        example=example,
    )


def accelerations(coordinates: Sequence[str]) -> list[str]:
    """What accelerations are called: a, or a_ and the coordinate where there are several."""
    return ["a"] if len(coordinates) == 1 else [f"a_{name}" for name in coordinates]


