"""Tables of motion: every format gives the same motion, columns find their roles, repairs are told."""

import time

import numpy as np
import pandas as pd
import pytest

from motionlaw.tools.errors import UserError
from motionlaw.tools.long_records import ROW_LIMIT
from motionlaw.tools.table import is_table_path, read_columns, read_trajectories

T = np.round(np.linspace(0, 6, 121), 6)
X = np.cos(2 * T)
V = -2 * np.sin(2 * T)
A = -4 * np.cos(2 * T)


def write(path, frame, **options):
    frame.to_csv(path, index=False, **options)
    return path


@pytest.fixture
def swing() -> pd.DataFrame:
    return pd.DataFrame({"t": T, "x": X, "v": V, "a": A})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("run.csv", {}),
        ("run.tsv", {"sep": "\t"}),
        ("run.txt", {"sep": " "}),
        ("semicolons.csv", {"sep": ";", "decimal": ","}),
        ("tabs_and_commas.txt", {"sep": "\t", "decimal": ","}),
        ("bytes.csv", {"encoding": "utf-16"}),
        ("excel.csv", {"encoding": "utf-8-sig"}),
    ],
)
def test_text_formats_give_the_same_motion(tmp_path, swing, name, options):
    """Separator, decimal sign and encoding are found, not asked for."""
    trajectory = read_trajectories([write(tmp_path / name, swing, **options)]).trajectories[0]
    assert trajectory.coordinates == ("x",)
    np.testing.assert_allclose(trajectory.t, T, atol=1e-9)
    np.testing.assert_allclose(trajectory.position[:, 0], X, atol=1e-9)
    np.testing.assert_allclose(trajectory.velocity[:, 0], V, atol=1e-9)
    np.testing.assert_allclose(trajectory.acceleration[:, 0], A, atol=1e-9)


def test_binary_formats_give_the_same_motion(tmp_path, swing):
    """Parquet and npz hold the same table, by vectors or as a matrix without names."""
    swing.to_parquet(tmp_path / "run.parquet")
    np.savez(tmp_path / "vectors.npz", t=T, x=X, v=V, a=A)
    np.savez(tmp_path / "matrix.npz", data=swing.to_numpy())
    for name in ("run.parquet", "vectors.npz", "matrix.npz"):
        trajectory = read_trajectories([tmp_path / name]).trajectories[0]
        assert trajectory.coordinates == ("x",), name
        np.testing.assert_allclose(trajectory.acceleration[:, 0], A)


def test_latin_1_is_read_and_told(tmp_path):
    """A header in another encoding is read as Latin-1, with a warning."""
    path = tmp_path / "run.csv"
    path.write_bytes(
        "t;höhe (m)\n".encode("latin-1") + "\n".join(f"{t};{x}" for t, x in zip(T, X, strict=True)).encode()
    )
    table = read_trajectories([path])
    assert table.trajectories[0].units == ("m",)
    assert any("Latin-1" in warning for warning in table.warnings)


def test_settings_above_the_header_are_skipped(tmp_path, swing):
    """Lines of settings or comments above the header are no data."""
    body = swing[["t", "x"]].to_csv(index=False)
    (tmp_path / "run.csv").write_text("# made by a logger\nfps,30\n" + body.replace("t,x", "# t,x", 1))
    assert read_trajectories([tmp_path / "run.csv"]).trajectories[0].coordinates == ("x",)


def test_units_in_headers_are_understood(tmp_path):
    """Milliseconds become seconds, degrees become radians."""
    frame = pd.DataFrame({"Time (ms)": 1000 * T, "θ [deg]": 10 * X})
    trajectory = read_trajectories([write(tmp_path / "run.csv", frame)]).trajectories[0]
    np.testing.assert_allclose(trajectory.t, T)
    np.testing.assert_allclose(trajectory.position[:, 0], np.deg2rad(10 * X))
    assert (trajectory.coordinates, trajectory.units) == (("theta",), ("rad",))


