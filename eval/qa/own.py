"""Our own sets of questions: made worlds, made camera moves, and the recordings with a ``qa.json``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from motionlaw.data_builders.builder import Row, make_builder, resolve_settings
from motionlaw.data_builders.label_questions import CAMERA, choice
from motionlaw.eval.qa.items import Item, read_json
from motionlaw.tools.errors import UserError

SEED = 930_417
"""Far from the seeds that training data are made with; a data set of the same seed shares its scenes."""

SOURCES_AT_MOST = 20


def made_items(name: str, count: int, folder: Path) -> list[Item]:
    """Makes items and writes their films.

    Args:
        name: ``"worlds-qa"`` or ``"camera"``.
        count: How many.
        folder: Where the films go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    builder = make_builder(
        *(("questions", resolve_settings("questions", {})) if name == "worlds-qa" else ("camera", {}))
    )
    items: list[Item] = []
    index = 0
    while len(items) < count and index < SOURCES_AT_MOST * count:
        for number, row in enumerate(builder.make(SEED, index)):
            path = folder / f"{index:06d}-{number:02d}.mp4"
            path.write_bytes(row["video"]["bytes"])
            item = _world_item(row, path) if name == "worlds-qa" else _camera_item(row, path, index)
            items += [] if item is None else [item]
        index += 1
    return items[:count]


def _world_item(row: Row, path: Path) -> Item:
    options = tuple(row["options"])
    scorer = "choice" if options else "way" if row["rule"] == "next" else "words"
    return Item(path.stem, path, row["question"], row["answer"], scorer, row["name"], options, row["rule"], row["set"],
                is_ours=True)  # fmt: skip


def _camera_item(row: Row, path: Path, index: int) -> Item | None:
    words = [each for each in row["primitives"] if each in CAMERA]
    if len(words) != 1:
        return None  # one answer is right, and shake is not asked about
    rng = np.random.default_rng([SEED, index])
    others = [str(each) for each in rng.permutation([each for each in CAMERA if each != words[0]])[:3]]
    made = choice("camera", row["question"], (words[0], *others), words[0], int(rng.integers(2**31)))
    return Item(
        path.stem, path, row["question"], made["answer"], "choice", row["name"], tuple(made["options"]), "camera"
    )


def recorded_items(folder: Path) -> list[Item]:
    """The questions of all recordings below a folder: ``*/*/qa.json`` beside ``video.mp4``."""
    items = []
    for path in sorted(folder.glob("*/*/qa.json")):
        clip = path.parent.name
        for number, each in enumerate(read_json(path)):
            items.append(
                Item(f"{clip} {number}", path.parent / "video.mp4", each["question"], each["answer"], "words", clip,
                     category=path.parent.parent.name)
            )  # fmt: skip
    if not items:
        raise UserError(f"No qa.json in '{folder}'. Give the folder of recordings with --data.")
    return items
