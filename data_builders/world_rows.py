"""Worlds as rows: one film a row, with all that is true of it.

motionlaw build worlds --n 1000 --seed 0 --out worlds
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from motionlaw.data_builders.builder import Builder, Row, video_field
from motionlaw.data_builders.mechanics.motion import Range, World
from motionlaw.data_builders.render import CRF, film
from motionlaw.data_builders.scene import COLOURS, Scene, SceneLaw
from motionlaw.data_builders.staging import (
    BACKGROUNDS,
    CAMERAS,
    LEVELS,
    NOISE,
    RATES,
    SEEN_SHARE,
    SHADOW,
    SHUTTER,
    SIZES,
)
from motionlaw.data_builders.worlds import OOD_SHARE, WORLDS, make_scene
from motionlaw.tools.trajectory import Track

_NUMBERS, _PLACES = pa.list_(pa.float64()), pa.list_(pa.list_(pa.float64()))


def _list_of(**columns: pa.DataType) -> pa.DataType:
    return pa.list_(pa.struct([pa.field(name, kind) for name, kind in columns.items()]))


SCHEMA = pa.schema(
    [
        video_field("video"),
        *(pa.field(name, pa.string()) for name in ("name", "world", "description", "look", "background", "camera")),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("fps", pa.float64()),
        pa.field("timestamps", _NUMBERS),
        pa.field("metres_per_pixel", pa.float64()),
        pa.field("origin_px", _NUMBERS),
        pa.field("camera_maps", _PLACES),
        pa.field(
            "bodies",
            _list_of(name=pa.string(), shape=pa.string(), colour=pa.string(), size_m=_NUMBERS, mass_kg=pa.float64()),
        ),
        pa.field("tracks", _list_of(name=pa.string(), position=_PLACES, xyxy=_PLACES, seen_share=_NUMBERS)),
        pa.field("trajectories", _list_of(name=pa.string(), position_m=_PLACES, velocity_m_per_s=_PLACES)),
        pa.field(
            "events", _list_of(t=pa.float64(), kind=pa.string(), bodies=pa.list_(pa.string()), detail=pa.string())
        ),
        pa.field(
            "laws",
            _list_of(
                bodies=pa.list_(pa.string()),
                coordinates=pa.list_(pa.string()),
                units=pa.list_(pa.string()),
                law=_list_of(of=pa.string(), rate=pa.string()),
                t_start=pa.float64(),
                t_end=pa.float64(),
                position=_PLACES,
                velocity=_PLACES,
            ),
        ),
        pa.field("parameters", _list_of(name=pa.string(), value=pa.float64(), unit=pa.string())),
    ]
)


def builder() -> Builder:
    """Makes the builder."""
    return Builder("worlds", SCHEMA, make, group, pair, describe, held_out)


def make(seed: int, index: int) -> list[Row]:
    """The row of one scene."""
    scene = make_scene(seed, index)
    return [scene_row(scene) | {"video": {"bytes": film(scene), "path": f"{scene.name}.mp4"}}]


def group(row: Row) -> str:
    """The scene: all that is made of its film stays together."""
    return str(row["name"])


def pair(row: Row) -> tuple[bytes, str]:
    """The film; nothing is asked."""
    return row["video"]["bytes"], ""


def held_out(row: Row) -> str | None:
    """Whether a number is out of its training range: kept with the row under ``split``."""
    return "test_ood" if row["split"] == "test_ood" else None


def scene_row(scene: Scene) -> Row:
    """All columns but the film's, and the scene's split."""
    return {
        "name": scene.name,
        "world": scene.world,
        "split": scene.split,
        "description": scene.description,
        "look": scene.look.level,
        "background": scene.look.background,
        "camera": scene.look.camera,
        "width": scene.width,
        "height": scene.height,
        "fps": scene.fps,
        "timestamps": scene.timestamps.tolist(),
        "metres_per_pixel": scene.metres_per_pixel,
        "origin_px": list(scene.origin_px),
        "camera_maps": scene.camera.reshape(-1, 6).tolist(),
        "bodies": [{key: value for key, value in asdict(body).items() if key in _BODY} for body in scene.bodies],
        "tracks": [_track_row(track) for track in scene.tracks],
        "trajectories": [
            {"name": path.name, "position_m": path.position.tolist(), "velocity_m_per_s": _listed(path.velocity)}
            for path in scene.trajectories
        ],
        "events": [asdict(event) | {"bodies": list(event.bodies)} for event in scene.events],
        "laws": [_law_row(law) for law in scene.laws],
        "parameters": [{"name": each.name, "value": each.value, "unit": each.unit} for each in scene.parameters],
    }


_BODY = ("name", "shape", "colour", "size_m", "mass_kg")


def _listed(values: np.ndarray | None) -> list[Any]:
    """Rows of numbers, ``None`` in place of rows that are unseen."""
    assert values is not None
    return [row if np.isfinite(row).all() else None for row in values.tolist()]


def _track_row(track: Track) -> Row:
    position, xyxy = _listed(track.position), _listed(track.xyxy)
    return {"name": track.name, "position": position, "xyxy": xyxy, "seen_share": track.confidence.tolist()}


def _law_row(law: SceneLaw) -> Row:
    path = law.trajectory
    return {
        "bodies": list(law.bodies),
        "coordinates": list(path.coordinates),
        "units": list(path.units),
        "law": [{"of": of, "rate": rate} for of, rate in law.law.items()],
        "t_start": law.t_start,
        "t_end": law.t_end,
        "position": path.position.tolist(),
        "velocity": _listed(path.velocity),
    }


ABOUT = f"""Films of simple mechanical worlds, one a row, with everything that is true of them: tracks in pixels,
trajectories in metres, events with their times, laws, parameters, scale and camera motion.

