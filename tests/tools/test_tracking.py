"""Tracking: known motion, rendered, found again; what cannot be tracked is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from films import disc, moving_discs, wall, write_film

from motionlaw.tools.errors import UserError
from motionlaw.tools.overlay import write_overlay
from motionlaw.tools.tracking import parse_pointer, track_video, write_tracks
from motionlaw.tools.tracking.background import _median
from motionlaw.tools.tracking.command import track_command
from motionlaw.tools.tracking.quality import continuing, noise_std, suspicious_steps
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import probe, read_frames


def swing(t: float) -> tuple[float, float]:
    """A pendulum's bob."""
    angle = 0.6 * np.cos(2 * np.pi * t / 1.1)
    return 160 + 130 * np.sin(angle), 40 + 130 * np.cos(angle)


def drop(t: float) -> tuple[float, float]:
    """A ball thrown to the right."""
    return 30 + 110 * t, 190 - 200 * t + 110 * t**2


def error_px(track: Track, path) -> np.ndarray:
    """Distance of each position from the truth, shape (T,)."""
    truth = np.array([path(t) for t in track.timestamps])
    return np.hypot(*(track.position - truth).T)


@pytest.mark.parametrize("path", [swing, drop])
def test_a_moving_disc_is_found_without_a_click(tmp_path: Path, path) -> None:
    """Its centre is known to a tenth of a pixel in the median, and to three in the worst frame."""
    film = moving_discs(tmp_path / "film.mp4", [path])
    result = track_video(film)
    error = error_px(result.tracks[0], path)
    assert np.isfinite(error).all()
    assert np.median(error) < 0.15
    assert error.max() < 0.4
    assert not result.camera_moves
    assert result.tracks[0].confidence.min() > 0.5
    assert result.frame.shape == (240, 320, 3)


def test_uneven_times_come_from_the_container(tmp_path: Path) -> None:
    """At a variable frame rate the positions belong to the true times, and the rate is announced."""
    times = np.concatenate([[0.0], np.cumsum(np.random.default_rng(2).uniform(0.015, 0.06, 59))])
    result = track_video(moving_discs(tmp_path / "film.mp4", [swing], times=times))
    assert np.median(error_px(result.tracks[0], swing)) < 0.2
    assert any("varies" in warning for warning in result.warnings)


def test_a_1080p_film_is_tracked_on_its_small_picture(tmp_path: Path) -> None:
    """A fourth of the size still gives a third of a full pixel."""

    def path(t: float) -> tuple[float, float]:
        return 960 + 400 * np.sin(4 * t), 540 + 200 * np.cos(4 * t)

    film = moving_discs(tmp_path / "film.mp4", [path], times=np.arange(30) / 30, radii=(45.0,), size=(1920, 1080))
    assert np.median(error_px(track_video(film).tracks[0], path)) < 0.35


def test_a_click_picks_one_of_several(tmp_path: Path) -> None:
    """A click on the smaller of two discs tracks that one."""
    film = moving_discs(tmp_path / "film.mp4", [swing, drop])
    x, y = drop(1.0)
    result = track_video(film, at=f"{x:.1f},{y:.1f}@1.0")
    assert len(result.tracks) == 1
    assert np.nanmedian(error_px(result.tracks[0], drop)) < 0.3


def test_a_box_is_tracked_as_drawn(tmp_path: Path) -> None:
    """A box around a disc in the middle of the film is followed both ways."""
    film = moving_discs(tmp_path / "film.mp4", [swing])
    x, y = swing(1.0)
    track = track_video(film, at=[f"{x - 12:.1f},{y - 12:.1f},{x + 12:.1f},{y + 12:.1f}@1.0"]).tracks[0]
    error = error_px(track, swing)
    assert np.median(error) < 0.6
    assert np.isfinite(error).all()


def test_a_disc_that_hides_its_own_background_is_clicked(tmp_path: Path) -> None:
    """An oscillation smaller than the object itself is followed by its looks."""

    def path(t: float) -> tuple[float, float]:
        return 160.0, 120 + 6 * np.sin(2 * np.pi * t / 0.8)

    film = moving_discs(tmp_path / "film.mp4", [path], radii=(14.0,))
    for at in ("auto", "160,120@0.0"):
        track = track_video(film, at=at).tracks[0]
        moved = track.position[:, 1] - np.nanmean(track.position[:, 1])
        truth = np.array([path(t)[1] for t in track.timestamps]) - 120
        assert np.nanmax(np.abs(moved - (truth - truth.mean()))) < 0.5


