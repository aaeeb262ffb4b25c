"""PhysSymbol as rows: the motion, its law, and what a question about it needs.

motionlaw build physsymbol --n 5000 --seed 0 --out laws
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from motionlaw.data_builders.builder import Builder, Row
from motionlaw.data_builders.physsymbol import draw_oscillator
from motionlaw.tools.printing import format_expr

QUESTION = "What is the acceleration of this motion as a function of x, v and t?"

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("question", pa.string()),
        *(pa.field(name, pa.list_(pa.float64())) for name in ("t", "x", "v", "a")),
        pa.field("law", pa.string()),
        pa.field("families", pa.list_(pa.string())),
    ]
)


def builder() -> Builder:
    """Makes the builder."""
    return Builder("physsymbol", SCHEMA, make, group, pair, describe)


def make(seed: int, index: int) -> list[Row]:
    """The row of one oscillator."""
    drawn = draw_oscillator(seed, index)
    return [
        {
            "name": drawn.name,
            "question": QUESTION,
            **{name: getattr(drawn, name) for name in ("t", "x", "v", "a")},
            "law": format_expr(drawn.law, 6),
            "families": list(drawn.families),
        }
    ]


def group(row: Row) -> str:
    """The law's terms."""
    return "physsymbol " + " + ".join(row["families"])


def pair(row: Row) -> tuple[bytes, str]:
    """The positions, and the question."""
    return np.asarray(row["x"]).tobytes(), row["question"]


def describe() -> str:
    """The card's text."""
    return "Oscillators whose acceleration is a sum of terms."
