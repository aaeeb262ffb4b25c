"""How far the times that a model is told are from those of the frames: Qwen3-VL's own video against timed images.

    python benchmarks/video_times.py [--frames N]

Frames are taken evenly from every recording (``MOTIONLAW_SHARED_DATA``), as for a chat. Qwen3-VL's prompt gives two
frames one time, in tenths of a second; images get a time each (`motionlaw.agent.models.wire`). Only times are needed:
nothing is decoded and no model is asked.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from motionlaw.agent.messages import Image, VideoFrames
from motionlaw.agent.models.qwen import told_times
from motionlaw.agent.models.wire import timed_frames, times_in
from motionlaw.agent.pictures import FRAMES
from motionlaw.tools.video import probe

DATA = Path(os.environ.get("MOTIONLAW_SHARED_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


def errors(times: np.ndarray) -> tuple[float, float, int]:
    """Returns the worst error of native times and of timed images, seconds, and the neighbours told one time."""
    video = VideoFrames((Image(b"."),) * len(times), tuple(float(t) for t in times), "clip")
    native = np.repeat(np.round(told_times(video), 1), 2)[: len(times)]
    words = " ".join(part["text"] for part in timed_frames(video) if part["type"] == "text")
    single = np.array(times_in(words))
    return float(np.abs(native - times).max()), float(np.abs(single - times).max()), int((np.diff(native) == 0).sum())


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=FRAMES, help="frames of each recording")
    asked = parser.parse_args()
    print("| clip | step s | native, worst s | in steps | told one time | images, worst s |\n|---|---|---|---|---|---|")
    rows = []
    for path in sorted(DATA.rglob("*.mp4")):
        true = probe(path).timestamps
        times = true[np.linspace(0, len(true) - 1, min(asked.frames, len(true))).round().astype(int)]
        step = float(np.median(np.diff(times)))
        native, single, same = errors(times)
        rows.append((native / step, native, single, same / (len(times) - 1)))
        name = path.parent.name if path.stem == "video" else path.stem
        print(f"| {name} | {step:.3f} | {native:.3f} | {native / step:.2f} | {same} | {single:.4f} |")
    worst = np.array(rows)
    steps, shared = worst[:, 0], 100 * worst[:, 3].mean()
    print(f"\n{len(rows)} clips. Native: the worst frame is {np.median(steps):.2f} steps off in the median clip, ")
    print(f"{steps.max():.2f} at most; {shared:.0f} % of neighbours share a time. Images: {worst[:, 2].max():.4f} s.")


if __name__ == "__main__":
    main()
