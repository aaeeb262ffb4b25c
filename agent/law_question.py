"""The question about a law, in the forms in which models are asked and trained.

A large model sees a phase portrait and a plot over time, some rows, and is told what to do (``full``). A small one,
that was trained on just that, sees three pictures of two panels and is told how far each quantity reaches (``brief``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from motionlaw.agent.messages import Image, Message
from motionlaw.agent.pictures import encode
from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.known_terms import Kinds, read_kinds
from motionlaw.tools.panels import Motions, draw_with_waves
from motionlaw.tools.trajectory import Trajectory

FULL, BRIEF = FORMS = ("full", "brief")
ROWS = 24
# Frequencies that differ by less are one.
SAME_FREQUENCY = 0.1


def smoothed(runs: Sequence[Trajectory]) -> np.ndarray:
    """The longest run as a large model sees it: rows of t, coordinates, velocities, accelerations, (T, 1 + 3 D)."""
    from motionlaw.tools.motion import smooth

    run = max(runs, key=lambda each: len(each.t))
    motion = smooth(run.t, run.position)
    seen = np.flatnonzero(np.isfinite(motion.acceleration).all(axis=1))
    return np.column_stack([run.t, motion.position, motion.velocity, motion.acceleration])[seen]


def known_kinds() -> Kinds:
    """The kinds of term that models of the brief form are taught laws of: those of the data set physsymbol."""
    return read_kinds(files("motionlaw.agent").joinpath("prompts/brief_kinds.json").read_text("utf-8"))


def question(runs: Sequence[Trajectory], columns: np.ndarray, *, form: str = FULL) -> list[Message]:
    """Returns what a model is asked about runs: the pictures, the numbers and the form of the answer.

    Args:
        runs: Of one law.
        columns: The longest of them, as of `smoothed`, or in the brief form of `motionlaw.agent.swing.as_swing`.
        form: Of `FORMS`.
    """
    if form == BRIEF:
        pictures, text = brief_question(columns)
        return [Message.user(*pictures, text)]
    text = question_text(runs[0].coordinates, runs[0].units, columns)
    return [Message.user(*plots_of(columns, runs[0].coordinates, runs[0].units), text)]


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
    named = [f"w{k} = {frequency:.3g}" for k, frequency in enumerate(waves, start=1) if np.isfinite(frequency)]
    told = "; ".join([reach, f"{t[-1] - t[0]:.3g} s", *named])
    return tuple(map(encode, pictures)), template.strip().format(reach=told)


def frequencies_in(text: str) -> dict[str, float]:
    """The frequencies that a brief question names.

    Example:
        >>> frequencies_in("Motion of x. x -1 to 2; 20 s; w1 = 1.7; w2 = 0.712. Find a = f(x, v, t).")
        {'w1': 1.7, 'w2': 0.712}
    """
    return {name: float(number) for name, number in re.findall(r"\b(w\d) = (\d+(?:\.\d+)?)", text)}


def filled(answer: str, text: str) -> str:
    """An answer with the numbers of the frequencies that its question names.

    Example:
        >>> filled("a = -2*x + 0.5*cos(w1*t)", "20 s; w1 = 1.7. Find")
        'a = -2*x + 0.5*cos(1.7*t)'
    """
    known = frequencies_in(text)
    return re.sub(r"\bw\d\b", lambda found: f"{known[found[0]]:g}" if found[0] in known else found[0], answer)


def named(law: str, text: str) -> str:
    """A law with the names that its question has for its frequencies, where they are as near as laws are told apart by.

    Example:
        >>> named("0.5*cos(1.72*t) - 0.3*sin(0.5*t)", "20 s; w1 = 1.7. Find")
        '0.5*cos(w1*t) - 0.3*sin(0.5*t)'
    """
    known = frequencies_in(text)

    def name(found: re.Match[str]) -> str:
        true = float(found[1])
        near = sorted((abs(value / true - 1), name) for name, value in known.items())
        return f"({near[0][1]}*t)" if near and near[0][0] < SAME_FREQUENCY else found[0]

    return re.sub(r"\((\d*\.?\d+)\*t\)", name, law)


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


