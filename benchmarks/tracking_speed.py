"""How fast tracking is: against decoding alone, trackpy, and OpenCV's own trackers, on the same clips; medians.

    OMP_NUM_THREADS=1 python benchmarks/tracking_speed.py [--long] [--repeat 3] [VIDEO ...]

Without videos it takes 1080p and 480p clips from the folder in MOTIONLAW_SHARED_DATA (default ``../shared/data``).
``--long`` also makes a ten-minute 1080p film and prints the peak memory of tracking it. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from motionlaw.tools.tracking import track_video
from motionlaw.tools.video import probe

CLIPS = (
    "video_mass_spring/video_02.mp4",
    "video_mass_spring/video_30.mp4",
    "video_cart_newton2/force_04.mp4",
    "video_cart_newton2/mass_03.mp4",
    "osp_tracker_clips/ball_in_oil/video.mp4",
    "osp_tracker_clips/pendulum_drag/video.mp4",
)
PEER_FRAMES = 60
"""Frames that the slow peers are timed on."""


def decode(path: str, thread_type: str = "AUTO") -> int:
    """Decodes a clip with PyAV and does nothing else."""
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = thread_type
        return sum(1 for _ in container.decode(stream))


def grey_frames(path: str, count: int) -> list[np.ndarray]:
    """Returns the first frames as full-size grey pictures."""
    import av

    with av.open(path) as container:
        frames = []
        for frame in container.decode(video=0):
            frames.append(frame.to_ndarray(format="gray"))
            if len(frames) == count:
                break
    return frames


def lucas_kanade(path: str) -> int:
    """Decodes to grey and follows one point with OpenCV's pyramidal Lucas-Kanade, from start to end."""
    import av
    import cv2

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        count, last, point = 0, None, None
        for frame in container.decode(stream):
            grey = frame.to_ndarray(format="gray")
            if last is None:
                point = np.array([[[grey.shape[1] / 2, grey.shape[0] / 2]]], dtype=np.float32)
            else:
                point = cv2.calcOpticalFlowPyrLK(last, grey, point, None)[0]
            last, count = grey, count + 1
    return count


def mil(frames: list[np.ndarray], box: tuple[int, int, int, int]) -> int:
    """Follows a box with OpenCV's MIL tracker; the frames are decoded beforehand."""
    import cv2

    colour = [cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) for frame in frames]
    tracker = cv2.TrackerMIL_create()
    tracker.init(colour[0], box)
    for frame in colour[1:]:
        tracker.update(frame)
    return len(colour)


def trackpy_locate(frames: list[np.ndarray]) -> int:
    """Locates features with trackpy in each frame; the frames are decoded beforehand."""
    import trackpy

    for frame in frames:
        trackpy.locate(frame, diameter=21, minmass=200)
    return len(frames)


def frames_per_second(job: Callable[[], int]) -> float:
    """Returns the rate of one run."""
    start = time.perf_counter()
    count = job()
    return count / (time.perf_counter() - start)


def in_turn(jobs: list[Callable[[], int]], repeat: int) -> np.ndarray:
    """Times jobs one after the other, several rounds, so that other load meets all of them alike.

    Returns:
        Frames per second of wall time, and per second of CPU time of all threads, shape (repeat, jobs, 2).
    """
    rates = np.empty((repeat, len(jobs), 2))
    for turn in range(repeat):
        for number, job in enumerate(jobs):
            wall, cpu = time.perf_counter(), time.process_time()
            count = job()
            rates[turn, number] = count / (time.perf_counter() - wall), count / (time.process_time() - cpu)
    return rates


def row(path: str, repeat: int) -> str:
    """Measures one clip and returns its line of the table."""
    import cv2

    info = probe(path)
    click = track_video(path, objects=1).tracks[0]  # warms the caches up, and says where a subject is
    def tracked() -> int:
        track_video(path)
        return info.frame_count

    rates = in_turn([lambda: decode(path), lambda: decode(path, "SLICE"), tracked], repeat)
    decoded, plain, ours = np.median(rates[..., 0], axis=0)
    ratios = np.median(rates[:, 2:] / rates[:, :2], axis=0)  # of the same round
    few = grey_frames(path, PEER_FRAMES)
    k = int(np.argmax(np.isfinite(click.xyxy[:, 0])))
    x1, y1, x2, y2 = (int(value) for value in click.xyxy[k])
    peers = [frames_per_second(lambda: lucas_kanade(path))]
    has_mil = hasattr(cv2, "TrackerMIL_create")
    peers.append(
        frames_per_second(lambda: mil(few, (max(x1, 0), max(y1, 0), x2 - x1, y2 - y1))) if has_mil else float("nan")
    )
    peers.append(frames_per_second(lambda: trackpy_locate(few[:10])))
    cells = [f"{info.width}x{info.height}", f"{info.frame_count}", f"{decoded:.0f}", f"{plain:.0f}", f"{ours:.0f}"]
    cells += [
        f"{ratios[0, 0]:.2f}",
        f"{ratios[1, 0]:.2f}",
        f"{ratios[0, 1]:.2f}",
        f"{ours / info.fps:.1f}",
        f"{np.median(rates[:, 2, 1]) / info.fps:.1f}",
        *(f"{rate:.0f}" for rate in peers),
    ]
    return f"| {'/'.join(Path(path).parts[-2:])} | " + " | ".join(cells) + " |"


def long_film(folder: str, seconds: int = 600) -> str:
    """Makes a ten-minute 1080p film of a swinging disc."""
    import av
    import cv2

    path = str(Path(folder) / "long.mp4")
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for k in range(30 * seconds):
            grey = np.full((1620, 1920), 128, np.uint8)
            grey[:1080] = 200
            centre = (960 + round(500 * np.sin(2 * np.pi * k / 90)), 540)
            cv2.circle(grey[:1080], centre, 40, 60, -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def long_run() -> str:
    """Tracks the long film in a process of its own and returns a sentence on its time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = long_film(folder)
        code = (
            "import resource, sys, time; from motionlaw.tools.tracking import track_video; t = time.time();"
            "r = track_video(sys.argv[1]); "
            "print(len(r.tracks[0].timestamps), time.time() - t, "
            "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
        )
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    count, seconds, memory = (float(value) for value in done.stdout.split())
    pace = f"{seconds:.0f} s ({count / seconds / 30:.1f}x real time)"
    return f"10 minutes of 1080p ({count:.0f} frames): {pace}, peak memory {memory:.2f} GB"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    root = Path(os.environ.get("MOTIONLAW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    videos = options.videos or [str(root / clip) for clip in CLIPS if (root / clip).exists()]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{os.cpu_count()} cores{load}. Frames per second, median; decoding alone with all threads (PyAV `AUTO`) and")
    print("as PyAV comes (`SLICE`). CPU time counts all threads: other load does not change it much.")
    print("MIL and trackpy are timed on frames already decoded.\n")
    names = (
        "clip",
        "size",
        "frames",
        "decode",
        "decode, default",
        "tracking",
        "ratio",
        "ratio to default",
        "ratio in CPU time",
        "x real time",
        "x real time, one core",
    )
    names += ("OpenCV LK, 1 point", "OpenCV MIL", "trackpy.locate")
    print("| " + " | ".join(names) + " |\n|" + " --- |" * len(names))
    for video in videos:
        print(row(video, options.repeat), flush=True)
    print(f"\nPeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")
    if options.long:
        print(long_run())


if __name__ == "__main__":
    main()
