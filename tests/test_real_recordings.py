"""The easy cases of `benchmarks/real.py` must hold: real recordings in, the known law out."""

import importlib.util
import sys
from pathlib import Path

import pytest

EASY = (
    "air-track cart, real_linear_h_1",
    "simulated cart, linear_h_1",
    "ball drop",
    "ball in oil (human track)",
    "galileo's projectile",
    "pendulum with drag",
    "pucks collide",
    "pulled cart force_08",
    "mass on spring video_36",
)


@pytest.fixture(scope="session")
def benchmark():
    """The benchmark's module; it stands outside the package."""
    path = Path(__file__).parent.parent / "benchmarks" / "real.py"
    spec = importlib.util.spec_from_file_location("benchmark_real", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmark_real"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", EASY)
def test_known_law_comes_out_of_a_recording(name, benchmark, shared_data):
    """Every claim of the case holds."""
    case = next(case for case in benchmark.cases(shared_data) if case.name == name)
    row = benchmark.run(case, shared_data)
    assert row.claims, row.law
    assert [claim for claim in row.claims if not claim.holds] == []


@pytest.mark.parametrize("kind", range(3))
def test_noise_is_refused(kind, benchmark, tmp_path):
    """White noise, a random walk and Brownian dust, read from a table, have no law."""
    case = benchmark.made_noise(tmp_path)[kind]
    row = benchmark.run(case, tmp_path)
    assert all(claim.holds for claim in row.claims), row.law
