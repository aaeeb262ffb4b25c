"""Reading video: times, rotation, ranges, and files that are none."""

from pathlib import Path

import numpy as np
import pytest
from films import disc, moving_discs, set_rotation, write_film

from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking import track_video
from motionlaw.tools.video import probe, read_frames


def still(t: float) -> tuple[float, float]:
    """A disc that stays in the upper left."""
    return 60.0, 50.0


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty frames with a disc moving right."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return moving_discs(path, [lambda t: (40 + 150 * t, 120.0)], times=np.arange(30) / 29.97)


def test_probe_keeps_the_fraction_of_the_rate(film: Path) -> None:
    """29.97 is not 29 and not 30."""
    info = probe(film)
    assert info.fps == pytest.approx(29.97, abs=0.01)
    assert (info.width, info.height, info.frame_count, info.rotation) == (320, 240, 30, 0)
    assert not info.is_variable_frame_rate


def test_frames_carry_the_times_of_the_container(film: Path) -> None:
    """Each frame has its own time in seconds, not its number over the rate."""
    frames = list(read_frames(film))
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.timestamp for frame in frames] == pytest.approx((np.arange(30) / 29.97).tolist(), abs=1e-4)
    assert frames[0].image.shape == (240, 320, 3)


def test_variable_frame_rates_keep_their_times(tmp_path: Path) -> None:
    """Uneven times come out as they went in, and are announced."""
    times = np.cumsum(np.random.default_rng(1).uniform(0.02, 0.06, 30))
    path = moving_discs(tmp_path / "uneven.mp4", [still], times=times)
    info = probe(path)
    assert info.is_variable_frame_rate
    read = np.array([frame.timestamp for frame in read_frames(path)])
    # An mp4 may begin at zero: the intervals are what counts.
    assert np.diff(read) == pytest.approx(np.diff(times), abs=2e-4)


@pytest.mark.parametrize(("turns", "rotation"), [(1, 270), (2, 180), (3, 90)])
def test_frames_stand_upright_where_the_phone_lay_on_its_side(tmp_path: Path, turns: int, rotation: int) -> None:
    """A disc in the stored frame's upper left is found where the display matrix puts it."""
    path = moving_discs(tmp_path / "turned.mp4", [still], times=np.arange(6) / 30)
    set_rotation(path, turns)
    info = probe(path)
    assert info.rotation == rotation
    assert (info.width, info.height) == ((240, 320) if turns % 2 else (320, 240))
    image = next(read_frames(path)).image.astype(int)
    y, x = np.nonzero(image[..., 0] - image[..., 2] > 90)
    # Clockwise by a quarter: (x, y) of a 320x240 frame goes to (239 - y, x).
    expected = {1: (239 - 50, 60), 2: (319 - 60, 239 - 50), 3: (50, 319 - 60)}[turns]
    assert (x.mean(), y.mean()) == pytest.approx(expected, abs=1.0)


def test_a_time_range_keeps_frame_numbers(film: Path) -> None:
    """Reading from the middle gives the right numbers and times."""
    frames = list(read_frames(film, start_s=0.5, end_s=0.8))
    assert frames[0].index == 15
    assert all(0.5 <= frame.timestamp <= 0.8 for frame in frames)


def test_crop_and_width_are_applied(film: Path) -> None:
    """A crop is cut out first and then made smaller."""
    frame = next(read_frames(film, crop=(100, 50, 300, 150), max_width=100))
    assert frame.image.shape == (50, 100, 3)


@pytest.mark.parametrize("crop", [(0, 0, 400, 100), (10, 10, 10, 50), (-1, 0, 5, 5)])
def test_bad_crops_are_refused(film: Path, crop: tuple[int, int, int, int]) -> None:
    """A crop lies inside the frame."""
    with pytest.raises(UserError, match="crop must be"):
        next(read_frames(film, crop=crop))


def test_a_range_without_frames_is_refused(film: Path) -> None:
    """A time beyond the end names the film's own times."""
    with pytest.raises(UserError, match="no frame between"):
        next(read_frames(film, start_s=10.0))


def test_a_reader_can_be_left_early(film: Path) -> None:
    """Stopping in the middle neither hangs nor fails."""
    for _ in range(20):
        reader = read_frames(film)
        next(reader)
        reader.close()


def _audio(path: Path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _no_frames(path: Path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()


def _cut_off(path: Path) -> None:
    moving_discs(path, [still], times=np.arange(30) / 30)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _cut_off_behind_its_index(path: Path) -> None:
    import av

    whole = moving_discs(path.with_name("whole.mp4"), [lambda t: (40 + 150 * t, 120.0)], times=np.arange(60) / 30)
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])


BAD_FILES = {
    "missing": (lambda path: None, "no file"),
    "directory": (lambda path: path.mkdir(), "directory"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("t,x\n0,1\n" * 100), "cannot be read"),
    "cut off": (_cut_off, "cut off"),
    "cut off behind its index": (_cut_off_behind_its_index, "cut off"),
    "no frames": (_no_frames, "no frame|no video|cannot be read"),
    "audio only": (_audio, "no video, only audio"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_one_sentence(tmp_path: Path, kind: str) -> None:
    """Whatever is no whole video is refused by name, by probing and by tracking."""
    make, words = BAD_FILES[kind]
    path = tmp_path / "bad.mp4"
    make(path)
    for read in (probe, track_video):
        with pytest.raises(UserError, match=words) as error:
            read(path)
        assert "bad.mp4" in str(error.value)
        assert "\n" not in str(error.value)


def test_one_frame_is_no_motion(tmp_path: Path) -> None:
    """A film of one frame can be looked at, but not tracked."""

    def picture(k: int, t: float) -> np.ndarray:
        image = np.full((120, 160, 3), 200, np.uint8)
        disc(image, (80, 60), 10, (200, 30, 30))
        return image

    path = write_film(tmp_path / "one.mp4", picture, np.array([0.0]))
    assert len(list(read_frames(path))) == 1
    with pytest.raises(UserError, match="1 frame; motion needs"):
        track_video(path)