@pytest.mark.parametrize(("written", "unit"), [("m/s2", "m/s^2"), ("pixels", "px"), ("cm", "cm"), ("volts", "")])
def test_units_are_written_one_way(tmp_path, written, unit):
    """Other spellings are understood; a unit without a name here is left out with a warning."""
    table = read_trajectories([write(tmp_path / "run.csv", pd.DataFrame({"t": T, f"x ({written})": X}))])
    assert table.trajectories[0].units == (unit,)
    assert bool(table.warnings) == (unit == "")


@pytest.mark.parametrize(
    "names", [("x1", "x2", "v1", "v2"), ("o1", "o2", "w1", "w2"), ("x", "y", "v_x", "v_y"), ("x", "y", "dx", "dy")]
)
def test_velocities_of_two_coordinates_are_paired_by_name(tmp_path, names):
    """Each coordinate finds its own velocity, in whatever way it is written."""
    values = dict(zip(names, (X, np.sin(3 * T), V, 3 * np.cos(3 * T)), strict=True))
    trajectory = read_trajectories([write(tmp_path / "run.csv", pd.DataFrame({"t": T} | values))]).trajectories[0]
    assert trajectory.coordinates == names[:2]
    np.testing.assert_allclose(trajectory.velocity, np.stack([V, 3 * np.cos(3 * T)], axis=1))


def test_a_velocity_in_name_only_stays_a_coordinate(tmp_path):
    """A column called v that is no time derivative of x is kept as it is, with a warning."""
    frame = pd.DataFrame({"t": T, "x": X, "v": np.sin(5.3 * T) ** 2})
    table = read_trajectories([write(tmp_path / "run.csv", frame)])
    assert table.trajectories[0].coordinates == ("x", "v")
    assert any("not the time derivative" in warning for warning in table.warnings)


def test_a_velocity_in_other_units_is_left_out(tmp_path, swing):
    """A wrong frame rate or unit shows as a factor between v and dx/dt, and is told."""
    table = read_trajectories([write(tmp_path / "run.csv", swing.assign(v=100 * V)[["t", "x", "v"]])])
    assert table.trajectories[0].coordinates == ("x",)
    assert table.trajectories[0].velocity is None
    assert any("v is 99.9 times dx/dt" in warning for warning in table.warnings)


def test_noise_does_not_hide_a_velocity(tmp_path, swing, rng):
    """Five per cent of noise in both columns leaves v the velocity of x."""
    noisy = swing[["t"]].assign(x=X + rng.normal(0, 0.05, len(T)), v=V + rng.normal(0, 0.1, len(T)))
    assert read_trajectories([write(tmp_path / "run.csv", noisy)]).trajectories[0].velocity is not None


def test_a_circle_stays_two_coordinates(tmp_path):
    """x and y of a circle at 1 rad/s are each other's derivatives, but both are positions."""
    frame = pd.DataFrame({"t": T, "x": np.sin(T), "y": np.cos(T)})
    trajectory = read_trajectories([write(tmp_path / "run.csv", frame)]).trajectories[0]
    assert (trajectory.coordinates, trajectory.velocity) == (("x", "y"), None)


def test_the_user_decides_the_columns(tmp_path, swing):
    """--time and --columns choose, and names are then trusted."""
    frame = swing.rename(columns={"t": "clock", "x": "Position"}).assign(temperature=np.sin(T))
    path = write(tmp_path / "run.csv", frame)
    trajectory = read_trajectories([path], time="clock", columns="position,v").trajectories[0]
    assert trajectory.coordinates == ("Position",)
    np.testing.assert_allclose(trajectory.velocity[:, 0], V)
    with pytest.raises(UserError, match=r"No column 'Positon'\. Did you mean 'Position'\? Columns: clock"):
        read_trajectories([path], time="clock", columns="Positon")


def test_objects_in_long_format_are_a_scene(tmp_path):
    """A column of names makes one trajectory an object; pixels beside calibrated positions are left out."""
    parts = [
        pd.DataFrame({"t_s": T, "track": n, "px_x": 9 * X, "px_y": V, "x": k * X, "y": V})
        for k, n in ((1, "cup 3"), (2, "cup 7"))
    ]
    table = read_trajectories([write(tmp_path / "tracks.csv", pd.concat(parts))])
    assert table.is_scene
    assert [trajectory.name for trajectory in table.trajectories] == ["tracks.csv: cup 3", "tracks.csv: cup 7"]
    assert table.trajectories[0].coordinates == ("x", "y")