def test_several_objects_keep_their_identities(tmp_path: Path) -> None:
    """Two discs that cross each other's paths are two tracks, each its own from start to end."""

    def left(t: float) -> tuple[float, float]:
        return 40 + 120 * t, 90.0

    def right(t: float) -> tuple[float, float]:
        return 280 - 120 * t, 150.0

    tracks = track_video(moving_discs(tmp_path / "film.mp4", [left, right])).tracks
    assert len(tracks) == 2
    for path in (left, right):
        assert min(np.nanmedian(error_px(track, path)) for track in tracks) < 0.3
    assert [track.tracker_id for track in tracks] == [0, 1]


def test_an_object_at_rest_before_its_release_is_one_track(tmp_path: Path) -> None:
    """A ball that waits for most of the film is seen there as well."""

    def path(t: float) -> tuple[float, float]:
        return 60 + 100 * max(0.0, t - 1.2) ** 2 * 3, 120.0

    track = track_video(moving_discs(tmp_path / "film.mp4", [path])).tracks[0]
    error = error_px(track, path)
    assert np.isfinite(error).mean() > 0.95
    assert np.nanmedian(error) < 0.3


def test_leaving_the_frame_is_a_gap_and_a_warning(tmp_path: Path) -> None:
    """After the object has left there are gaps, not guesses."""

    def path(t: float) -> tuple[float, float]:
        return 60 + 260 * t, 120.0

    track = track_video(moving_discs(tmp_path / "film.mp4", [path])).tracks[0]
    gone = track.timestamps > (330 - 60) / 260 + 0.05
    assert np.isnan(track.position[gone]).all()
    assert (track.confidence[gone] == 0).all()
    assert np.isnan(track.xyxy[gone]).all()
    assert any("Leaves the frame" in warning for warning in track.warnings)


def test_going_behind_a_post_is_a_gap(tmp_path: Path) -> None:
    """What is hidden is not seen, and found again behind."""

    def path(t: float) -> tuple[float, float]:
        return 40 + 120 * t, 120.0

    def picture(k: int, t: float) -> np.ndarray:
        image = wall()
        disc(image, path(t), 9, (200, 40, 40))
        image[:, 140:175] = (60, 60, 60)
        return image

    track = track_video(write_film(tmp_path / "film.mp4", picture, np.arange(60) / 30)).tracks[0]
    x = np.array([path(t)[0] for t in track.timestamps])
    hidden = (x > 151) & (x < 164)
    assert np.isnan(track.position[hidden]).all()
    clear = (x < 128) | (x > 186)
    assert np.nanmedian(error_px(track, path)[clear]) < 0.3
    assert np.isfinite(track.position[clear]).all(axis=1).mean() > 0.9


def test_a_shaking_camera_is_taken_out(tmp_path: Path) -> None:
    """Before a shaking background the disc's path is the one before the wall."""
    shake = np.cumsum(np.random.default_rng(3).integers(-2, 3, (60, 2)), axis=0)
    shake -= shake[0]
    result = track_video(moving_discs(tmp_path / "film.mp4", [swing], shake=np.clip(shake, -8, 8)))
    assert result.camera_moves
    assert any("camera moves" in warning for warning in result.warnings)
    assert np.nanmedian(error_px(result.tracks[0], swing)) < 0.6


def test_only_a_shaking_camera_is_no_motion(tmp_path: Path) -> None:
    """A shaking picture of a still scene holds nothing to track."""
    shake = np.random.default_rng(4).integers(-5, 6, (40, 2))
    with pytest.raises(UserError, match=r"[Nn]othing moves|Everything"):
        track_video(moving_discs(tmp_path / "film.mp4", [], shake=shake, times=np.arange(40) / 30))


def test_when_everything_changes_there_is_nothing_to_track(tmp_path: Path) -> None:
    """Another picture in every frame is refused."""
    times = np.arange(30) / 30
    film = write_film(
        tmp_path / "film.mp4", lambda k, t: np.clip(145 + 4.0 * (wall(seed=k) - 145.0), 0, 255).astype(np.uint8), times
    )
    with pytest.raises(UserError, match=r"Everything|Nothing"):
        track_video(film)


