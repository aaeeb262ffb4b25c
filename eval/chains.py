"""How true a model's motion chains are, whether they agree with themselves, and whether they follow a changed film.

    motionlaw eval chains --items 20                                  # the instruments' own
    motionlaw eval chains --items 20 --model embedded                 # the small model that tells what moves
    motionlaw eval chains --items 20 --model CHECKPOINT --frames 16

Made films are told as they are, backwards, mirrored, twice as fast, and frozen. Each chain is held against the true
tracks (`motionlaw.agent.mcot_checks`) and against its own boxes; that of a changed film is changed back and held
against that of the film as it is (`motionlaw.agent.mcot_changes`). Error bars are clustered by film.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from motionlaw.agent.mcot import Chain, MotionTag, Observation, Step
from motionlaw.agent.mcot_changes import CHANGES, stands_still, tell_the_same, undone
from motionlaw.agent.mcot_checks import MAIN, check_itself, match_names, verify_chain
from motionlaw.agent.model import MOVES, Model, Sampling, choose_model
from motionlaw.data_builders.chains import chain_of
from motionlaw.data_builders.clips import Clip, Cut, scene_clip
from motionlaw.data_builders.sources import tracked
from motionlaw.data_builders.worlds import make_scene
from motionlaw.eval.log import Log, Row, key_of, read_log
from motionlaw.eval.metrics import Estimate, clustered_mean
from motionlaw.tools.errors import UserError
from motionlaw.tools.tracks import frozen

SEED = 930_017
"""Far from the seeds that training data are made with."""

NAME = "chains"
TABLE = "table.md"
FASTER = 2.0
MADE = 20
MEASURES = (*MAIN, "known", "agreement", "coverage", "boxes", "itself", "follows")
Teller = Callable[[Path], Chain]


@dataclass(frozen=True)
class ChainSettings:
    """Whose chains, of how many films.

    Args:
        model: ``none`` for the instruments, ``embedded``, a server, or a checkpoint.
        items: Films.
        frames: Most frames of a film that a model is shown.
    """

    model: str = "none"
    items: int = MADE
    frames: int = 16

    def __post_init__(self) -> None:
        for name in ("items", "frames"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}.")


def changed_clip(clip: Clip, change: str) -> Clip:
    """A film with a change of `motionlaw.agent.mcot_changes.CHANGES`, and the tracks that are true of it."""
    length = len(clip.timestamps)
    if change == "frozen":
        middle = length // 2
        tracks = tuple(frozen(track, float(clip.timestamps[middle])) for track in clip.tracks)
        held = np.full(length, middle)
        return replace(clip, tracks=tracks, scene=None, _frames=lambda: clip.frames[held])
    cut = Cut(0, length, is_reversed=change == "reversed", is_mirrored=change == "mirrored",
              speed=FASTER if change == "faster" else 1.0)  # fmt: skip
    return clip.edited(cut)


def measured_chain(chain: Chain, clip: Clip) -> Row:
    """Holds a chain against the true tracks of its film, and against its own boxes.

    Args:
        chain: The chain, boxes in the film's pixels.
        clip: The film.

    Returns:
        The scores, ``None`` where there is nothing to score, and the true words of each tag.
    """
    found = verify_chain(chain, clip.tracks)
    tags = [check for check in found.tags if check.expected is not None]
    right = {name: [check.right.get(name, False) for check in tags] for name in MAIN}
    own = [check.share_right for check in check_itself(chain) if check.expected is not None]
    means = {name: float(np.mean(values)) if values else None for name, values in right.items()}
    return {
        "scores": means | {
            "known": len(tags) / len(found.tags) if found.tags else None,
            "agreement": found.agreement, "coverage": found.coverage, "boxes": found.mean_iou,
            "itself": float(np.mean(own)) if own else None,
        },
        "right": right,
        "truth": {name: [getattr(check.expected, name) for check in tags] for name in MAIN},
    }  # fmt: skip


def follows(plain: Chain, changed: Chain, change: str, clip: Clip, changed_to: Clip) -> float | None:
    """Share of the tags of a changed film that say what those of the film as it is say, changed likewise.

    Args:
        plain: What was told of the film.
        changed: What was told of the changed film.
        change: The change.
        clip: The film.
        changed_to: The changed film.

    Returns:
        The share; of a frozen film that of the tags that tell of no motion. ``None`` where nothing is told of both.
    """
    if change == "frozen":
        return stands_still(changed)
    if not plain.motion_tags and not changed.motion_tags:
        return None
    back = undone(_by_true_names(changed, changed_to), change, clip.width, clip.timestamps, FASTER)
    return tell_the_same(_by_true_names(plain, clip), back)


def _by_true_names(chain: Chain, clip: Clip) -> Chain:
    """The chain with its objects called as the film's tracks are: the same thing may be named otherwise next time."""
    names = {name: track.name for name, track in match_names(chain, clip.tracks).items()}

    def renamed(step: Step) -> Step:
        if isinstance(step, Observation):
            return replace(step, name=names.get(step.name, step.name))
        return replace(step, name=names.get(step.name, step.name)) if isinstance(step, MotionTag) else step

    return Chain(tuple(renamed(step) for step in chain.steps), chain.answer)