def test_several_files_and_a_trajectory_column_are_runs(tmp_path, swing):
    """Runs come from files, from a column, or from a time that starts again."""
    one, two = write(tmp_path / "a.csv", swing), write(tmp_path / "b.csv", swing)
    assert len(read_trajectories([one, two]).trajectories) == 2
    both = pd.concat([swing.assign(trial=i) for i in (1, 2)])
    assert len(read_trajectories([write(tmp_path / "c.csv", both)]).trajectories) == 2
    restarted = read_trajectories([write(tmp_path / "d.csv", pd.concat([swing, swing]))])
    assert len(restarted.trajectories) == 2
    assert any("starts again" in warning for warning in restarted.warnings)
    with pytest.raises(UserError, match=r"must have the same columns, but e\.csv has y"):
        read_trajectories([one, write(tmp_path / "e.csv", swing[["t", "x"]].rename(columns={"x": "y"}))])


def test_accelerations_only_are_said_to_be_so(tmp_path):
    """A phone's accelerometer gives coordinates a_x, a_y; the length of the vector is left out."""
    frame = pd.DataFrame({"Time (s)": T, "Acceleration x (m/s^2)": X, "Acceleration y (m/s^2)": V})
    frame["Absolute acceleration (m/s^2)"] = np.hypot(X, V)
    trajectory = read_trajectories([write(tmp_path / "phone.csv", frame)]).trajectories[0]
    assert (trajectory.coordinates, trajectory.units) == (("a_x", "a_y"), ("m/s^2", "m/s^2"))
    assert any("accelerations only" in note for note in trajectory.notes)


def test_deeplabcut_points_of_low_likelihood_become_gaps(tmp_path):
    """Three header rows are read, unsure points are gaps, y points up."""
    head = "scorer,net,net,net\nbodyparts,ball,ball,ball\ncoords,x,y,likelihood\n"
    body = "\n".join(f"{i},{x},{v},{0.2 if i == 7 else 0.99}" for i, (x, v) in enumerate(zip(X, V, strict=True)))
    (tmp_path / "dlc.csv").write_text(head + body)
    table = read_trajectories([tmp_path / "dlc.csv"], fps=20)
    trajectory = table.trajectories[0]
    assert (trajectory.coordinates, trajectory.units) == (("ball_x", "ball_y"), ("px", "px"))
    assert np.isnan(trajectory.position[7]).all()
    np.testing.assert_allclose(trajectory.position[8], [X[8], -V[8]])


def test_tracker_files_are_read_in_their_own_axes(tmp_path):
    """A point mass of a .trk file comes out in seconds and metres, along turned axes with y up."""

    def prop(name, inner):
        return f'<property name="{name}">{inner}</property>'

    def entry(index, **values):
        return prop(f"[{index}]", f"<object>{''.join(prop(*item) for item in values.items())}</object>")

    points = "".join(entry(10 + i, x=100 + 20 * i, y=50 - 20 * i) for i in range(6))
    axes = entry(0, xorigin=100, yorigin=50, angle=45, xscale=200, yscale=200)
    mass = "org.opensourcephysics.cabrillo.tracker.PointMass"
    ball = f'<object class="{mass}">{prop("name", "ball")}{prop("framedata", points)}</object>'
    clip = prop("videoclip", f"<object>{prop('startframe', 10)}</object>")
    clip += prop("clipcontrol", f"<object>{prop('delta_t', 40.0)}</object>")
    coords = prop("coords", f"<object>{prop('framedata', axes)}</object>")
    tracks = prop("tracks", prop("item", ball))
    (tmp_path / "ball.trk").write_text(f'<object class="TrackerPanel">{clip}{coords}{tracks}</object>')
    trajectory = read_trajectories([tmp_path / "ball.trk"], columns="x,y").trajectories[0]
    np.testing.assert_allclose(trajectory.t, 0.04 * np.arange(6))
    np.testing.assert_allclose(trajectory.position[:, 0], np.sqrt(2) * 0.1 * np.arange(6))
    np.testing.assert_allclose(trajectory.position[:, 1], 0, atol=1e-12)
    assert trajectory.units == ("m", "m")


