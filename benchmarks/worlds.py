"""How good the films of `motionlaw build worlds` are: true tracks beside `motionlaw track`, laws beside `discover`.

    OMP_NUM_THREADS=1 python benchmarks/worlds.py [--scenes 4] [--seed 7] [--discover 1] [--sheet sheet.png]

For each world it films some scenes, tracks the films, and pairs tracks with bodies. Prints Markdown tables: error of
the tracks by world and by look, as it is and of the motion alone (without each body's constant offset), frames a second
on one core, phyworld's velocity error, and (with ``--discover``) the laws found beside the true ones. ``--sheet`` also
writes five frames of two films a world into one picture.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlaw.data_builders.render import film, render
from motionlaw.data_builders.scene import Scene
from motionlaw.data_builders.worlds import WORLDS, make_scene
from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking import track_video
from motionlaw.tools.trajectory import Track

MOVES_PX = 4.0  # a body that never gets further than this from where it starts is not there to be found
FOUND_SHARE, FOUND_PX = 0.5, 5.0  # a body is found if a track goes along with it so closely for so much of the time
OFFSET_PX = 20.0  # and is never this far off: which point of a body is followed is the tracker's choice
SHEET_PX = 160  # width of a frame in the sheet
PHYWORLD = ("uniform_motion", "collision", "parabola")
CONDITION_FRAMES = 3  # phyworld's error leaves out the first frames, which its models are given


@dataclass(frozen=True)
class Filmed:
    """A scene, what was tracked in its film, and how far off each moving body's track is, pixels, shape (T, 2)."""

    scene: Scene
    refused: str
    errors: dict[str, np.ndarray | None]
    tracked: dict[str, Track]
    frames_per_cpu_s: float


def measure(scene: Scene, folder: Path) -> Filmed:
    """Films a scene and tracks the film."""
    path = folder / f"{scene.name}.mp4"
    start = time.process_time()
    path.write_bytes(film(scene))
    rate = len(scene.timestamps) / (time.process_time() - start)
    truth = {track.name: track.position for track in scene.tracks if moves(track.position)}
    try:
        result = track_video(path)
    except UserError as error:
        return Filmed(scene, str(error).split(": ")[-1], dict.fromkeys(truth), {}, rate)
    if any("before the background of the first frame" in warning for warning in result.warnings):
        still = {path.name: scene.scale.to_pixels(path.position) for path in scene.trajectories}
        truth = {name: np.where(np.isfinite(seen), still[name], np.nan) for name, seen in truth.items()}
    errors, tracked = pair(truth, result.tracks)
    return Filmed(scene, "", errors, tracked, rate)


def moves(position: np.ndarray) -> bool:
    """Whether a body is seen to move."""
    seen = position[np.isfinite(position[:, 0])]
    return len(seen) >= 4 and bool(np.max(np.hypot(*(seen - seen[0]).T)) > MOVES_PX)


def pair(
    truth: dict[str, np.ndarray], tracks: tuple[Track, ...]
) -> tuple[dict[str, np.ndarray | None], dict[str, Track]]:
    """Pairs tracks with bodies, so that most of the time is covered; the error of a body that is not found is None."""
    from scipy.optimize import linear_sum_assignment

    names = list(truth)
    errors: dict[str, np.ndarray | None] = dict.fromkeys(names)
    away = [[track.position - truth[name] for track in tracks] for name in names]
    near = np.array([[_frames_near(each) for each in row] for row in away]).reshape(len(names), len(tracks))
    tracked = {}
    for i, j in zip(*linear_sum_assignment(-near), strict=True):
        if near[i, j] >= FOUND_SHARE * np.sum(np.isfinite(truth[names[i]][:, 0])):
            errors[names[i]], tracked[names[i]] = away[i][j], tracks[j]
    return errors, tracked


def _frames_near(away: np.ndarray) -> int:
    """In how many frames a track is near a body, but for a constant offset of less than the pairing's reach."""
    off = np.nanmedian(away, axis=0) if np.isfinite(away).any() else np.array([np.inf, np.inf])
    return int(np.sum(np.hypot(*(away - off).T) < FOUND_PX)) if np.hypot(*off) < OFFSET_PX else 0


def table(films: list[Filmed], key: str, groups: list[str]) -> list[str]:
    """One line a group of films: how many bodies were found, and how far off."""
    names = f"| {key} | films | refused | bodies | found | median px | 95 % px | motion, median px | 95 % px |"
    lines = [names, "|" + " --- |" * 9]
    for group in groups:
        chosen = [each for each in films if group in (each.scene.world, each.scene.look.level, "all")]
        errors = [error for each in chosen for error in each.errors.values()]
        found = [error[np.isfinite(error[:, 0])] for error in errors if error is not None]
        cells = [str(len(chosen)), str(sum(bool(each.refused) for each in chosen)), str(len(errors)), str(len(found))]
        for each in (found, [error - np.median(error, axis=0) for error in found]):
            pooled = np.hypot(*np.concatenate([*each, np.full((1, 2), np.nan)]).T)
            cells += [f"{np.nanmedian(pooled):.2f}", f"{np.nanpercentile(pooled, 95):.2f}"]
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    return lines