def instruments_tell(path: Path) -> Chain:
    """The chain of what the tracker finds; an empty one where it finds nothing."""
    clip = tracked(path)
    return Chain() if clip is None else chain_of(clip)


def model_tells(model: Model, frames: int) -> Teller:
    """A teller that shows a film's frames to a model and reads the chain in its reply; two by two to a small model."""
    from motionlaw.agent.mcot_reader import read_chain
    from motionlaw.agent.messages import Message
    from motionlaw.agent.motion_question import PAIRS, tell_motion
    from motionlaw.agent.pictures import video_frames
    from motionlaw.data_builders.chain_rows import ASK, TELL
    from motionlaw.tools.video import probe

    def tell(path: Path) -> Chain:
        if model.form == PAIRS:
            return tell_motion(model, path, most=frames)
        shown = video_frames(path, most=frames, max_width_px=probe(path).width)  # boxes are in the film's pixels
        reply = model.reply([Message.user(shown, f"{TELL} {ASK}")], sampling=Sampling(max_tokens=2048))
        return read_chain(reply.message.text).chain

    return tell


def run_chains(settings: ChainSettings, folder: Path, *, resume: bool = False) -> tuple[Row, list[Row]]:
    """Has all films told, as they are and changed, and writes log and table.

    Returns:
        The log's header and rows.

    Raises:
        UserError: Settings or folder cannot be used.
    """
    model = choose_model(settings.model, talks=False, embedded=MOVES)
    tell = instruments_tell if model is None else model_tells(model, settings.frames)
    log = Log(folder, {"command": f"motionlaw eval {NAME}", "config": asdict(settings)}, resume=resume)
    try:
        for index, clip in enumerate(_films(settings.items)):
            keys = [_key(clip, index, change) for change in ("", *CHANGES)]
            if not all(key_of(key) in log.done for key in keys):
                for row in _rows(clip, index, tell, folder):
                    log.add(row)
            print(f"{index + 1}/{settings.items} {clip.name}", file=sys.stderr)
    finally:
        log.close()
        if model is not None:
            model.close()
    header, rows = read_log(log.path)
    (folder / TABLE).write_text(table(rows, settings), encoding="utf-8")
    return header, rows


def _films(count: int) -> list[Clip]:
    """Made films whose camera stands still."""
    found: list[Clip] = []
    index = 0
    while len(found) < count:
        clip = scene_clip(make_scene(SEED, index))
        found += [clip] if clip.is_steady() else []
        index += 1
    return found


def _key(clip: Clip, index: int, change: str) -> Row:
    return {"case": f"{index} {clip.name}", "solver": change or "as it is", "noise": 0.0, "noise_on": "",
            "fraction": 1.0, "seed": SEED}  # fmt: skip