def test_our_own_tracks_come_back_with_y_up(tmp_path):
    """What ``motionlaw track`` writes, in pixels with y down, is read as objects of a scene with y up."""
    from motionlaw.tools.tracking.output import write_tracks
    from motionlaw.tools.tracking.result import TrackingResult
    from motionlaw.tools.trajectory import Track
    from motionlaw.tools.video import VideoInfo

    position = 100 + 50 * np.stack([X, V], axis=1)
    boxes = np.concatenate([position - 5, position + 5], axis=1)
    frames = np.arange(len(T))
    tracks = tuple(Track(i, f"object {i}", frames, T, position + i, np.ones(len(T)), boxes) for i in (0, 1))
    info = VideoInfo("film.mp4", 640, 480, 20.0, 6.05, len(T), 0, "h264", False, T)
    result = TrackingResult(tracks, info, False, (), np.zeros((480, 640, 3), np.uint8))
    for name in ("tracks.csv", "tracks.parquet", "tracks.json"):
        table = read_trajectories([write_tracks(result, tmp_path / name)])
        assert (len(table.trajectories), table.is_scene) == (2, True)
        np.testing.assert_allclose(table.trajectories[0].position, position * [1, -1], rtol=1e-4)
        assert table.trajectories[0].units == ("px", "px")


def test_repairs_are_told(tmp_path, swing):
    """Unsorted rows are sorted, repeated rows dropped, missing values kept as gaps, each with a warning."""
    mixed = pd.concat([swing, swing.iloc[[40]]]).sample(frac=1, random_state=0)
    mixed.iloc[5, 1] = np.nan
    table = read_trajectories([write(tmp_path / "run.csv", mixed)])
    said = " ".join(table.warnings)
    assert "sorted by time" in said and "repeat another" in said and "kept as gaps" in said
    assert (np.diff(table.trajectories[0].t) > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[["t"]], "at least one column of numbers"),
        (lambda f: f[["x", "v"]], "no time column.*--fps 60"),
        (lambda f: f.iloc[:3], "at least 5 rows.*got 3"),
        (lambda f: f.iloc[:0], "no rows of numbers"),
        (lambda f: f.assign(x=np.nan), "every value is missing|mostly filled"),
        (lambda f: f.assign(x=f.x.where(f.t > 4)), "mostly filled, but 67% of its rows are missing"),
        (lambda f: f.assign(x=f.x.where(f.index != 8, np.inf)), "infinity in data row 9"),
        (lambda f: pd.concat([f, f.iloc[[3]].assign(x=7.0)]), "one value a time.*t = 0.15"),
        (lambda f: f.assign(t="noon"), "must hold numbers, got 'noon'"),
        (lambda f: f.rename(columns={"t": "t (years)"}), "must be in one of.*got 'years'"),
    ],
)
def test_unusable_tables_are_refused_in_one_sentence(tmp_path, swing, change, message):
    """What has no single reading is an error that names the thing and the remedy."""
    with pytest.raises(UserError, match=message):
        read_trajectories([write(tmp_path / "run.csv", change(swing))])


def test_files_that_are_no_tables_are_refused(tmp_path):
    """Missing, empty, a directory, bytes, damaged, a spreadsheet: each has its own sentence."""
    (tmp_path / "empty.csv").touch()
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "words.csv").write_text("some words\nand more words\n" * 5)
    for name in ("bad.npz", "bad.parquet", "bad.json", "bad.trk"):
        (tmp_path / name).write_text("nonsense")
    for name, message in {
        "nowhere.csv": "No file",
        "": "directory",
        "empty.csv": "is empty",
        "bytes.csv": "not text",
        "words.csv": "no rows of numbers",
        "bad.npz": "cannot be read",
        "bad.parquet": "cannot be read",
        "bad.json": "cannot be read",
        "bad.trk": "no Tracker file",
    }.items():
        with pytest.raises(UserError, match=message):
            read_trajectories([tmp_path / name])
    with pytest.raises(UserError, match="fps must be positive, got 0"):
        read_trajectories([tmp_path / "nowhere.csv"], fps=0)


