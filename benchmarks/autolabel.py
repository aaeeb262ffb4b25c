"""Contact sheets of automatic labels, to be looked at and counted by hand; and how much captions say.

    motionlaw build autolabel --from CLIPS --out labels
    python benchmarks/autolabel.py labels --out sheets

One picture a clip: frames over time with the tracks' boxes and paths so far, then camera, caption, what the check took
out, and the questions. Printed: how many clips got a caption, and how many of those say how something moves.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as parquet

from motionlaw.data_builders.captions import tells_motion
from motionlaw.tools.video import read_frames

FRAMES, ACROSS = 8, 4
WIDE = 360  # pixels of one frame on the sheet
LINE = 22
COLOURS = ((60, 60, 255), (60, 200, 60), (255, 120, 40), (0, 200, 255), (255, 0, 255), (200, 200, 0), (120, 120, 255))


def drawn(image: np.ndarray, tracks: list[dict[str, Any]], row: int, scale: float) -> np.ndarray:
    """A frame made small, with the boxes of that row and the paths up to it; BGR."""
    size = (WIDE, max(2, round(image.shape[0] * scale)))
    picture = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    for number, track in enumerate(tracks):
        colour = COLOURS[number % len(COLOURS)]
        path = [place for place in track["position"][: row + 1] if place is not None]
        if path:
            line = np.round(np.array(path) * scale).astype(np.int32)
            cv2.polylines(picture, [line.reshape(-1, 1, 2)], isClosed=False, color=colour, thickness=1)
        box = track["xyxy"][row]
        if box is not None:
            left, top, right, bottom = (round(edge * scale) for edge in box)
            cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
            cv2.putText(picture, track["name"], (left, top - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1)
    return picture


def sheet(row: dict[str, Any], folder: Path) -> np.ndarray:
    """The sheet of a row, BGR; its video is written into ``folder`` to be read."""
    path = folder / "clip.mp4"
    path.write_bytes(row["video"]["bytes"])
    every = [frame.image for frame in read_frames(path, max_width=WIDE * 2)]
    width = row["width"] or every[0].shape[1]
    count = min(len(every), len(row["timestamps"]) or len(every))
    chosen = np.unique(np.linspace(0, count - 1, FRAMES).round().astype(int)).tolist()
    pictures = []
    for k in chosen:
        image = every[k]
        tracks = [_scaled(track, image.shape[1] / width) for track in row["tracks"]]
        picture = drawn(image, tracks, k, WIDE / image.shape[1])
        time = row["timestamps"][k] if row["timestamps"] else float("nan")
        cv2.putText(picture, f"{time:.2f} s", (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 255), 1)
        pictures.append(picture)
    blank = np.zeros_like(pictures[0])
    pictures += [blank] * (-len(pictures) % ACROSS)
    grid = np.vstack([np.hstack(pictures[k : k + ACROSS]) for k in range(0, len(pictures), ACROSS)])
    return np.vstack([grid, _written(words(row), grid.shape[1])])


def _scaled(track: dict[str, Any], factor: float) -> dict[str, Any]:
    """A track in pixels of a picture that was made smaller."""
    place = [None if each is None else [factor * value for value in each] for each in track["position"]]
    box = [None if each is None else [factor * value for value in each] for each in track["xyxy"]]
    return {"name": track["name"], "position": place, "xyxy": box}


def words(row: dict[str, Any]) -> list[str]:
    """What the row says, in lines."""
    lines = [f"{row['file']}: {row['status']} {row['reason'] or ''} [{row['tracker'] or '-'}]"]
    lines += [f"CAMERA {', '.join(row['camera'])}", f"CAPTION {row['caption'] or '-'}"]
    lines += [f"DROPPED {each['sentence']} ({each['reason']})" for each in row["caption_dropped"]]
    for each in row["questions"]:
        options = " / ".join(each["options"])
        lines.append(f"Q {each['question']} [{options}] -> {each['answer_text']}")
    return lines


def _written(lines: list[str], width: int) -> np.ndarray:
    wrapped = [part for line in lines for part in textwrap.wrap(line, width // 9)]
    page = np.full((LINE * (len(wrapped) + 1), width, 3), 255, np.uint8)
    for number, line in enumerate(wrapped):
        at = (6, LINE * (number + 1))
        cv2.putText(page, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return page


def main() -> None:
    """Writes the sheets and prints the captions."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("labels", type=Path, help="folder that `motionlaw build autolabel` made")
    options.add_argument("--out", type=Path, required=True)
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    files = sorted((chosen.labels / "data").glob("*.parquet"))
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    rows.sort(key=lambda row: row["file"])
    for row in rows:
        cv2.imwrite(str(chosen.out / f"{row['file'].replace('/', ' ')}.png"), sheet(row, chosen.out))
        print("\n".join(words(row)[:3]) + "\n")
    (chosen.out / "clip.mp4").unlink(missing_ok=True)
    good = [row for row in rows if row["status"] == "ok"]
    moving = sum(any(tells_motion(each) for each in row["caption"].split(". ")) for row in good)
    print(f"{len(rows)} clips, {len(good)} with a caption, {moving} that says how something moves.")


if __name__ == "__main__":
    main()