def _rows(clip: Clip, index: int, tell: Teller, folder: Path) -> list[Row]:
    """A row for the film as it is and for each change."""
    rows: list[Row] = []
    plain = Chain()
    for change in ("", *CHANGES):
        shown = changed_clip(clip, change) if change else clip
        path = folder / "film.mp4"
        path.write_bytes(shown.film())
        begun, error, chain = time.monotonic(), "", Chain()
        try:
            chain = tell(path)
        except UserError as trouble:
            error = str(trouble)
        path.unlink()
        plain = plain if change else chain
        row = measured_chain(chain, shown)
        row["scores"]["follows"] = follows(plain, chain, change, clip, shown) if change else None
        rows.append(_key(clip, index, change) | row
                    | {"group": clip.name, "error": error, "seconds": time.monotonic() - begun})  # fmt: skip
    return rows


def estimates(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Every measure over some rows, clustered by film; those of words over all tags."""
    out = {}
    for name in MEASURES:
        if name in MAIN:
            pairs = [(value, row["group"]) for row in rows for value in row["right"][name]]
        else:
            pairs = [(row["scores"][name], row["group"]) for row in rows]
        out[name] = clustered_mean([value for value, _ in pairs], [group for _, group in pairs])
    return out


def table(rows: Sequence[Row], settings: ChainSettings) -> str:
    """The results as Markdown: one line a change, and what always saying the most frequent word would score."""
    lines = [f"# {NAME}, {'instruments' if settings.model == 'none' else settings.model}", "",
             "| film | tags | " + " | ".join(MEASURES) + " |", "| --- |" + " --- |" * (len(MEASURES) + 1)]  # fmt: skip
    for change in ("as it is", *CHANGES):
        mine = [row for row in rows if row["solver"] == change]
        cells = [_percent(each) for each in estimates(mine).values()]
        lines.append(f"| {change} | {sum(len(row['right'][MAIN[0]]) for row in mine)} | {' | '.join(cells)} |")
    words = [Counter(word for row in rows if row["solver"] == "as it is" for word in row["truth"][name])
             for name in MAIN]  # fmt: skip
    most = [f"{100 * max(count.values()) / sum(count.values()):.1f}" if count else "–" for count in words]
    lines.append(f"| the most frequent word | | {' | '.join(most)} |" + " |" * (len(MEASURES) - len(MAIN)))
    seconds = float(np.mean([row["seconds"] for row in rows])) if rows else 0.0
    films = len({row["group"] for row in rows})
    lines += ["", f"{films} films; per cent ± standard error clustered by film; {seconds:.1f} s a chain."]
    return "\n".join(lines) + "\n"


def _percent(estimate: Estimate) -> str:
    if estimate.mean is None:
        return "–"
    return f"{100 * estimate.mean:.1f}" + (f" ± {100 * estimate.stderr:.1f}" if estimate.stderr is not None else "")


def chains_command(settings: ChainSettings, *, out: str | None, resume: bool, as_json: bool) -> int:
    """Has films told and prints the table.

    Returns:
        0 done, 1 where no chain tells of any motion.

    Raises:
        UserError: Settings or folder cannot be used.
    """
    from motionlaw.eval.command import default_folder

    folder = Path(out) if out else default_folder(NAME, resume=resume)
    header, rows = run_chains(settings, folder, resume=resume)
    if as_json:
        found = {
            change: {name: each.to_dict() for name, each in estimates(
                [row for row in rows if row["solver"] == change]).items()}
            for change in ("as it is", *CHANGES)
        }  # fmt: skip
        print(json.dumps({"schema": 1, "config": header["config"], "version": header["version"], "results": found}))
    else:
        print((folder / TABLE).read_text(encoding="utf-8"), end="")
    print(f"Log and table: {folder}", file=sys.stderr)
    return 0 if any(row["right"][MAIN[0]] for row in rows) else 1