`position` is the centre in pixels of the frame as filmed, x to the right, y down, the centre of the upper left pixel
at (0, 0); `null` where less than {SEEN_SHARE:.0%} of the body is seen. `xyxy` is cut off at the frame's edges. Metres
are x to the right, y up: x = (x_px - origin_px[0]) * metres_per_pixel, y = (origin_px[1] - y_px) * metres_per_pixel,
in pixels of the first frame; `camera_maps` take those to each frame (2 by 3, row by row). A law's `rate` is the time
derivative of the state `of`, in its coordinates, their rates and t, as `motionlaw discover --json` writes it; it
holds from `t_start` to `t_end` except at contacts.

Worlds take turns. {OOD_SHARE:.0%} of the scenes draw one or more numbers from outside their training range; they make
up `test_ood`. All numbers are uniform over:

| world | number | training range | out of it | unit |
| --- | --- | --- | --- | --- |"""


def describe() -> str:
    """The card's text: what a row is, and every distribution."""
    lines = [_range_line(world, name, each) for world in WORLDS for name, each in world.ranges.items()]
    lines += ["", *(f"- `{world.name}`: {world.about}" for world in WORLDS), ""]
    return "\n".join([ABOUT, *lines, *_looks()])


def _looks() -> list[str]:
    """How scenes are filmed, in words."""
    sizes = ", ".join(f"{width}x{height}" for width, height in SIZES)
    rates = ", ".join(f"{rate:.6g}" for rate in RATES)
    shares = ", ".join(f"{level} {share:.0%}" for level, share in LEVELS.items())
    lines = [
        f"Frame sizes: {sizes}, those that suit the scene; frames a second: {rates} (phyworld's worlds: 256x256, 10)."
    ]
    lines += [f"Looks: {shares}. Backgrounds of scenes that are not plain: {', '.join(BACKGROUNDS)}."]
    for level in LEVELS:
        (dark, darker), (low, high) = SHADOW[level], NOISE[level]
        lines += [
            f"{level.capitalize()}: shadows {dark:g} to {darker:g} dark, noise {low:g} to {high:g} grey levels of 255."
        ]
    shutter = f"{SHUTTER[0]:.0%} to {SHUTTER[1]:.0%}"
    lines += [f"Hard scenes also have a shutter that is open for {shutter} of the frame interval,"]
    lines += [f"a camera that is one of {', '.join(CAMERAS)}, and in half of them a post in front."]
    lines += [f"Colours of bodies: {', '.join(COLOURS)}. H.264, CRF {CRF}, no B-frames."]
    return lines


def _range_line(world: World, name: str, each: Range) -> str:
    outer = ", ".join(f"{low:g} to {high:g}" for low, high in each.ood) or "none"
    whole = "whole, " if each.is_whole else ""
    return f"| {world.name} | {name} | {whole}{each.low:g} to {each.high:g} | {outer} | {each.unit} |"