def test_nothing_moves_is_said(tmp_path: Path) -> None:
    """A still film is refused in one sentence."""
    film = moving_discs(tmp_path / "film.mp4", [lambda t: (100.0, 100.0)], times=np.arange(20) / 30)
    with pytest.raises(UserError, match="Nothing moves"):
        track_video(film)


@pytest.mark.parametrize("text", ["", "1", "a,b@1", "1,2,3@0", "5,5,1,1@0", "nan,1@0", "1,2@inf", "1,2@x"])
def test_pointers_that_are_none_are_refused(text: str) -> None:
    """A pointer is a click or a box."""
    with pytest.raises(UserError, match="track"):
        parse_pointer(text)


def test_a_click_outside_is_refused(tmp_path: Path) -> None:
    """A click outside the frame or the film names both."""
    film = moving_discs(tmp_path / "film.mp4", [swing], times=np.arange(10) / 30)
    for at in ("999,10@0", "10,10@99"):
        with pytest.raises(UserError, match="track must point"):
            track_video(film, at=at)


@pytest.mark.parametrize("backend", ["cotracker3", "sam2"])
def test_learned_backends_ask_for_their_checkpoint(tmp_path: Path, backend: str) -> None:
    """Without a checkpoint on this machine a learned tracker is refused, not downloaded."""
    film = moving_discs(tmp_path / "film.mp4", [swing], times=np.arange(6) / 30)
    with pytest.raises(UserError, match="needs a checkpoint"):
        track_video(film, at="10,10@0", backend=backend)
    with pytest.raises(UserError, match="No backend"):
        track_video(film, backend="magic")


def test_long_films_come_in_parts_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held in three parts, a film gives the track of one piece."""
    film = moving_discs(tmp_path / "film.mp4", [swing], times=np.arange(90) / 30)
    monkeypatch.setattr("motionlaw.tools.tracking.clip.CHUNK_BYTES", 35 * 3 * 320 * 240)
    track = track_video(film).tracks[0]
    assert track.frame.tolist() == list(range(90))
    assert np.median(error_px(track, swing)) < 0.2
    assert np.nanmax(error_px(track, swing)) < 0.6


def test_tracks_are_written_in_three_formats(tmp_path: Path) -> None:
    """csv, parquet and json hold the same positions; anything else is refused, and nothing half is left."""
    result = track_video(moving_discs(tmp_path / "film.mp4", [swing], times=np.arange(20) / 30))
    csv, parquet = (
        pd.read_csv(write_tracks(result, tmp_path / "a.csv")),
        pd.read_parquet(write_tracks(result, tmp_path / "a.parquet")),
    )
    held = json.loads(write_tracks(result, tmp_path / "a.json").read_text())
    assert csv["x"].to_numpy() == pytest.approx(result.tracks[0].position[:, 0], rel=1e-4)
    assert parquet["t"].to_numpy() == pytest.approx(result.tracks[0].timestamps)
    assert Track.from_dict(held["tracks"][0]).position == pytest.approx(result.tracks[0].position)
    for bad in ("a.xls", "nowhere/a.csv"):
        with pytest.raises(UserError, match=r"written"):
            write_tracks(result, tmp_path / bad)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "a.parquet", "film.mp4"]


def test_the_overlay_is_the_film_with_its_times(tmp_path: Path) -> None:
    """The overlay has every frame at its time, and the track's colour in it."""
    film = moving_discs(tmp_path / "film.mp4", [swing], times=np.arange(20) / 29.97)
    result = track_video(film)
    out = write_overlay(film, result.tracks, tmp_path / "out.mp4")
    assert probe(out).timestamps == pytest.approx(probe(film).timestamps, abs=1e-3)
    before, after = next(read_frames(film)).image.astype(int), next(read_frames(out)).image.astype(int)
    assert np.count_nonzero(np.abs(before - after).max(axis=2) > 60) > 50
    with pytest.raises(UserError, match=r"\.mp4"):
        write_overlay(film, result.tracks, tmp_path / "out.gif")


