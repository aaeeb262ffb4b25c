"""Structure search in weak form: the right terms, from noisy positions alone."""

import numpy as np
import sympy

from motionlaw.tools.library import Feature, feature_library
from motionlaw.tools.motion import smooth
from motionlaw.tools.search import Samples, WeakSystem, best_subsets, model_of, weak_system

X, V = sympy.symbols("x v")


def samples_of(t, x, noise):
    kinematics = smooth(t, x[:, None], noise_std=np.array([noise]))
    return Samples(t, x[:, None], np.hstack([kinematics.position, kinematics.velocity]), np.array([noise]))


def searched(t, x, noise, *, most_terms=4, is_angle=False):
    library = feature_library(("x",), 0, order=2, is_angle=[is_angle])
    system = weak_system([samples_of(t, x, noise)], library, 0, coordinates=("x",), order=2, window_s=1.5)
    return best_subsets(system, most_terms=most_terms)


def test_linear_oscillator_is_found_with_its_coefficients(rng):
    """The best pair of terms is {x, v}, with coefficients near the truth."""
    t = np.linspace(0, 20, 600)
    x = np.exp(-0.05 * t) * np.cos(2 * t) + 0.01 * rng.normal(size=600)
    best = next(support for support in searched(t, x, 0.01) if len(support.features) == 2)
    found = dict(zip([f.expression for f in best.features], best.coefficients, strict=True))
    assert set(found) == {X, V}
    assert abs(found[X] + 4.0025) < 0.05
    assert abs(found[V] + 0.1) < 0.02


def test_search_never_differentiates_noise(rng):
    """At 5 % noise the best single term and its coefficient are still right."""
    t = np.linspace(0, 20, 600)
    x = np.cos(2 * t) + 0.05 * rng.normal(size=600)
    best = next(support for support in searched(t, x, 0.05) if len(support.features) == 1)
    assert [f.expression for f in best.features] == [X]
    assert abs(best.coefficients[0] + 4) < 0.1


def test_best_subsets_equal_exhaustive_search(rng):
    """On a small random problem the beam finds the true best pairs."""
    matrix = rng.normal(size=(60, 9))
    vector = 2 * matrix[:, 3] - matrix[:, 7] + 0.1 * rng.normal(size=60)
    features = tuple(Feature(sympy.Symbol(f"f{k}"), 1.0) for k in range(9))
    pairs = [s for s in best_subsets(WeakSystem(matrix, vector, features, 60), most_terms=2) if len(s.features) == 2]
    misfits = {}
    for a in range(9):
        for b in range(a + 1, 9):
            columns = matrix[:, [a, b]]
            rest = vector - columns @ np.linalg.lstsq(columns, vector, rcond=None)[0]
            misfits[a, b] = rest @ rest
    assert min(misfits, key=misfits.get) == (3, 7)
    assert [str(f.expression) for f in pairs[0].features] == ["f3", "f7"]
    np.testing.assert_allclose(pairs[0].misfit, misfits[3, 7], rtol=1e-9)


def test_terms_the_data_cannot_tell_apart_are_named_by_the_plainer_one():
    """Where the velocity never changes sign, sign(v) does not stand in for a constant force."""
    t = np.linspace(0, 2, 200)
    library = feature_library(("x",), 0, order=2, is_angle=[False])
    samples = samples_of(t, -4.905 * t**2 - t, 1e-6)
    system = weak_system([samples], library, 0, coordinates=("x",), order=2, window_s=0.5)
    assert all(sympy.sign(V) not in [f.expression for f in s.features] for s in best_subsets(system, most_terms=2))


def test_terms_with_a_pole_in_the_data_are_left_out():
    """1/x is no candidate for a motion through x = 0."""
    t = np.linspace(0, 20, 400)
    library = feature_library(("x",), 0, order=2, is_angle=[False])
    system = weak_system([samples_of(t, np.sin(t), 1e-6)], library, 0, coordinates=("x",), order=2, window_s=1.5)
    assert 1 / X not in [f.expression for f in system.features]


def test_model_names_every_constant():
    """Chosen terms become a law whose constants can be fitted."""
    t = np.linspace(0, 20, 400)
    support = searched(t, np.cos(2 * t), 1e-6)[0]
    model = model_of([support], coordinates=("x",), order=2)
    assert model.parameters == ("c_1",)
    assert abs(model.values[0] + 4) < 1e-3
