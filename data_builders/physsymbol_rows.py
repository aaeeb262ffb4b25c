"""PhysSymbol as rows: a motion's numbers and pictures, its law, and the chain of thought that leads to it.

    motionlaw build physsymbol --n 5000 --seed 0 --out laws
    motionlaw build physsymbol --n 500 --out noisy --set measurement_noise=0.02 --set grammar=wide

One row is one oscillator. Splits beside the usual ones: laws whose families never come together in training, laws
whose numbers lie outside the ranges of training, and both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from motionlaw.data_builders.builder import Builder, Row, image_field
from motionlaw.data_builders.ccot import chain, chain_text, term_text
from motionlaw.data_builders.identifiability import LEAST_EFFECT, LEAST_SWAPPED, LEAST_SWAPPED_TWICE
from motionlaw.data_builders.physsymbol import (
    ABOVE,
    BELOW,
    BENCHMARK_SEED,
    DT_S,
    FAMILIES,
    FEWEST_TERMS,
    LEAST_LATE,
    LEAST_SPREAD,
    MOST_REACH,
    MOST_TERMS,
    SHOWN,
    START,
    T_END_S,
    WIDE,
    Family,
    Oscillator,
    T,
    V,
    X,
    draw_oscillator,
)  # fmt: skip
from motionlaw.tools.curve_plots import FRAMES, PALETTES, SIZES, draw_plot, draw_style, encode_png
from motionlaw.tools.errors import UserError
from motionlaw.tools.printing import format_expr

QUESTION = "What is the acceleration of this motion as a function of x, v and t?"
# Of a hundred sets of families these are kept out of training; of so many oscillators one has numbers out of range.
HELD_OUT_PERCENT, ONE_OUTSIDE_IN = 10, 20
GRAMMARS = {"eleven": FAMILIES, "wide": WIDE}
# The pictures: column, what goes across and up, and their names.
PICTURES = {
    "phase_portrait": ("x", "v", ("x (m)", "v (m/s)")),
    "trajectory": ("t", "x", ("t (s)", "x (m)")),
    "force_plot": ("x", "a", ("x (m)", "a (m/s²)")),
}
TERM = pa.struct([("family", pa.string()), ("term", pa.string()), ("numbers", pa.list_(pa.float64()))])


@dataclass(frozen=True)
class _Maker:
    """The settings, and the functions that a builder needs of them."""

    grammar: str
    process_noise: float
    measurement_noise: float
    has_force_plot: bool

    @property
    def pictures(self) -> list[str]:
        return [name for name in PICTURES if name != "force_plot" or self.has_force_plot]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [
                pa.field("name", pa.string()),
                *(image_field(name) for name in self.pictures),
                pa.field("question", pa.string()),
                pa.field("ccot", pa.string()),
                pa.field("law", pa.string()),
                pa.field("terms", pa.list_(TERM)),
                *(pa.field(name, pa.list_(pa.float64())) for name in "txva"),
                pa.field("is_outside", pa.bool_()),
                pa.field("observations", pa.string()),
            ]
        )

    def make(self, seed: int, index: int) -> list[Row]:
        """The row of one oscillator."""
        if seed == BENCHMARK_SEED:
            raise UserError(f"seed must not be {seed}, the seed of the benchmark physsymbol-laws.")
        is_outside = index % ONE_OUTSIDE_IN == ONE_OUTSIDE_IN - 1
        families = GRAMMARS[self.grammar]
        drawn = draw_oscillator(seed, index, families=families, is_outside=is_outside, process_noise=self.process_noise)
        # The clean motion must not change with how it is shown.
        rng = np.random.default_rng([seed, index, 1])
        seen = {"t": drawn.t} | {name: self._measured(getattr(drawn, name), rng) for name in "xva"}
        row = told_row(drawn, is_outside=is_outside)
        return [row | seen | {name: self._drawn(name, seen, rng) for name in self.pictures}]

    def _measured(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return values + self.measurement_noise * np.std(values) * rng.normal(size=len(values))

    @staticmethod
    def _drawn(picture: str, seen: dict[str, np.ndarray], rng: np.random.Generator) -> Row:
        across, up, names = PICTURES[picture]
        return {"bytes": encode_png(draw_plot(seen[across], seen[up], names, draw_style(rng))), "path": None}

    def describe(self) -> str:
        """The card's text."""
        return "\n".join([*_distributions(self), "", *_family_table(GRAMMARS[self.grammar])])


def told_row(drawn: Oscillator, *, is_outside: bool = False) -> Row:
    """The words of a row: the question, the chain of thought and the law."""
    sentences = chain(drawn)
    return {
        "name": drawn.name,
        "question": QUESTION,
        "ccot": chain_text(sentences, drawn.formula),
        "law": drawn.formula,
        "terms": _terms(drawn),
        "is_outside": is_outside,
        "observations": json.dumps([each.to_dict() for each in sentences]),
    }


