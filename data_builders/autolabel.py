"""Real videos labelled without people: camera, tracks, facts with errors, a checked caption, questions.

    motionlaw build autolabel --from clip.mp4 --from more/ --out labels
    motionlaw build autolabel --from clips/ --set model=http://localhost:8000/v1 --out labels
    motionlaw build autolabel --from clips/ --set detector=CHECKPOINT --set labels=person,ball --out labels
    motionlaw build autolabel --from clips/ --set tracks=FOLDER --out labels

One row a video. A camera that moves is labelled, not thrown out. What cannot be labelled is a row, too, with the
reason. Captions are written by rule, or by a model that is handed the facts alone; sentences that the tracks do not
bear out are dropped and kept aside.

Source: the steps of FoundationMotion, arXiv 2512.10927.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from motionlaw.agent.model import choose_model
from motionlaw.data_builders.builder import Builder, Row, video_field
from motionlaw.data_builders.captions import checked_caption, model_caption, rule_caption
from motionlaw.data_builders.found import LONGEST_S, Found, find, gate, sure_words
from motionlaw.data_builders.foundation_motion import write_questions, write_tracks
from motionlaw.data_builders.label_questions import ask_of_facts, ask_of_parts
from motionlaw.data_builders.measured_facts import Fact, facts_of
from motionlaw.data_builders.sources import find_videos, track_columns, track_row
from motionlaw.tools.camera_labels import camerabench_labels
from motionlaw.tools.camera_moves import CameraMoves
from motionlaw.tools.errors import ToolError, UserError

_TEXT, _NUMBER = pa.string(), pa.float64()
SCHEMA = pa.schema(
    [
        video_field("video"),
        *(pa.field(name, _TEXT) for name in ("name", "file", "status", "reason", "tracker")),
        pa.field("camera", pa.list_(_TEXT)),
        pa.field("camera_intervals", _TEXT),
        pa.field("camerabench", pa.list_(_TEXT)),
        pa.field(
            "facts",
            pa.list_(
                pa.struct(
                    [("object", _TEXT), ("name", _TEXT), ("value", _NUMBER), ("word", _TEXT), ("stderr", _NUMBER),
                     ("unit", _TEXT)]
                )
            ),
        ),
        *(pa.field(name, _TEXT) for name in ("caption", "caption_source")),
        pa.field("caption_dropped", pa.list_(pa.struct([("sentence", _TEXT), ("reason", _TEXT)]))),
        pa.field(
            "questions",
            pa.list_(
                pa.struct(
                    [("question", _TEXT), ("options", pa.list_(_TEXT)), ("answer", _TEXT), ("answer_text", _TEXT),
                     ("rule", _TEXT), ("shuffle_seed", pa.int64())]
                )
            ),
        ),
        pa.field("foundation_motion_tracks", _TEXT),
        pa.field("foundation_motion_questions", _TEXT),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("fps", _NUMBER),
        pa.field("timestamps", pa.list_(_NUMBER)),
        track_columns(),
    ]
)  # fmt: skip


def label_row(found: Found, path: Path, *, seed: int, model: str = "none") -> Row:
    """Makes the row of a video.

    Args:
        found: What was found in it.
        path: The video.
        seed: For the questions' order.
        model: Who writes the caption; ``"none"``: by rule.

    Raises:
        UserError: Nothing can be said of its camera or any of its things, or the model cannot be reached.
    """
    facts = tuple(fact for track in found.scene_tracks for fact in facts_of(track, is_rough=found.tracker == "flow"))
    if not facts and found.told_camera in ((), ("static",)):
        raise UserError(f"Nothing is seen long enough in {path.name} to say how it moves.")
    writer = choose_model(model)
    if writer is None:
        text, source = rule_caption(facts, camera=found.told_camera), "rule"
    else:
        try:
            text, source = model_caption(writer, facts, camera=found.told_camera, seed=seed), writer.name
        finally:
            writer.close()
    caption = checked_caption(text, facts, source=source, camera=found.told_camera)
    if not caption.text:
        raise UserError(f"Nothing in {path.name} moves clearly enough to say how.")
    questions = [*ask_of_facts(facts, found.camera_words, seed), *ask_of_parts(found.clip, seed)]
    clip = found.clip
    return _empty(path) | {
        "name": clip.name,
        "status": "ok",
        "reason": "",
        "tracker": found.tracker,
        "camera": list(found.camera_words),
        "camera_intervals": json.dumps(found.camera_intervals),
        "camerabench": list(camerabench_labels(found.camera_words)),
        "facts": [fact.to_dict() for fact in facts],
        "caption": caption.text,
        "caption_source": caption.source,
        "caption_dropped": [{"sentence": each, "reason": why} for each, why in caption.dropped],
        "questions": questions,
        "foundation_motion_tracks": json.dumps(write_tracks(clip.tracks, clip.width, clip.height)),
        "foundation_motion_questions": json.dumps(write_questions(questions)),
        "width": clip.width,
        "height": clip.height,
        "fps": clip.fps,
        "timestamps": clip.timestamps.tolist(),
        "tracks": [track_row(track) for track in clip.tracks],
    }


def _empty(path: Path) -> Row:
    row: Row = {field.name: [] if pa.types.is_list(field.type) else None for field in SCHEMA}
    return row | {
        "video": {"bytes": path.read_bytes(), "path": path.name},
        "file": f"{path.parent.name}/{path.name}",
        "name": path.name,
    }


def failed_row(path: Path, reason: str, camera: CameraMoves | None) -> Row:
    """Makes the row of a video in which nothing could be labelled but, if that is known, its camera."""
    words = () if camera is None else sure_words(camera)
    intervals = [] if camera is None else [part.to_dict() for part in camera.intervals()]
    return _empty(path) | {
        "status": "failed",
        "reason": reason,
        "camera": list(words),
        "camera_intervals": json.dumps(intervals),
        "camerabench": list(camerabench_labels(words)),
    }


def builder(videos: str = "", model: str = "none", detector: str = "", labels: str = "", tracks: str = "") -> Builder:
    """Makes the builder.

    Args:
        videos: A folder of videos, or files with commas.
        model: Who writes captions from facts: ``none`` (by rule), a server, or a checkpoint.
        detector: Folder of a zero-shot detector's checkpoint; classical detection if empty.
        labels: What the detector looks for, with commas.
        tracks: Folder of FoundationMotion's track files, named as the videos; they are taken instead of tracking.
    """
    files = find_videos(videos)
    names = tuple(filter(None, (each.strip() for each in labels.split(","))))

    def make(seed: int, index: int) -> list[Row]:
        if not files:
            raise UserError("autolabel needs videos. Give --from FOLDER or files.")
        if index >= len(files):
            return []
        path = files[index]
        given = Path(tracks) / f"{path.stem}.json" if tracks else None
        camera = None
        try:
            camera = gate(path)
            found = find(path, camera, detector=detector, labels=names, tracks=given)
            return [label_row(found, path, seed=seed + index, model=model)]
        except (UserError, ToolError) as error:
            return [failed_row(path, str(error), camera)]

    return Builder("autolabel", SCHEMA, make, _group, _pair, describe, sources_per_part=1)


def _group(row: Row) -> str:
    return str(row["name"])


def _pair(row: Row) -> tuple[bytes, str]:
    return row["video"]["bytes"], "labels"


def told_facts(row: dict[str, Any]) -> Sequence[Fact]:
    """The facts of a row, as values."""
    return tuple(Fact.from_dict(each) for each in row["facts"])


def describe() -> str:
    """The card's text."""
    return "\n".join(
        [
            "Real videos with labels that no person made. `status` is `ok` or `failed`, with the `reason`.",
            "",
            "- `camera`, `camera_intervals`, `camerabench`: what the camera does (`motionlaw camera`).",
            "- `tracks`: pixels of each frame, y down. `tracker` says how they were found: `classical`, `flow` (before "
            "a moving background, rough), `detector`, or `given`.",
            "- `facts`: what the tracks say of each object, with standard errors; pixels of the first frame where the "
            "camera's motion was taken out, y up.",
            "- `caption`: by rule or by a model that saw the facts alone. Each number and direction in it follows from "
            "`facts`; sentences that did not are in `caption_dropped`.",
            "- `questions`: four options (`answer` a letter) or free (`options` empty).",
            "- `foundation_motion_tracks`, `foundation_motion_questions`: the same as FoundationMotion's JSON.",
            "",
            f"Videos of more than {LONGEST_S:.0f} s are not labelled. Objects are named by colour: nothing here knows "
            "what they are, unless a detector was asked for by name.",
        ]
    )
