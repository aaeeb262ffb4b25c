"""The search for best subsets."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlaw.tools.subsets import Products, Worth, best_subsets, pool_of, sparsest


def _problem(seed: int, columns: int = 12, rows: int = 80, noise: float = 0.3):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(columns, rows)) + 0.8 * rng.normal(size=rows)
    target = matrix[[1, 4, 7]].T @ np.array([1.0, -0.7, 0.5]) + noise * rng.normal(size=rows)
    return matrix, target, Worth(np.full(columns, 1.0), rows, float(target @ target))


def _exhaustive(matrix, target, worth, most):
    best = (np.inf, ())
    for size in range(most + 1):
        for chosen in combinations(range(len(matrix)), size):
            misfit = float(target @ target)
            if chosen:
                fit, *_ = np.linalg.lstsq(matrix[list(chosen)].T, target, rcond=None)
                misfit = float(np.sum((target - matrix[list(chosen)].T @ fit) ** 2))
            best = min(best, (float(worth.score(misfit, worth.prices[list(chosen)].sum(), size)), chosen))
    return best


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_small_problems_are_solved_exactly(seed):
    """On small problems the best subset found is the best of all subsets."""
    matrix, target, worth = _problem(seed)
    score, chosen = _exhaustive(matrix, target, worth, 4)
    found = best_subsets(Products(matrix, target), worth, most_terms=4)[0]
    assert found.columns == chosen
    assert found.score == pytest.approx(score, rel=1e-9)


def test_the_true_columns_are_found_among_twenty_thousand():
    """Screening twenty thousand columns keeps the four that make up the target, and the search picks them."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(20_000, 300))
    true = [17, 4_000, 12_345, 19_999]
    target = np.array([1.0, -0.5, 0.3, 0.2]) @ matrix[true] + 0.05 * rng.normal(size=300)
    worth = Worth(np.full(20_000, 9.9), 300, float(target @ target))
    pool = pool_of(matrix, target, worth, most_terms=5)
    assert set(true) <= set(pool.tolist())
    inner = Worth(np.full(len(pool), 9.9), 300, float(target @ target))
    best = best_subsets(Products(matrix[pool], target), inner, most_terms=6)[0]
    assert [int(pool[k]) for k in best.columns] == true


def test_forced_columns_stand_in_every_subset():
    """An ansatz to build upon is never dropped."""
    matrix, target, worth = _problem(3)
    found = best_subsets(Products(matrix, target), worth, most_terms=4, forced=(0, 2))
    assert all({0, 2} <= set(each.columns) for each in found)


def test_a_dearer_twin_is_not_chosen():
    """Of two equal columns the cheaper one is chosen, and never both."""
    matrix, target, _ = _problem(5)
    twins = np.vstack([matrix, matrix[1]])
    prices = np.append(np.full(12, 1.0), 3.0)
    best = best_subsets(Products(twins, target), Worth(prices, 80, float(target @ target)), most_terms=5)[0]
    assert 12 not in best.columns and 1 in best.columns


def test_the_misfit_is_what_least_squares_leaves():
    """Misfits from the orthogonal updates agree with a direct solution."""
    matrix, target, worth = _problem(9)
    for each in best_subsets(Products(matrix, target), worth, most_terms=4)[:10]:
        if each.columns:
            fit, *_ = np.linalg.lstsq(matrix[list(each.columns)].T, target, rcond=None)
            rest = target - matrix[list(each.columns)].T @ fit
            assert each.misfit == pytest.approx(float(rest @ rest), rel=1e-9)


@pytest.mark.parametrize("chosen", [(0, 3), (1, 4, 7), (2, 12, 15, 20)])
def test_the_sparsest_exact_sum_is_found_among_columns_that_are_much_alike(chosen):
    """Powers, sines and exponentials over a short range: a beam cannot tell them, exact rows can."""
    x = np.linspace(-1.2, 1.7, 300)
    columns = np.array(
        [x**k for k in range(10)] + [np.sin(x), np.cos(x), x * np.cos(x), x * np.sin(x), np.exp(x), np.exp(-x)]
        + [np.tanh(x), np.arctan(x), x * np.abs(x), np.exp(-(x**2)), np.sin(2 * x), np.cos(2 * x)]
    )  # fmt: skip
    target = columns[list(chosen)].T @ np.array([1.3, -0.7, 0.4, 2.0])[: len(chosen)]
    assert chosen in sparsest(columns, target, np.ones(len(columns)))