def builder(
    grammar: str = "eleven", process_noise: float = 0.0, measurement_noise: float = 0.0, force_plot: bool = False
) -> Builder:
    """Makes the builder.

    Args:
        grammar: ``"eleven"`` families, or ``"wide"``.
        process_noise: Random pushes, as a share of the force's rms.
        measurement_noise: Noise on x, v and a, as a share of each one's spread.
        force_plot: Whether a third picture shows a against x.

    Raises:
        UserError: A setting is out of its range.
    """
    if grammar not in GRAMMARS:
        raise UserError(f"grammar must be {' or '.join(GRAMMARS)}, got '{grammar}'.")
    for name, value in (("process_noise", process_noise), ("measurement_noise", measurement_noise)):
        if not 0 <= value <= 1:
            raise UserError(f"{name} must be a share from 0 to 1, got {value:g}.")
    maker = _Maker(grammar, process_noise, measurement_noise, force_plot)
    return Builder("physsymbol", maker.schema, maker.make, _group, _pair, maker.describe, _held_out)


def is_held_out(families: Sequence[str]) -> bool:
    """Whether laws of these families together are kept out of training."""
    name = " + ".join(sorted(families))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 100 < HELD_OUT_PERCENT


def _terms(drawn: Oscillator) -> list[Row]:
    return [
        {"family": term.family.name, "term": term_text(term), "numbers": list(term.numbers)} for term in drawn.terms
    ]


def _group(row: Row) -> str:
    return str(row["name"])


def _pair(row: Row) -> tuple[bytes, str]:
    return np.asarray(row["x"]).tobytes(), row["question"]


def _held_out(row: Row) -> str | None:
    is_new = is_held_out([term["family"] for term in row["terms"]])
    if row["is_outside"]:
        return "test_both" if is_new else "test_parameters"
    return "test_structure" if is_new else None


def _distributions(maker: _Maker) -> list[str]:
    """Every distribution in words."""
    count = len(GRAMMARS[maker.grammar])
    sizes = ", ".join(f"{width}×{height}" for width, height in SIZES)
    return [
        f"Motions x(t) of one coordinate under a = f(x, v, t), a sum of {FEWEST_TERMS} to {MOST_TERMS} terms of "
        f"{count} families, with their pictures, their rows, the law, and a chain of thought written by rule from "
        "measured features. A rebuild of PhysSymbol (VIPER-R1, arXiv 2508.17380), whose data were never released.",
        "", "## Distributions", "",
        f"- **Number of terms**: uniform from {FEWEST_TERMS} to {MOST_TERMS}; families without repetition, uniform.",
        "- **Numbers**: uniform in the ranges below, to three significant digits; where a sign is marked, half are "
        "negated.",
        f"- **First state**: x in m and v in m/s, uniform in {START[0]:g} to {START[1]:g}.",
        f"- **Times**: 0 to {T_END_S:g} s in steps of {DT_S:g} s; relative error of the integration 1e-11 a step.",
        f"- **Kept** if |x| stays below {MOST_REACH:g} m, the spread of x is at least {LEAST_SPREAD:g} m and in the "
        f"second half at least {100 * LEAST_LATE:g} % of that, and every term shows in the first {100 * SHOWN:g} % of "
        f"the rows: the acceleration, fitted again without it, is missed by at least {100 * LEAST_EFFECT:g} % of its "
        f"rms, with any other family or v² in its place by {100 * LEAST_SWAPPED:g} %, with any two by "
        f"{100 * LEAST_SWAPPED_TWICE:g} %. Else all but the number of terms is drawn again, so families and numbers "
        "of kept laws are not quite uniform.",
        f"- **Process noise**: a random push of one step's length at a time, {maker.process_noise:g} of the force's "
        "rms; `a` is the acceleration by the law, without the pushes.",
        f"- **Measurement noise** on x, v and a: {maker.measurement_noise:g} of the spread of each; in rows and "
        "pictures. The chain of thought is measured on the motion without it.",
        f"- **Pictures**: {', '.join(maker.pictures)}; {sizes} pixels; {len(PALETTES)} palettes, {len(FRAMES)} kinds "
        "of frame, with or without grid, thin or thick lines or dots.",
        f"- **test_structure**: {HELD_OUT_PERCENT} % of all sets of families, by hash, never in training. "
        f"**test_parameters**: one oscillator in {ONE_OUTSIDE_IN}, each number between {BELOW[0]:g} and {BELOW[1]:g} "
        f"times the low end of its range or {ABOVE[0]:g} and {ABOVE[1]:g} times the high end. **test_both**: both.",
    ]  # fmt: skip


def _family_table(families: Sequence[Family]) -> list[str]:
    """Each family's term and the ranges of its numbers."""
    import sympy

    lines = ["| family | term | ranges |", "| --- | --- | --- |"]
    for family in families:
        letters = [sympy.Symbol("k"), sympy.Symbol("w")][: len(family.ranges)]
        ranges = [f"{name}: {low:g} to {high:g}" for name, (low, high) in zip(letters, family.ranges, strict=True)]
        sign = ", either sign" if family.has_sign else ""
        term = format_expr(family.term(sympy, X, V, T, *letters), 6)
        lines.append(f"| {family.name} | `{term}` | {'; '.join(ranges)}{sign} |")
    return lines