def velocity_errors(films: list[Filmed]) -> list[str]:
    """phyworld's error: mean |v - v_true| by axis, from differences of positions while the ball is wholly seen."""
    lines = ["| world | range | films | true pixels | tracks, plain films | tracks, other films |", "|" + " --- |" * 6]
    for world in PHYWORLD:
        for is_ood in (False, True):
            chosen = [f for f in films if f.scene.world == world and (f.scene.split == "test_ood") == is_ood]
            exact: list[float] = []
            tracked: dict[bool, list[float]] = {True: [], False: []}
            for each in chosen:
                for k, body in enumerate(each.scene.bodies):
                    true = each.scene.trajectories[k].position
                    reach = body.size_m[0] / 2
                    whole = np.all((true >= reach) & (true <= 10.0 - reach), axis=1)
                    whole[:CONDITION_FRAMES] = False
                    back = np.linalg.inv(each.scene.camera[:, :, :2])
                    still = np.einsum("tij,tj->ti", back, each.scene.tracks[k].position - each.scene.camera[:, :, 2])
                    pixels = each.scene.scale.to_coordinates(still)
                    exact += _velocity_error(pixels, true, whole, each.scene.fps)
                    if body.name in each.tracked:
                        seen = each.scene.scale.to_coordinates(each.tracked[body.name].position)
                        tracked[each.scene.look.level == "plain"] += _velocity_error(seen, true, whole, each.scene.fps)
            means = [f"{np.mean(values):.4f}" if values else "-" for values in (exact, tracked[True], tracked[False])]
            lines.append(f"| {world} | {'out' if is_ood else 'in'} | {len(chosen)} | {' | '.join(means)} |")
    return lines


def _velocity_error(position: np.ndarray, true: np.ndarray, whole: np.ndarray, fps: float) -> list[float]:
    both = whole[1:] & whole[:-1]
    error = np.abs(np.diff(position, axis=0) - np.diff(true, axis=0))[both] * fps
    return [float(value) for value in error.ravel() if np.isfinite(value)]


def laws(scenes: list[Scene], folder: Path) -> list[str]:
    """The laws that `discover` finds in films, beside the true ones."""
    from motionlaw.tools.discover import discover_inputs, read_inputs

    lines = ["| film | true | found | status |", "| --- | --- | --- | --- |"]
    for scene in scenes:
        path = folder / f"{scene.name}.mp4"
        true = "; ".join(f"{of}' = {rate}" for law in scene.laws[:2] for of, rate in law.law.items())
        try:
            inputs = read_inputs([path], scale=f"1000px={1000 * scene.metres_per_pixel:.9g}m")
            found = discover_inputs(inputs, name=path.name)
            said = "; ".join(f"{of}' = {rate}" for of, rate in found.law.items())
            status = found.status
        except UserError as error:
            said, status = str(error).split(": ")[-1], "error"
        lines.append(f"| {scene.name} | {true if len(true) < 160 else true[:157] + '...'} | {said} | {status} |")
        print(lines[-1], flush=True)
    return lines


def sheet(scenes: list[Scene], path: str) -> None:
    """Five frames of each film, one film a row."""
    import cv2

    rows = []
    for scene in scenes:
        picks = set(np.linspace(0, len(scene.timestamps) - 1, 5).astype(int).tolist())
        frames = [frame for k, frame in enumerate(render(scene)) if k in picks]
        high = min(SHEET_PX, round(SHEET_PX * scene.height / scene.width))
        small = [cv2.resize(f, (SHEET_PX, high), interpolation=cv2.INTER_AREA) for f in frames]
        row = np.concatenate(small, axis=1)
        label = f"{scene.name} {scene.look.level} {scene.look.background} {scene.look.camera} {scene.split}"
        cv2.putText(row, label, (3, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (0, 0, 0), 1, cv2.LINE_AA)
        rows.append(row)
    half = (len(rows) + 1) // 2  # in two columns
    columns = [np.concatenate(part) for part in (rows[:half], rows[half:])]
    high = max(len(column) for column in columns)
    columns = [np.pad(column, ((0, high - len(column)), (0, 0), (0, 0))) for column in columns]
    cv2.imwrite(path, np.concatenate(columns, axis=1)[:, :, ::-1])


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=4, help="films a world")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--discover", type=int, default=0, help="films a world that laws are sought in")
    parser.add_argument("--sheet", default=None)
    options = parser.parse_args()
    scenes = [make_scene(options.seed, index) for index in range(options.scenes * len(WORLDS))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = [measure(scene, folder) for scene in scenes]
        print("\n".join(table(films, "world", [*(world.name for world in WORLDS), "all"])) + "\n")
        print("\n".join(table(films, "look", ["plain", "textured", "hard"])) + "\n")
        print("\n".join(velocity_errors(films)) + "\n")
        rates = [each.frames_per_cpu_s for each in films]
        print(f"Drawing and coding: {np.median(rates):.0f} frames a second of CPU time, median film.\n")
        for each in films:
            missed = [body for body, error in each.errors.items() if error is None]
            if missed:
                print(f"not found in {each.scene.name} ({each.scene.look.level}): {', '.join(missed)}. {each.refused}")
        if options.discover:
            print("\n| film | true | found | status |\n| --- | --- | --- | --- |")
            laws(scenes[: options.discover * len(WORLDS)], folder)
    if options.sheet:
        sheet(scenes[: 2 * len(WORLDS)], options.sheet)


if __name__ == "__main__":
    main()
