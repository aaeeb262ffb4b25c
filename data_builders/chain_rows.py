"""Motion chains as rows: a film, a question, the chain that leads to the answer, and how the chain was checked.

    motionlaw build mcot --n 1000 --seed 0 --out chains
    motionlaw build mcot --set videos=FOLDER --n 20 --out real-chains
    motionlaw build mcot --set motion_o=ROWS.json --set videos=FOLDER --n 500 --out imported

A source gives one row that tells of all its objects, and one set of the questions of `questions` with a chain for each
cut. Rows of Motion-o's JSON keep their words; their motion tags are made again from their keyframes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from motionlaw.agent.mcot import Chain, MotionTag, Observation, Step, write_chain
from motionlaw.agent.mcot_checks import check_itself, verify_chain
from motionlaw.agent.mcot_words import told
from motionlaw.agent.motion_o import MotionORow, read_motion_o
from motionlaw.data_builders.builder import Builder, Row, video_field
from motionlaw.data_builders.chains import chain_of
from motionlaw.data_builders.clips import Clip, scene_clip
from motionlaw.data_builders.questions import LETTERS, Item, sets_of, shuffled
from motionlaw.data_builders.sources import VIDEOS_SETTING, find_videos, track_columns, track_row, tracked
from motionlaw.data_builders.worlds import WORLDS, make_scene
from motionlaw.tools.errors import UserError
from motionlaw.tools.tracks import dense, motion_words
from motionlaw.tools.trajectory import Track

ASK = "Think in steps with boxes, times and motion tags, then answer."
TELL = "How does everything move?"
LONGEST_GAP_S = 3.0  # between keyframes that are joined by a straight line
STEP_S = 0.1  # of the tracks that are made of keyframes

SCHEMA = pa.schema(
    [
        video_field("video"),
        *(pa.field(name, pa.string()) for name in ("name", "world", "split_of_scene", "set", "cut", "question")),
        pa.field("options", pa.list_(pa.string())),
        *(pa.field(name, pa.string()) for name in ("answer", "chain", "chain_json", "chain_given")),
        *(pa.field(name, pa.float64()) for name in ("agreement", "coverage", "mean_iou", "self_consistency")),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("timestamps", pa.list_(pa.float64())),
        track_columns(),
    ]
)


def _scores(chain: Chain, tracks: Sequence[Track], still: Sequence[Track] | None = None) -> Row:
    """How well a chain agrees with tracks and with itself."""
    found = verify_chain(chain, tracks, still=still)
    own = [check.share_right for check in check_itself(chain) if check.expected is not None]
    return {
        "agreement": found.agreement,
        "coverage": found.coverage,
        "mean_iou": found.mean_iou,
        "self_consistency": float(np.mean(own)) if own else None,
    }


def clip_row(clip: Clip, chain: Chain, question: str, *, options: Sequence[str] = (), number: str = "") -> Row:
    """Makes the row of a clip and its chain."""
    objects = {tag.name for tag in chain.motion_tags}
    shown = [track for track in clip.tracks if track.name in objects]
    return {
        "video": {"bytes": clip.film(), "path": None},
        "name": clip.name,
        "world": clip.scene.world if clip.scene else "",
        "split_of_scene": clip.scene.split if clip.scene else "",
        "set": number,
        "cut": clip.cut.words if clip.cut else "",
        "question": question,
        "options": list(options),
        "answer": chain.answer,
        "chain": write_chain(chain),
        "chain_json": json.dumps(chain.to_dict()),
        "chain_given": None,
        "width": clip.width,
        "height": clip.height,
        "timestamps": clip.timestamps.tolist(),
        "tracks": [track_row(track) for track in clip.tracks],
    } | _scores(chain, shown, clip.still_tracks())


def _rows_of_clip(clip: Clip, seed: int, index: int) -> list[Row]:
    chain = chain_of(clip)
    rows = [clip_row(clip, replace(chain, answer=told(chain)), f"{TELL} {ASK}")]
    rng = np.random.default_rng([seed, index, 2])
    items = next(sets_of(clip, rng), [])
    for item in items:
        rows.append(_row_of_item(item, f"{clip.name} {seed}-{index}", int(rng.integers(2**31))))
    return rows


def _row_of_item(item: Item, number: str, seed: int) -> Row:
    options = shuffled(item.proposal.answers, seed)
    letter = LETTERS[options.index(item.answer)]
    because = f"So the answer is {item.answer}."
    chain = chain_of(item.clip, objects=item.proposal.objects, answer=letter, because=because)
    listed = " ".join(f"{each}) {option}" for each, option in zip(LETTERS, options, strict=True))
    question = f"{item.proposal.question} {listed} {ASK}"
    return clip_row(item.clip, chain, question, options=options, number=number)


def retagged(row: MotionORow) -> Chain:
    """Puts the right tag of each object behind its last observation, made from its keyframes; prose is kept.

    One keyframe tells no motion: its tag says unknown, where Motion-o says STAT.
    """
    tags = {track.name: MotionTag.of(track.name, motion_words(track)) for track in row.tracks}
    steps: list[Step] = [step for step in row.chain.steps if not isinstance(step, MotionTag)]
    for name, tag in tags.items():
        places = [k for k, step in enumerate(steps) if isinstance(step, Observation) and step.name == name]
        steps.insert(places[-1] + 1 if places else len(steps), replace(tag, shape=None, phase=None))
    return Chain(tuple(steps), row.chain.answer)


def motion_o_rows(values: dict[str, Any], folder: Path | None) -> list[Row]:
    """Makes the row of one of Motion-o's rows; tracks are filled up between keyframes.

    Args:
        values: The row.
        folder: Where its video lies; without it, or without the file, the row has no film.
    """
    path = folder / str(values.get("video_path", "")) if folder else None
    path = path if path and path.is_file() else None
    size = None
    if path and not values.get("image_size"):
        from motionlaw.tools.video import probe

        info = probe(path)
        size = (info.width, info.height)
    row = read_motion_o(values, size=size)
    if not row.tracks:
        return []
    times = np.unique(np.concatenate([track.timestamps for track in row.tracks]))
    grid = np.unique(np.concatenate([times, np.arange(times[0], times[-1], STEP_S)]))
    chain = retagged(row)
    given = row.chain if row.chain.motion_tags else None
    return [
        {
            "video": {"bytes": path.read_bytes() if path else None, "path": row.video_path},
            "name": f"motion-o {row.source} {row.video_path}",
            "world": "",
            "split_of_scene": "",
            "set": "",
            "cut": "",
            "question": f"{row.question} {ASK}",
            "options": [],
            "answer": row.chain.answer,
            "chain": write_chain(chain),
            "chain_json": json.dumps(chain.to_dict()),
            "chain_given": write_chain(given) if given else None,
            "width": row.size[0],
            "height": row.size[1],
            "timestamps": grid.tolist(),
            "tracks": [track_row(dense(track, grid, longest_gap_s=LONGEST_GAP_S)) for track in row.tracks],
        }
        | _scores(given or chain, row.tracks)
    ]


def read_rows(file: str) -> list[dict[str, Any]]:
    """Reads Motion-o's JSON: a list of rows, or one row a line.

    Raises:
        UserError: It is neither.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip()]
        rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise UserError(f"{file} must be Motion-o's JSON, a list of rows: {error}. Give its file.") from None
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{file} must be a list of rows, got none. Give Motion-o's JSON.")
    return rows


