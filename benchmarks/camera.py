"""How well camera moves are told: average precision of every primitive on made films, and real clips.

    python benchmarks/camera.py [--clips N] [--seed S] [--level hard] [--strength X] [--data FOLDER]

Films are those of ``motionlaw build camera``, read back from H.264. Zoom against dolly is ranked among the films that
make exactly one of the two, by the difference of the two scores; pan against truck and tilt against pedestal likewise.
Beside stand the shares of positives (what random scores get). Real: clips whose camera is known to move one way, and
clips from a tripod. Published figures are of CameraBench's own videos, another test set.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from motionlaw.data_builders.camera import LEVELS, camera_film, draw_scene
from motionlaw.data_builders.camera_scene import CameraScene
from motionlaw.eval.ranking import average_precision
from motionlaw.tools.camera_moves import KINDS, WAYS, CameraMoves, camera_moves

DATA = Path(os.environ.get("MOTIONLAW_SHARED_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
DAVIS = {"blackswan": "right", "camel": "right", "car-shadow": "left", "dog": "left", "drift-straight": "left",
         "libby": "right"}  # fmt: skip
"""Which way the camera goes: the sign of the background's summed shift outside the human mask, SOURCE.md there."""

TRIPOD = ("video_pendulum", "video_mass_spring", "video_cart_newton2", "student_pendulum_toronto", "phone_pendulum")
RIVALS = (("zoom", "dolly"), ("pan", "truck"), ("tilt", "pedestal"))
PUBLISHED = {"fine-tuned 72B": 62.8, "MegaSAM": 58.2, "GPT-4o": 36.4, "COLMAP": 27.3}
"""Mean AP, Lin et al. 2025, on their own videos."""


def measured(count: int, seed: int, level: str, strength: float) -> tuple[list[CameraScene], list[CameraMoves], float]:
    """Makes films and measures them: scenes, moves, CPU seconds a film of measuring."""
    scenes, found, spent = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        for index in range(count):
            scene = draw_scene(seed, index, level=level, strength=strength)
            path.write_bytes(camera_film(scene))
            begun = time.process_time()
            found.append(camera_moves(path))
            spent += time.process_time() - begun
            scenes.append(scene)
    return scenes, found, spent / count


def kind_score(moves: CameraMoves, kind: str) -> float:
    """Score of a kind, whichever way."""
    scores = moves.scores()
    return scores[kind] if kind in scores else max(scores[f"{kind} {way}"] for way in WAYS[kind])


def made(count: int, seed: int, level: str, strength: float) -> None:
    """Prints the tables of made films."""
    scenes, found, spent = measured(count, seed, level, strength)
    print(f"{count} {level} films, seed {seed}, strength {strength:g}; {spent:.2f} CPU s a film\n")
    print("| primitive | films | AP | AP by chance | way right |\n|---|---|---|---|---|")
    values = []
    for kind in (*KINDS, "static", "shake"):
        has = [any(word.split()[0] == kind for word in scene.primitives) for scene in scenes]
        value = average_precision([kind_score(moves, kind) for moves in found], has)
        values += [] if value is None else [value]
        right = _ways_right(scenes, found, kind) if kind in KINDS else "–"
        print(f"| {kind} | {sum(has)} | {_shown(value)} | {np.mean(has):.3f} | {right} |")
    print(f"| **mean** | {count} | **{np.mean(values):.3f}** | | |")
    words = [
        {move.words for move in moves.moves} == set(scene.primitives)
        for scene, moves in zip(scenes, found, strict=True)
    ]
    print(f"\nAll primitives of a film named and no other: {sum(words)}/{count}\n")
    print("| told apart | films | AP | AP by chance |\n|---|---|---|---|")
    for one, other in RIVALS:
        _against(scenes, found, one, other)
    print(
        "\nPublished mean AP (%), other videos: " + ", ".join(f"{name} {value:g}" for name, value in PUBLISHED.items())
    )


def _ways_right(scenes: list[CameraScene], found: list[CameraMoves], kind: str) -> str:
    done = [
        (move.way, moves.scores())
        for scene, moves in zip(scenes, found, strict=True)
        for move in scene.moves
        if move.kind == kind
    ]
    right = sum(max(WAYS[kind], key=lambda way: scores[f"{kind} {way}"]) == way for way, scores in done)
    return f"{right}/{len(done)}"


def _against(scenes: list[CameraScene], found: list[CameraMoves], one: str, other: str) -> None:
    chosen = [
        (any(move.kind == one for move in scene.moves), kind_score(moves, one) - kind_score(moves, other))
        for scene, moves in zip(scenes, found, strict=True)
        if any(move.kind in (one, other) for move in scene.moves)
    ]
    truth, scores = [is_one for is_one, _ in chosen], [score for _, score in chosen]
    value = average_precision(scores, truth)
    print(f"| {one} against {other} | {len(chosen)} | {_shown(value)} | {np.mean(truth) if truth else 0:.3f} |")
    value = average_precision([-score for score in scores], [not is_one for is_one in truth])
    print(f"| {other} against {one} | {len(chosen)} | {_shown(value)} | {1 - np.mean(truth) if truth else 0:.3f} |")


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def real(data: Path) -> None:
    """Prints the table of real clips."""
    print("\n| real clip | truth | named | right |\n|---|---|---|---|")
    right = total = 0
    for name, way in DAVIS.items():
        path = data / "davis_camera_motion" / name / "video.mp4"
        if path.exists():
            moves = camera_moves(path)
            amount = dict(zip(KINDS, np.sum(moves.amounts, axis=0).tolist(), strict=True))
            sideways = WAYS["pan"][int(amount["pan"] + amount["truck"] < 0)]
            total, right = total + 1, right + (sideways == way)
            print(f"| {name} | moves {way} | {_named(moves)} | {_mark(sideways == way)} |")
    for folder in TRIPOD:
        path = next(iter(sorted((data / folder).rglob("*.mp4"))), None)
        if path is not None:
            moves = camera_moves(path)
            is_static = [move.kind for move in moves.over()] == ["static"]
            total, right = total + 1, right + is_static
            print(f"| {folder}/{path.stem} | static | {_named(moves)} | {_mark(is_static)} |", flush=True)
    print(f"\nRight: {right}/{total}")


def _named(moves: CameraMoves) -> str:
    return ", ".join(f"{move.words} {move.confidence:.2f}" for move in moves.over()) or "nothing"


def _mark(is_right: bool) -> str:
    return "yes" if is_right else "NO"


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--clips", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--level", default="plain", choices=LEVELS)
    options.add_argument("--strength", type=float, default=1.0, help="multiplies the moves' amounts")
    options.add_argument("--data", type=Path, default=DATA)
    chosen = options.parse_args()
    cv2.setNumThreads(1)
    if chosen.clips:
        made(chosen.clips, chosen.seed, chosen.level, chosen.strength)
    real(chosen.data)


if __name__ == "__main__":
    main()
