"""Films of moving cameras whose moves are known: textured layers at two or three depths, and things that move.

    motionlaw build camera --n 1000 --seed 0 --out camera

`camera_scene` draws them. Leaves out people's films: `motionlaw camera` labels those.
"""

from __future__ import annotations

import io

import pyarrow as pa

from motionlaw.data_builders.builder import Builder, Row, video_field
from motionlaw.data_builders.camera_hard import make_hard_scene
from motionlaw.data_builders.camera_scene import (
    AMOUNTS,
    COMPOUND_SHARE,
    FAR_DEPTH,
    FOCAL,
    FPS,
    GROUPS,
    LASTS_S,
    MIDDLE_DEPTH,
    MOST_THINGS,
    SHAKE,
    SHAKE_SHARE,
    SIZE,
    STATIC_SHARE,
    CameraScene,
    make_camera_scene,
    render_camera_scene,
)
from motionlaw.tools.camera_labels import camerabench_labels
from motionlaw.tools.camera_moves import REFERENCE_FRAME, UNITS
from motionlaw.tools.errors import UserError
from motionlaw.tools.film import write_h264

LEVELS = ("plain", "hard")
QUESTION = "How does the camera move?"

SCHEMA = pa.schema(
    [
        video_field("video"),
        pa.field("name", pa.string()),
        pa.field("question", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("primitives", pa.list_(pa.string())),
        pa.field(
            "moves",
            pa.list_(
                pa.struct(
                    [
                        ("words", pa.string()),
                        ("amount", pa.float64()),
                        ("unit", pa.string()),
                        ("t_start", pa.float64()),
                        ("t_end", pa.float64()),
                    ]
                )
            ),
        ),
        pa.field("camerabench", pa.list_(pa.string())),
        pa.field("reference_frame", pa.string()),
        pa.field("shake", pa.float64()),
        pa.field("depths", pa.list_(pa.float64())),
        pa.field("focal", pa.float64()),
        pa.field("things", pa.int32()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("fps", pa.float64()),
        pa.field("timestamps", pa.list_(pa.float64())),
    ]
)


def camera_film(scene: CameraScene) -> bytes:
    """Films a scene: mp4, the same bytes for the same scene."""
    file = io.BytesIO()
    write_h264(render_camera_scene(scene), file, fps=scene.fps, crf=scene.crf)
    return file.getvalue()


def camera_row(scene: CameraScene, name: str) -> Row:
    """Makes the row of a scene."""
    lasts = float(scene.timestamps[-1])
    moves = [
        {
            "words": f"{move.kind} {move.way}",
            "amount": abs(move.amount),
            "unit": UNITS[move.kind],
            "t_start": move.start * lasts,
            "t_end": move.stop * lasts,
        }
        for move in scene.moves
    ]
    return {
        "video": {"bytes": camera_film(scene), "path": None},
        "name": name,
        "question": QUESTION,
        "answer": " and ".join(scene.primitives),
        "primitives": list(scene.primitives),
        "moves": moves,
        "camerabench": list(camerabench_labels(scene.primitives if scene.moves else ("static",))),
        "reference_frame": REFERENCE_FRAME,
        "shake": scene.shake,
        "depths": list(scene.depths),
        "focal": scene.focal,
        "things": len(scene.things),
        "width": SIZE[0],
        "height": SIZE[1],
        "fps": scene.fps,
        "timestamps": scene.timestamps.tolist(),
    }


def draw_scene(seed: int, index: int, *, level: str = "plain", strength: float = 1.0) -> CameraScene:
    """Draws a scene of a level.

    Raises:
        UserError: There is no such level.
    """
    if level not in LEVELS:
        raise UserError(f"level must be of {', '.join(LEVELS)}, got '{level}'.")
    if level == "hard":
        return make_hard_scene(seed, index)
    return make_camera_scene(seed, index, strength=strength)


def builder(strength: float = 1.0, level: str = "plain") -> Builder:
    """Makes the builder.

    Args:
        strength: By what the moves' amounts are multiplied; of plain scenes alone.
        level: ``plain`` or ``hard``.
    """

    def make(seed: int, index: int) -> list[Row]:
        scene = draw_scene(seed, index, level=level, strength=strength)
        return [camera_row(scene, f"camera {seed}-{index}")]

    return Builder("camera", SCHEMA, make, _group, _pair, describe)


def _group(row: Row) -> str:
    return str(row["name"])


def _pair(row: Row) -> tuple[bytes, str]:
    return row["video"]["bytes"], row["question"]


def describe() -> str:
    """The card's text."""
    lines = [
        "Films of a moving camera before textured layers: the farthest fills the picture, nearer ones come in patches. "
        "Every frame is drawn by each layer's true homography, so that zoom and dolly, pan and truck differ by "
        "parallax alone. Moves are in the camera's own frame, added up from frame to frame.",
        "",
        "`primitives` are the moves in words, `moves` their sizes and times, `camerabench` their names in CameraBench."
        " Shake has no such label; a camera that only shakes is `fixed_camera`. Travelling (truck, "
        "pedestal, dolly) is measured by what it does to the nearest layer.",
        "",
        f"- {SIZE[0]}x{SIZE[1]} pixels, {FPS} frames a second, {LASTS_S[0]:g} to {LASTS_S[1]:g} s, focal length "
        f"{FOCAL[0]:g} to {FOCAL[1]:g} picture widths, H.264.",
        f"- Depths: nearest 1, farthest {FAR_DEPTH[0]:g} to {FAR_DEPTH[1]:g}; in half of the films one more between, "
        f"{MIDDLE_DEPTH[0]:g} to {MIDDLE_DEPTH[1]:g}. Up to {MOST_THINGS} things move by themselves.",
        f"- {STATIC_SHARE:.0%} make no move; {COMPOUND_SHARE:.0%} of the others two at once, of different groups of "
        + ", ".join(" or ".join(group) for group in GROUPS) + f". {SHAKE_SHARE:.0%} of all films shake, by "
        f"{SHAKE[0]:g} to {SHAKE[1]:g} picture widths.",
        "",
        "Times the setting `strength`:",
        "",
        "| move | least | most | unit |",
        "| --- | --- | --- | --- |",
    ]  # fmt: skip
    lines += [f"| {kind} | {low:g} | {high:g} | {UNITS[kind]} |" for kind, (low, high) in AMOUNTS.items()]
    return "\n".join(lines)
