"""SINDy: sparse regression on a fixed library (package pysindy), its threshold chosen on rows it has not seen.

Best where the law is a short sum of library terms; then it takes hundredths of a second.

Source: Brunton, Proctor, Kutz (2016), "Discovering governing equations from data by sparse identification".
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import missing_extra

DEGREE = 3
# Thresholds on columns of unit size, as shares of the target's standard deviation.
THRESHOLDS = np.geomspace(1e-3, 0.5, 14)
VALIDATION_SHARE = 0.2
# A sparser model wins if its error on unseen rows is at most this much larger than the best one's.
TOLERANCE = 1.05


def preflight() -> None:
    """Checks that pysindy is installed."""
    if find_spec("pysindy") is None:
        raise missing_extra("Searching with sindy", "pysindy", "symbolic")


def search(
    X: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    *,
    deadline: float,
    seed: int,
    guesses: Sequence[str],
    folder: Path,
) -> list[str]:
    """Fits polynomials, sines and cosines with two of pysindy's optimisers over a range of thresholds.

    Nothing in it is random, and it takes no guesses.

    Returns:
        One formula: the sparsest support whose error on the validation rows is within a few per cent of the best,
        fitted again to all rows.
    """
    columns, labels = _library(X, names)
    size = np.sqrt(np.mean(columns**2, axis=0))
    scaled, target = columns / size, y / (y.std() or 1.0)
    order = np.random.default_rng(seed).permutation(len(y))
    cut = max(1, int(VALIDATION_SHARE * len(y)))
    unseen, seen = order[:cut], order[cut:]
    tried: dict[tuple[int, ...], float] = {}
    for optimiser in _optimisers():
        if time.time() > deadline - 0.5 and tried:
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a threshold that drops every term warns
            optimiser.fit(scaled[seen], target[seen, None])
        support = tuple(np.flatnonzero(np.ravel(optimiser.coef_)).tolist())
        if support and support not in tried:
            fitted = np.linalg.lstsq(scaled[seen][:, support], target[seen], rcond=None)[0]
            tried[support] = float(np.mean((scaled[unseen][:, support] @ fitted - target[unseen]) ** 2))
    if not tried:
        return [repr(float(y.mean()))]
    best = min(tried.values())
    chosen = min(
        (s for s, error in tried.items() if error <= TOLERANCE * best + 1e-15), key=lambda s: (len(s), tried[s])
    )
    coefficients = np.linalg.lstsq(columns[:, chosen], y, rcond=None)[0]
    return [
        " + ".join(f"({value!r})*{labels[index]}" for value, index in zip(coefficients.tolist(), chosen, strict=True))
    ]


def _library(X: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Columns of pysindy's polynomial and Fourier libraries, and their names in our grammar."""
    from pysindy.feature_library import FourierLibrary, PolynomialLibrary

    blocks, labels = [], []
    for library in (PolynomialLibrary(degree=DEGREE), FourierLibrary(n_frequencies=1)):
        blocks.append(np.asarray(library.fit_transform(X)))
        # pysindy writes products as "x v^2" and sines as "sin(1 x)".
        labels += [label.replace(" ", "*") for label in library.get_feature_names(list(names))]
    columns = np.hstack(blocks)
    usable = np.isfinite(columns).all(axis=0) & (np.abs(columns).max(axis=0) > 0)
    return columns[:, usable], [label for label, is_usable in zip(labels, usable, strict=True) if is_usable]


def _optimisers() -> list[Any]:
    from pysindy.optimizers import SR3, STLSQ

    plain = [STLSQ(threshold=threshold, alpha=1e-8, max_iter=50) for threshold in THRESHOLDS]
    relaxed = [SR3(reg_weight_lam=threshold**2, regularizer="L0", max_iter=200) for threshold in THRESHOLDS[4::3]]
    return [*plain, *relaxed]


def best_so_far(folder: Path) -> list[str]:
    """SINDy ends long before any limit; there is nothing to rescue."""
    return []