def test_a_long_table_is_thinned_quickly(tmp_path, rng):
    """200,000 rows become at most the limit, averaged where noise allows, said so, in a second or two."""
    t = np.arange(200_000) * 1e-3
    path = write(tmp_path / "long.csv", pd.DataFrame({"t": t, "x": np.cos(0.5 * t) + rng.normal(0, 0.02, len(t))}))
    start = time.process_time()
    table = read_trajectories([path])
    assert time.process_time() - start < 4
    trajectory = table.trajectories[0]
    assert len(trajectory.t) <= ROW_LIMIT
    assert any("200000 rows" in warning and "mean" in warning for warning in table.warnings)
    assert np.std(trajectory.position[:, 0] - np.cos(0.5 * trajectory.t)) < 0.02 / np.sqrt(5)


def test_thinning_keeps_a_fast_swing(tmp_path):
    """A long table of a fast swing is cut rather than thinned below twenty rows a period."""
    t = np.arange(200_000) * 1e-3
    table = read_trajectories([write(tmp_path / "fast.csv", pd.DataFrame({"t": t, "x": np.cos(2 * np.pi * 12 * t)}))])
    assert np.diff(table.trajectories[0].t).max() <= 1 / 12 / 20 + 1e-9
    assert any("later part left out" in warning for warning in table.warnings)


def test_columns_for_algebraic_laws_need_no_time(tmp_path):
    """A table of numbers without time serves for --target; incomplete rows go, with a warning."""
    frame = pd.DataFrame({"a_AU": [0.4, 0.7, 1, 1.5, 5.2, 9.5], "P (days)": [88, 225, 365, 687, 4333, np.nan]})
    table = read_columns([write(tmp_path / "kepler.csv", frame)])
    assert list(table.frame.columns) == ["a_AU", "P"] and len(table.frame) == 5
    assert table.units["P"] == "days" and "1 of 6 rows" in table.warnings[0]


def test_endings_tell_tables_from_videos():
    """Only the endings of tables are read as tables."""
    assert is_table_path("a.trk") and not is_table_path("a.mov")


@pytest.mark.parametrize(
    ("path", "fps", "coordinates", "has_velocity", "has_acceleration", "count"),
    [
        ("schmidt_lipson_2009/real_linear_a_1.txt", None, ("x",), True, True, 1),
        ("schmidt_lipson_2009/real_linear_h_1.txt", None, ("x",), True, False, 1),
        ("schmidt_lipson_2009/real_double_pend_h_1.txt", None, ("o1", "o2"), True, True, 2),
        ("schmidt_lipson_2009/double_pend_h_1.txt", None, ("o1", "o2"), True, True, 2),
        ("student_ball_drop/black_ball.txt", None, ("y", "x"), False, False, 1),
        ("blender_tracked_ball_and_pendulum/PENDULUM.csv", 60, ("x", "y"), False, False, 1),
        (
            "ibm_double_pendulum/run_0.csv",
            400,
            ("pivot_x", "pivot_y", "elbow_x", "elbow_y", "tip_x", "tip_y"),
            False,
            False,
            1,
        ),
        ("phone_pendulum/long_theta15.csv", None, ("a_x", "a_y", "a_z"), False, False, 1),
        ("osp_tracker_clips/cups_falling/tracks.csv", None, ("x", "y"), False, False, 2),
        ("llm_srbench_phys_osc_regenerated/PO0.npz", None, ("x",), True, True, 2),
    ],
)
def test_real_tables_are_understood(shared_data, path, fps, coordinates, has_velocity, has_acceleration, count):
    """Recordings by others, in their own formats, come out with the right roles."""
    table = read_trajectories([shared_data / path], fps=fps)
    first = table.trajectories[0]
    assert len(table.trajectories) == count
    assert first.coordinates == coordinates
    assert (first.velocity is not None, first.acceleration is not None) == (has_velocity, has_acceleration)
