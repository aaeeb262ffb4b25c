"""Bad input through the real command: one sentence on stderr, exit 2, no traceback, nothing written half."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

HOSTILE = "__import__('os').system('touch pwned')"


def motionlaw(*arguments, cwd):
    line = [sys.executable, "-m", "motionlaw", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, cwd=cwd)


def assert_refused(done, folder, message):
    """Checks the whole promise: exit 2, one sentence, no traceback, no report, nothing run."""
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("motionlaw: ") and message in last, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (folder / "report.html").exists() and not (folder / "pwned").exists()


@pytest.fixture
def swing(tmp_path) -> pd.DataFrame:
    t = np.round(np.arange(200) * 0.02, 6)
    return pd.DataFrame({"t": t, "x": np.cos(3 * t)})


TABLES = {
    "one column": (lambda f: f[["x"]], "no time column"),
    "too few rows": (lambda f: f.iloc[:4], "at least 5 rows"),
    "mostly missing": (lambda f: f.assign(x=f.x.where(f.t > 3)), "mostly filled"),
    "infinity": (lambda f: f.assign(x=f.x.where(f.index != 7, np.inf)), "infinity in data row 8"),
    "two values at one time": (lambda f: pd.concat([f, f.assign(x=5.0).iloc[[9]]]), "one value a time"),
    "a unit that does not parse": (lambda f: f.rename(columns={"x": "x (m/s^^2)"}), "unit of column x"),
    "an unknown unit of time": (lambda f: f.rename(columns={"t": "t (fortnights)"}), "got 'fortnights'"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_unusable_tables(tmp_path, swing, kind):
    """A table without a single reading is refused before any search."""
    change, message = TABLES[kind]
    change(swing).to_csv(tmp_path / "run.csv", index=False)
    assert_refused(motionlaw("discover", "run.csv", "--report", "report.html", cwd=tmp_path), tmp_path, message)


FILES = {
    "nowhere.csv": (None, "No file 'nowhere.csv'"),
    "nowhere.mp4": (None, "nowhere.mp4"),
    "empty.csv": (b"", "is empty"),
    "bytes.csv": (bytes(range(256)) * 20, "not text"),
    "words.mp4": (b"these are words\n" * 50, "words.mp4"),
    "empty.mp4": (b"", "empty.mp4"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_what_they_say(tmp_path, name):
    """Missing, empty and misnamed files are refused by name."""
    content, message = FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert_refused(motionlaw("discover", name, "--report", "report.html", cwd=tmp_path), tmp_path, message)


def test_a_directory(tmp_path):
    """A directory is no input; the message says how to name what is in it."""
    (tmp_path / "runs").mkdir()
    assert_refused(motionlaw("discover", "runs", cwd=tmp_path), tmp_path, "directory")


OPTIONS = {
    "a scale that does not parse": (("--scale", "12px is a foot"), "scale"),
    "a frame rate of zero": (("--fps", "0"), "fps must be positive"),
    "a column that is not there": (("--columns", "y"), "No column 'y'"),
    "a target that is not there": (("--target", "force"), "force"),
    "an engine that is not there": (("--sr", "magic"), "magic"),
    "a time limit of zero": (("--time-limit", "0"), "time limit"),
    "a report in no folder": (("--report", "no/where/report.html"), "folder"),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_options_that_cannot_be_met(tmp_path, swing, kind):
    """An option is checked before the work starts, by name, rule and value."""
    options, message = OPTIONS[kind]
    swing.to_csv(tmp_path / "run.csv", index=False)
    name = "film.mp4" if "--scale" in options else "run.csv"
    if name == "film.mp4":
        write_film(tmp_path / name, [moving_disc(i) for i in range(20)])
    assert_refused(motionlaw("discover", name, *options, cwd=tmp_path), tmp_path, message)


@pytest.mark.parametrize("option", ["--target", "--columns", "--time", "--origin", "--scale", "--track", "--sr"])
def test_hostile_text_in_an_option_is_only_text(tmp_path, swing, option):
    """What looks like Python is refused as a name or a number, and never run."""
    swing.to_csv(tmp_path / "run.csv", index=False)
    name = "film.mp4" if option in ("--origin", "--scale", "--track") else "run.csv"
    if name == "film.mp4":
        write_film(tmp_path / name, [moving_disc(i) for i in range(20)])
    done = motionlaw("discover", name, option, HOSTILE, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "pwned").exists()


def test_hostile_text_in_a_header_is_only_a_name(tmp_path, swing):
    """A column called like a piece of Python is a coordinate with an odd name, brackets are its unit."""
    swing.rename(columns={"x": HOSTILE}).to_csv(tmp_path / "run.csv", index=False)
    done = motionlaw("discover", "run.csv", "--time-limit", "5", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "pwned").exists()


def moving_disc(index: int, *, step: float = 4.0, shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """A textured picture, shifted as a shaken camera would, with a disc that moves by ``step`` pixels a frame."""
    texture = np.random.default_rng(3).integers(60, 190, (150, 200, 3))
    picture = np.roll(np.kron(texture, np.ones((2, 2, 1), int))[:240, :320], shift, axis=(0, 1))
    rows, columns = np.indices(picture.shape[:2])
    picture[np.hypot(columns - 60 - step * index, rows - 120) < 14] = (250, 30, 20)
    return picture.astype(np.uint8)


def write_film(path, pictures, *, sound_only=False):
    """Writes pictures, or a second of silence, as an mp4 file."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        if sound_only:
            stream = container.add_stream("aac", rate=44100)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
        else:
            stream = container.add_stream("libx264", rate=30)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def truncated(path):
    write_film(path, [moving_disc(i) for i in range(60)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


FILMS = {
    "truncated": (truncated, "film.mp4"),
    "one frame": (lambda path: write_film(path, [moving_disc(0)]), "frame"),
    "sound only": (lambda path: write_film(path, [], sound_only=True), "video"),
    "nothing moves": (lambda path: write_film(path, [moving_disc(i, step=0) for i in range(40)]), "move"),
}


@pytest.mark.parametrize("kind", FILMS)
def test_unusable_films(tmp_path, kind):
    """A film without a motion to follow is refused with the reason."""
    make, message = FILMS[kind]
    make(tmp_path / "film.mp4")
    done = motionlaw("discover", "film.mp4", "--report", "report.html", cwd=tmp_path)
    assert_refused(done, tmp_path, message)


def test_everything_moves(tmp_path):
    """A shaken camera is told, by refusal or by a warning: positions in such a film are not positions."""
    rng = np.random.default_rng(1)
    shake = np.cumsum(rng.integers(-6, 7, (40, 2)), axis=0)
    write_film(tmp_path / "film.mp4", [moving_disc(i, shift=tuple(shake[i])) for i in range(40)])
    done = motionlaw("discover", "film.mp4", "--json", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert "camera" in done.stdout + done.stderr