def builder(videos: str = "", motion_o: str = "") -> Builder:
    """Makes the builder.

    Args:
        videos: A folder of real videos, or files with commas; made worlds if empty. With ``motion_o``, the folder that
            its paths start from.
        motion_o: Motion-o's JSON.
    """
    given = read_rows(motion_o) if motion_o else []
    files = [] if given else find_videos(videos)
    folder = Path(videos) if videos else None

    def make(seed: int, index: int) -> list[Row]:
        if given:
            return motion_o_rows(given[index], folder) if index < len(given) else []
        clip = tracked(files[index]) if index < len(files) else None if files else scene_clip(make_scene(seed, index))
        return [] if clip is None else _rows_of_clip(clip, seed, index)

    return Builder("mcot", SCHEMA, make, _group, _pair, describe, _held_out)


def _group(row: Row) -> str:
    return str(row["name"])


def _pair(row: Row) -> tuple[bytes, str]:
    return row["video"]["bytes"] or row["name"].encode(), row["question"]


def _held_out(row: Row) -> str | None:
    return "test_ood" if row["split_of_scene"] == "test_ood" else None


def describe() -> str:
    """The card's text."""
    lines = [
        "Motion chains: `<think>` with observations (object, box, time) and motion tags, then one `<answer>`, in the "
        "grammar of `motionlaw.agent.mcot`. Boxes are pixels of the frame, y down, rounded; times are seconds. Every "
        "box and word is taken from the tracks in the row: key times are the film's ends, turning points, contacts and "
        "gaps, and a tag speaks of the stretch between two of them. `measured` is the mean speed in box diagonals a "
        "second with its 95 % interval.",
        "",
        f"The first row of a source asks `{TELL}`; the others are one set of questions as in the data set `questions`, "
        "the same asked of two or four cuts that answer it differently.",
        "",
        "`agreement` (share of right words over the time of all tracks that are told of), `coverage`, `mean_iou` and "
        "`self_consistency` (words against the chain's own boxes) are what the checks of "
        "`motionlaw.agent.mcot_checks` give; for imported rows, of the chain as it was given (`chain_given`). "
        "`chain_json` is the chain as plain values.",
        "",
        f"Sources: the {len(WORLDS)} worlds of `motionlaw build worlds`, the same scenes for the same seed; real "
        f"videos that were tracked (`{VIDEOS_SETTING}`); or Motion-o's JSON (`--set motion_o=FILE`), whose tags are "
        "made again from its keyframes; its tracks are filled by straight lines over gaps of up to "
        f"{LONGEST_GAP_S:g} s.",
    ]
    return "\n".join(lines)
