"""From pixels to metres."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlaw.tools.errors import UserError
from motionlaw.tools.scale import Scale, parse_scale
from motionlaw.tools.trajectory import Track


@pytest.mark.parametrize(
    ("text", "metres_per_pixel"),
    [
        ("120px=0.5m", 0.5 / 120),
        ("0.5 m = 120 px", 0.5 / 120),
        ("100px=25cm", 0.0025),
        ("10px=2mm", 0.0002),
        ("50px=1ft", 0.3048 / 50),
        ("25.4px=1in", 0.001),
        ("1e3px=1km", 1.0),
    ],
)
def test_scales_read_as_users_write_them(text: str, metres_per_pixel: float) -> None:
    """Every unit, either side first, gives metres per pixel."""
    assert parse_scale(text).metres_per_pixel == pytest.approx(metres_per_pixel)


@pytest.mark.parametrize("text", ["", "120", "120px", "120px=", "px=m", "120px=0.5", "1m=2m", "1px=2px",
                                  "120px=0.5furlong",
                                  "0px=1m",
                                  "-3px=1m", "120px=1m=2m", "1e999px=1m", "__import__('os')px=1m"])  # fmt: skip
def test_bad_scales_are_one_sentence(text: str) -> None:
    """Whatever does not parse is refused with what was got."""
    with pytest.raises(UserError, match=r"scale .*'") as error:
        parse_scale(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("origin", ["1", "a,b", "1,2,3", "nan,1"])
def test_bad_origins_are_refused(origin: str) -> None:
    """An origin is two finite numbers."""
    with pytest.raises(UserError, match="origin"):
        parse_scale("1px=1m", origin=origin)


def test_y_points_up_from_the_origin() -> None:
    """A point above the origin has positive y."""
    scale = parse_scale("100px=1m", origin="50,200")
    assert scale.to_coordinates(np.array([[150.0, 100.0]])) == pytest.approx(np.array([[1.0, 1.0]]))


def test_a_tilted_axis_runs_along_the_slope() -> None:
    """A point up a slope of 30 degrees lies on the x axis tilted by 30 degrees."""
    up_the_slope = np.array([[math.cos(math.pi / 6), -math.sin(math.pi / 6)]])
    assert Scale(tilt_rad=math.pi / 6).to_coordinates(up_the_slope) == pytest.approx(np.array([[1.0, 0.0]]))


@given(
    st.floats(1e-4, 10), st.tuples(st.floats(-500, 500), st.floats(-500, 500)), st.floats(-3, 3),
    st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
)  # fmt: skip
def test_pixels_survive_the_round_trip(
    factor: float, origin: tuple[float, float], tilt: float, point: tuple[float, float]
) -> None:
    """Coordinates turned back are the pixels again."""
    scale = Scale(factor, origin, tilt, "m")
    assert scale.to_pixels(scale.to_coordinates(np.array([point]))) == pytest.approx(np.array([point]), abs=1e-6)
    assert Scale.from_dict(scale.to_dict()) == scale


def test_a_track_keeps_its_gaps_and_times() -> None:
    """Applying a scale leaves NaN where it was."""
    position = np.array([[10.0, 20.0], [np.nan, np.nan], [30.0, 40.0]])
    track = Track(0, "object 1", np.arange(3), np.array([0.0, 0.1, 0.3]), position, np.ones(3), np.full((3, 4), np.nan))
    run = parse_scale("10px=1m").apply(track)
    assert run.units == ("m", "m")
    assert run.coordinates == ("x", "y")
    assert np.isnan(run.position[1]).all()
    assert run.position[2] == pytest.approx([3.0, -4.0])
    assert run.t.tolist() == [0.0, 0.1, 0.3]
