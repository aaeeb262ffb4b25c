"""How true our motion chains are: from true tracks and from tracked films, against the true tracks.

    OMP_NUM_THREADS=1 python benchmarks/chains.py [--films 60] [--seed 11] [--out FILE]

Makes scenes of all worlds, writes the chain of each from its true tracks, and from the film as `motionlaw track` sees
it (objects are matched by their boxes), and holds both against the true tracks between the same times. Prints a
Markdown table: share of right directions, speeds and scales, that of always saying the most frequent word, agreement of
the words with the chain's own boxes, and mean overlap of boxes. Error bars are clustered by film.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from motionlaw.agent.mcot import Chain
from motionlaw.agent.mcot_checks import MAIN, check_itself, verify_chain
from motionlaw.data_builders.chains import chain_of
from motionlaw.data_builders.clips import Clip, scene_clip
from motionlaw.data_builders.sources import tracked as tracked_clip
from motionlaw.data_builders.worlds import make_scene
from motionlaw.eval.metrics import clustered_mean


@dataclass
class Found:
    """What was found of one kind of chains, with the film that each value is of."""

    films: list[str] = field(default_factory=list)
    right: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in MAIN})
    truth: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in MAIN})
    own: list[tuple[float, str]] = field(default_factory=list)
    overlap: list[tuple[float, str]] = field(default_factory=list)
    unmatched: int = 0

    def add(self, chain: Chain, clip: Clip) -> None:
        """Holds a chain against the true tracks of its clip."""
        checks = verify_chain(chain, clip.tracks, still=clip.still_tracks())
        for check in checks.tags:
            if check.expected is None:
                self.unmatched += 1
                continue
            self.films.append(clip.name)
            for name in MAIN:
                self.right[name].append(check.right[name])
                self.truth[name].append(getattr(check.expected, name))
        self.own += [(each.share_right, clip.name) for each in check_itself(chain) if each.expected is not None]
        self.overlap += [(each.iou, clip.name) for each in checks.observations if each.iou is not None]

    def line(self, name: str) -> str:
        """The row of the table."""
        cells = [str(len(self.films)), str(self.unmatched)]
        for each in MAIN:
            found = clustered_mean(self.right[each], self.films)
            most = Counter(self.truth[each]).most_common(1)[0][1] / len(self.films)
            cells.append(f"{100 * (found.mean or 0):.1f} ± {100 * (found.stderr or 0):.1f} ({100 * most:.1f})")
        own = clustered_mean([value for value, _ in self.own], [film for _, film in self.own])
        overlap = clustered_mean([value for value, _ in self.overlap], [film for _, film in self.overlap])
        cells += [f"{100 * (own.mean or 0):.1f}", f"{overlap.mean or 0:.3f}"]
        return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=60)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    started, untracked = time.process_time(), 0
    true, tracked = Found(), Found()
    with tempfile.TemporaryDirectory() as folder:
        for index in range(options.films):
            clip = scene_clip(make_scene(options.seed, index))
            true.add(chain_of(clip), clip)
            path = Path(folder) / f"{index}.mp4"
            path.write_bytes(clip.film())
            seen = tracked_clip(path)
            if seen is None:
                untracked += 1
            else:
                tracked.add(chain_of(seen), clip)
            if index % 15 == 14:
                print(f"{index + 1} films", file=sys.stderr)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    text = "\n".join(
        [
            f"{options.films} films, {untracked} left out (the tracker refuses, or the camera moves), "
            f"{datetime.date.today()}, {commit}; per cent right ± standard error clustered by film (always the most "
            "frequent word).",
            "",
            "| chains from | tags | of no known object | direction | speed | scale | own boxes agree | overlap |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            true.line("true tracks"),
            tracked.line("tracked films"),
        ]
    )
    print(text)
    print(f"{time.process_time() - started:.0f} s", file=sys.stderr)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
