"""What a mere threshold reads, without a model, from the regression that draws a small model's pictures.

    python benchmarks/threshold.py laws [--split test_structure] [--most 200]

For each row of a data set of `motionlaw build physsymbol`: the eleven families' terms, with the frequencies that
`motionlaw.tools.components` finds, are fitted to the acceleration together, and the term whose loss costs least goes as
long as no more than a hundredth of the acceleration's rms is missed. To be held beside `motionlaw train measure`.
"""

from __future__ import annotations

import argparse

import numpy as np

from motionlaw.eval.log import commit
from motionlaw.eval.scorers import score_law
from motionlaw.tools.components import take_apart
from motionlaw.tools.equation import parse
from motionlaw.training.conversations import Source

MISSED = 0.01


def read(t: np.ndarray, x: np.ndarray, v: np.ndarray, a: np.ndarray) -> str:
    """The law that is left, with fitted numbers."""
    terms = {
        "x": x, "v": v, "x**3": x**3, "v**3": v**3, "x**2": x**2, "x*cos(x)": x * np.cos(x), "v*abs(v)": v * np.abs(v),
        "1": np.ones_like(x), "v*x**2": v * x**2,
    }  # fmt: skip
    groups = [[name] for name in terms]
    for frequency in take_apart(t, x[None], v[None], a[None]).frequency[0]:
        if np.isfinite(frequency):
            pair = {f"{kind.__name__}({frequency:.6g}*t)": kind(frequency * t) for kind in (np.cos, np.sin)}
            terms |= pair
            groups.append(list(pair))

    def fitted(kept: list[list[str]]) -> tuple[float, dict[str, float]]:
        names = [name for group in kept for name in group]
        columns = np.column_stack([terms[name] for name in names])
        weights = np.linalg.lstsq(columns, a, rcond=1e-12)[0]
        return float(np.sqrt(np.mean((columns @ weights - a) ** 2))), dict(zip(names, weights, strict=True))

    allowed = MISSED * float(np.sqrt(np.mean(a**2)))
    while len(groups) > 1:
        tries = [[group for group in groups if group is not lost] for lost in groups]
        best = min(tries, key=lambda kept: fitted(kept)[0])
        if fitted(best)[0] > max(allowed, fitted(groups)[0] * 1.05):
            break
        groups = best
    return " + ".join(f"({weight:.8f})*{name}" for name, weight in fitted(groups)[1].items())


def main() -> None:
    parser = argparse.ArgumentParser(description="Laws read by a threshold, without a model.")
    parser.add_argument("laws", help="folder of motionlaw build physsymbol")
    parser.add_argument("--split", default="test_structure", help="which rows")
    parser.add_argument("--most", type=int, default=200, help="how many")
    options = parser.parse_args()
    found = []
    for row in Source.read(f"laws={options.laws}").rows(options.split, most=options.most):
        t, x, v, a = (np.asarray(row[name], dtype=float) for name in "txva")
        few = slice(None, None, max(1, len(t) // 500))
        scores = score_law(parse(read(t[few], x[few], v[few], a[few])), parse(row["law"]), {"t": t, "x": x, "v": v})
        found.append([float(scores.s_struct or 0), float(scores.is_exact or 0)])
    values = np.array(found)
    told = [f"{each.mean():.3f} ± {each.std(ddof=1) / len(each) ** 0.5:.3f}" for each in values.T]
    print(f"{len(values)} rows of {options.split}: S_struct {told[0]}, exact structure {told[1]}, commit {commit()}")


if __name__ == "__main__":
    main()