def test_the_command_prints_json_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``motionlaw track`` gives tracks in pixels and metres on stdout, and files beside."""
    film = moving_discs(tmp_path / "film.mp4", [swing], times=np.arange(20) / 30)
    out, overlay = str(tmp_path / "t.csv"), str(tmp_path / "o.mp4")
    assert track_command(str(film), out=out, overlay=overlay, scale="100px=1m", as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == 1
    assert report["tracks"][0]["trajectory"]["units"] == ["m", "m"]
    assert Path(out).exists() and Path(overlay).exists()
    assert track_command(str(film)) == 0
    assert "object 1" in capsys.readouterr().out


def test_noise_is_told_from_motion() -> None:
    """The noise estimate of a smooth path with noise is that noise."""
    t = np.linspace(0, 5, 400)
    path = np.c_[50 * np.sin(4 * t), 100 * t] + np.random.default_rng(0).normal(0, 0.3, (400, 2))
    assert noise_std(path) == pytest.approx(0.3, rel=0.15)


def test_a_contact_is_no_identity_switch() -> None:
    """A bounce is let pass; a hop to a neighbour is suspected."""
    t = np.arange(40.0)
    bounce = np.c_[np.abs(t - 20) * 5, np.zeros(40)]
    hop = np.c_[t * 2 + 30 * (t >= 25), np.zeros(40)]
    assert len(suspicious_steps(bounce, 10.0)) == 0
    assert suspicious_steps(hop, 10.0).tolist() == [25]


def test_a_place_beyond_a_gap_counts_if_the_motion_leads_there() -> None:
    """A fall that goes on after a gap is one body; another thing found there is not, and the fall is regained."""
    t = np.arange(30.0)
    fall = np.stack([np.full(30, 100.0), 0.4 * t**2], axis=1)
    fall[10:14] = np.nan
    assert continuing(fall, 3, 9.0).sum() == 26
    astray = fall.copy()
    astray[14:16] = (112.0, 20.0)
    keep = continuing(astray, 3, 9.0)
    assert not keep[14:16].any()
    assert keep[16:].all()


def test_who_turns_fast_is_not_cut_at_its_gaps() -> None:
    """A point on a wheel, six frames a turn, is no more foreseeable where it is seen than where it is not."""
    angle = np.arange(60) * 2 * np.pi / 6
    rim = 150 + 60 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rim[30:32] = np.nan
    assert continuing(rim, 5, 12.0).sum() == 58


def test_a_click_on_what_jumps_far_between_frames_follows_it(tmp_path: Path) -> None:
    """A small ball that moves six times its size a frame is followed both ways from one click."""

    def path(t: float) -> tuple[float, float]:
        return 30 + 46 * 3 * t, 120.0

    film = moving_discs(tmp_path / "film.mp4", [path], times=np.arange(7) / 3, radii=(4.0,), size=(360, 240))
    x, y = path(1.0)
    track = track_video(film, at=f"{x:.1f},{y:.1f}@1.0").tracks[0]
    assert np.isfinite(track.position).all()
    assert error_px(track, path).max() < 1.0


def test_a_click_on_one_of_a_row_of_likes_stays_with_it(tmp_path: Path) -> None:
    """Three equal discs that fall side by side at their own speeds, and leave one after the other, keep apart."""

    def falling(x: float, speed: float):
        return lambda t: (x, 20 + speed * t)

    paths = [falling(100 + 14 * i, 200 - 40 * i) for i in range(3)]
    still = wall(320, 240)

    def picture(k: int, t: float) -> np.ndarray:
        image = still.copy()
        for move in paths:
            disc(image, move(t), 5, (240, 240, 240))
        return image

    film = write_film(tmp_path / "film.mp4", picture, np.arange(50) / 30)
    for path in paths:
        x, y = path(0.5)
        track = track_video(film, at=f"{x:.1f},{y:.1f}@0.5").tracks[0]
        seen = np.isfinite(track.position[:, 0])
        assert seen.sum() > 25
        assert np.nanmax(error_px(track, path)) < 3.0


def test_the_sorting_network_is_the_median() -> None:
    """Whole pictures sorted by minima and maxima have the median in the middle."""
    for count in (2, 3, 7, 17, 41):
        samples = np.random.default_rng(count).integers(0, 255, (count, 9, 11)).astype(np.uint8)
        assert (_median(samples) == np.sort(samples, axis=0)[count // 2]).all()
