"""One declared rule says whether an answer in words is right."""

import pytest

from motionlaw.eval.answers import is_right


@pytest.mark.parametrize(
    ("answer", "truth", "rivals", "tolerance", "right"),
    [
        ("right", "right", ["left"], None, True),
        ("to the right", "right", ["left"], None, True),
        ("right or left", "right", ["left"], None, False),
        ("", "right", [], None, False),
        ("2", "2", [], None, True),
        ("3", "2", [], None, False),
        ("0.52 ± 0.02 s", "0.5 s", [], None, True),
        ("0.60 s", "0.5 s", [], None, False),
        ("0.60 s", "0.5 s", [], 0.2, True),
        ("the blue one", "blue", [], None, True),
        ("No", "no", [], None, True),
        ("vertical oscillation", "oscillation", [], None, True),
        ("it could be left, up, down, right or nothing at all", "right", [], None, False),
    ],
)
def test_rule(answer, truth, rivals, tolerance, right):
    """Words in order without rivals; numbers within their tolerance; counts exactly."""
    assert is_right(answer, truth, rivals=rivals, tolerance=tolerance) is right
