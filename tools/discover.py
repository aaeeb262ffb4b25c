"""The command ``motionlaw discover``: videos or tables in, a law out, as text, JSON and a report.

    motionlaw discover pendulum.mp4 --scale 120px=0.5m --report pendulum.html
    motionlaw discover run1.csv run2.csv --json

Reads the inputs (`inputs`), chooses the coordinates the motion asks for (an angle, a line, a plane), and hands them to
`discovery`. Objects that move in one scene get a law each; runs of one experiment share one. The command searches in a
process of its own: when its time is over it is killed, and the law that led by then comes back.
"""

from __future__ import annotations

import json as json_text
import shlex
import sys
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from motionlaw.tools.discovery import DiscoverySettings, best_so_far, discover_law
from motionlaw.tools.errors import UserError
from motionlaw.tools.events import find_contacts
from motionlaw.tools.finding import Contest
from motionlaw.tools.frames import CoordinateChoice, choose_coordinates
from motionlaw.tools.hypotheses import Proposals
from motionlaw.tools.inputs import Inputs, read_inputs
from motionlaw.tools.killable import Ended, Keep, Tell, run_killable
from motionlaw.tools.law import Discovery, Quantity
from motionlaw.tools.observe import NOISE_FLOOR, NOISE_FLOOR_OF_POINTS, NOISE_FLOOR_OF_VIDEO
from motionlaw.tools.scene import scene_quantities
from motionlaw.tools.sensor import is_sensor, swinging_axis
from motionlaw.tools.trajectory import Trajectory

# Seconds that a search may go beyond its limit to check and report the best law; then it is killed.
GRACE_S = 2.0
# Seconds that another choice of coordinates must at least be given.
LEAST_S = 0.1

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Unfinished:
    """How far a search had come.

    Args:
        done: The laws of the scene's first objects.
        leader: The law found for the next one in other coordinates, or the contest for it.
    """

    done: tuple[Discovery, ...]
    leader: Discovery | Contest | None = None


def discover(
    paths: Sequence[str | Path] | str | Path, *, settings: DiscoverySettings | None = None, **reading: Any
) -> Discovery:
    """Finds the law behind videos or tables: the one call of the Python interface.

    Args:
        paths: One path or several.
        settings: How to search.
        **reading: How to read the inputs, see `read_inputs`.

    Returns:
        The law, or the reason why there is none; for a scene of several objects the first object's law, with the
        others in ``objects``.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    inputs = read_inputs(paths, **reading)
    return discover_inputs(inputs, name=", ".join(Path(path).name for path in paths), settings=settings)


def discover_inputs(
    inputs: Inputs,
    *,
    name: str = "",
    settings: DiscoverySettings | None = None,
    on_progress: Progress | None = None,
    on_unfinished: Callable[[Unfinished], None] | None = None,
) -> Discovery:
    """Finds the law behind inputs that have been read already.

    Args:
        inputs: What to explain.
        name: What to call them.
        settings: How to search; the time limit holds for all objects and coordinates together.
        on_progress: Called with a line about what is going on.
        on_unfinished: Called whenever there is something better to fall back on.

    Returns:
        The law, or the laws of a scene's objects; or the reason why there is none.
    """
    settings = settings or DiscoverySettings()
    deadline = clock.monotonic() + settings.time_limit
    groups = [(one,) for one in inputs.trajectories] if inputs.is_scene else [inputs.trajectories]
    each: list[Discovery] = []
    for number, group in enumerate(groups):
        share = max(LEAST_S, (deadline - clock.monotonic()) / (len(groups) - number))
        about = tuple(each for each in settings.hypotheses if each.object in ("", group[0].name))
        read = tuple(each for each in settings.readings if each.object in ("", group[0].name))
        finder = _Finder(
            inputs,
            group[0].name if inputs.is_scene else name,
            replace(settings, time_limit=round(share, 2), hypotheses=about, readings=read),
            on_progress,
            partial(_keep, on_unfinished, tuple(each)),
        )
        each.append(finder.best_choice(group))
    return _joined(inputs, name, each)


def _keep(
    on_unfinished: Callable[[Unfinished], None] | None, done: tuple[Discovery, ...], leader: Discovery | Contest
) -> None:
    if on_unfinished is not None:
        on_unfinished(Unfinished(done, leader))


def _joined(inputs: Inputs, name: str, each: Sequence[Discovery]) -> Discovery:
    """Makes one result of the objects' laws: with contacts between them, and what is conserved across them."""
    found = each[0]
    if inputs.is_scene:
        named = [replace(one, name_of_object=t.name) for one, t in zip(each, inputs.trajectories, strict=False)]
        found = _with_scene(named, inputs.trajectories)
    return replace(found, input=name, warnings=(*inputs.warnings, *found.warnings), tracks=inputs.tracks)


def _with_scene(each: list[Discovery], trajectories: Sequence[Trajectory]) -> Discovery:
    """Joins the objects' laws: contacts between them, and what is conserved across them."""
    contacts = []
    for a in range(len(trajectories)):
        for b in range(a + 1, len(trajectories)):
            contacts += list(find_contacts(trajectories[a], trajectories[b]))
    quantities: tuple[Quantity, ...] = scene_quantities(trajectories, contacts)
    first = each[0]
    events = tuple(sorted({*first.events, *contacts}, key=lambda event: event.t))
    return replace(first, events=events, quantities=(*first.quantities, *quantities), objects=tuple(each))


@dataclass(frozen=True)
class _Finder:
    """Finds the law of one object, or of several runs, in the coordinates that suit it."""

    inputs: Inputs
    name: str
    settings: DiscoverySettings
    on_progress: Progress | None
    on_best: Callable[[Discovery | Contest], None]

    def best_choice(self, trajectories: Sequence[Trajectory]) -> Discovery:
        """Tries the coordinates the motion suggests, best first, until a law is found in one."""
        if is_sensor(trajectories):
            return self._from_sensor(trajectories)
        choices: Sequence[CoordinateChoice] = choose_coordinates(list(trajectories))[:2]
        deadline = clock.monotonic() + self.settings.time_limit
        found: Discovery | None = None
        for choice in choices:
            left = round(deadline - clock.monotonic(), 2)
            if found is not None and left < LEAST_S:
                break
            candidate = self._law(choice, max(left, LEAST_S), is_first=found is None or not found.law)
            if candidate.status == "ok":
                return candidate
            if found is None or (found.status == "refused" and candidate.status == "weak"):
                found = candidate
                self.on_best(found)
        assert found is not None, "choose_coordinates returns at least one choice"
        return found

    def _law(self, choice: CoordinateChoice, time_limit: float, *, is_first: bool) -> Discovery:
        is_place = self.inputs.is_place or any(unit == "rad" for unit in choice.trajectories[0].units)
        found = discover_law(
            choice.trajectories, name=self.name, settings=replace(self.settings, time_limit=time_limit),
            has_velocity_meaning=is_place, noise_floor=_noise_floor(self.inputs, choice),
            on_progress=self.on_progress, on_best=self.on_best if is_first else None,
        )  # fmt: skip
        return replace(found, quantities=(*found.quantities, *choice.quantities))

    def _from_sensor(self, trajectories: Sequence[Trajectory]) -> Discovery:
        """The law of an accelerometer's clearest axis, never more than weak: it is no coordinate of the motion."""
        swings = [swing for trajectory in trajectories if (swing := swinging_axis(trajectory)) is not None]
        found = discover_law(
            swings or trajectories, name=self.name, settings=self.settings, has_velocity_meaning=True,
            on_progress=self.on_progress, on_best=self.on_best,
        )  # fmt: skip
        if found.status == "ok":
            reason = "Accelerations in the sensor's own frame carry frequency and damping, not the force law."
            return replace(found, status="weak", reason=reason)
        return found


def _noise_floor(inputs: Inputs, choice: CoordinateChoice) -> float:
    """How far the way the data were made lets them be trusted."""
    if inputs.is_video:
        return NOISE_FLOOR_OF_VIDEO
    return NOISE_FLOOR if choice.kind == "given" else NOISE_FLOOR_OF_POINTS


def discover_command(
    paths: Sequence[str],
    *,
    scale: str | None = None,
    origin: str | None = None,
    tilt: float = 0.0,
    track: Sequence[str] = (),
    fps: float | None = None,
    time: str | None = None,
    columns: str | None = None,
    start: float | None = None,
    end: float | None = None,
    order: str = "auto",
    target: str | None = None,
    propose: Callable[[Inputs], Proposals] | None = None,
    sr: str = "search",
    time_limit: float = 60.0,
    seed: int = 0,
    report: str | None = None,
    export: str | None = None,
    json: bool = False,
) -> int:
    """Runs ``motionlaw discover`` and prints its result.

    Returns:
        The exit status: 0 where a law was found, 1 where the data carry none.

    Raises:
        UserError: If an input or option is unusable.
    """
    if target is not None and propose is not None:
        raise UserError("A model proposes laws of motion, not of columns. Leave --target or --model out.")
    settings = DiscoverySettings(order=order, sr=tuple(sr.split(",")), time_limit=time_limit, seed=seed)
    _check_writable(report)
    name = ", ".join(Path(path).name for path in paths)
    inputs, proposed = None, Proposals((), (), "none")
    job: Callable[[Tell, Keep], Discovery]
    if target is not None:
        job = partial(_search_columns, list(paths), target, columns, settings)
    else:
        with _progress("reading") as tell:
            inputs = read_inputs(
                paths, scale=scale, origin=origin, tilt=tilt, track=track or "auto", fps=fps, time=time,
                columns=columns, start=start, end=end, on_progress=lambda share: tell(f"tracking {100 * share:.0f} %"),
            )  # fmt: skip
        if propose is not None:
            with _progress("asking the model"):
                proposed = propose(inputs)
            settings = replace(settings, hypotheses=proposed.laws, readings=proposed.readings)
        job = partial(_search, inputs, name, settings)
    found = with_unread(run_in_time(job, inputs, name, settings), proposed)
    if report is not None:
        from motionlaw.tools.report import write_report

        command = shlex.join(["motionlaw", *sys.argv[1:]])
        write_report(found, report, command=command, tracking=inputs.tracking if inputs else None)
        print(f"Report: {report}", file=sys.stderr)
    _print(found, export=export, json=json)
    return 1 if found.status == "refused" else 0


def with_unread(found: Discovery, proposed: Proposals) -> Discovery:
    """A discovery that says who proposed laws, and which of their words held none."""
    return replace(found, model=proposed.model, hypotheses=(*found.hypotheses, *proposed.unread))


def _search_columns(
    paths: list[str], target: str, columns: str | None, settings: DiscoverySettings, tell: Tell, keep: Keep
) -> Discovery:
    """The search for an algebraic law, in a process of its own."""
    from motionlaw.tools.algebraic import discover_algebraic

    return discover_algebraic(paths, target, columns=columns, settings=settings)


def _search(inputs: Inputs, name: str, settings: DiscoverySettings, tell: Tell, keep: Keep) -> Discovery:
    """The search for a law of motion, in a process of its own."""
    return discover_inputs(inputs, name=name, settings=settings, on_progress=tell, on_unfinished=keep)


def run_in_time(
    job: Callable[[Tell, Keep], Discovery], inputs: Inputs | None, name: str, settings: DiscoverySettings
) -> Discovery:
    """Runs a search in a process that is killed soon after its time limit.

    Args:
        job: The search; what it keeps is `Unfinished`.
        inputs: What it explains; ``None`` for an algebraic law.
        name: What to call the input.
        settings: Of the search.

    Returns:
        What it found; or, where it did not answer, the law that led, marked as weak with the reason, or a refusal.
    """
    ended = run_killable(job, seconds=settings.time_limit + GRACE_S, showing=_progress("searching"))
    return ended.result if not ended.reason else _fallen_back(ended, inputs, name, settings)


def _fallen_back(ended: Ended, inputs: Inputs | None, name: str, settings: DiscoverySettings) -> Discovery:
    """The best that is left of a search that did not answer."""
    from motionlaw import __version__

    each: list[Discovery] = []
    if ended.result is not None:
        each, leader = list(ended.result.done), ended.result.leader
        if isinstance(leader, Contest):  # its report is the search's own code: it may hang as well
            leader = run_killable(partial(_reported, leader, ended.reason), seconds=GRACE_S).result
        elif leader is not None:  # weak or refused for a reason of its own
            leader = replace(leader, warnings=(*leader.warnings, ended.reason))
        each += [] if leader is None else [leader]
    if not each:
        each = [_nothing(ended.reason)]
    found = replace(each[0], input=name) if inputs is None else _joined(inputs, name, each)
    seconds = settings.time_limit + GRACE_S
    return replace(found, seconds=seconds, seed=settings.seed, version=__version__)


def _reported(contest: Contest, reason: str, tell: Tell, keep: Keep) -> Discovery:
    return best_so_far(contest, reason)


def _nothing(reason: str) -> Discovery:
    return Discovery(
        input="", status="refused", reason=f"{reason} No law had been fitted by then.", order=2, state=(),
        length_unit="", law={}, terms=(),
        fit={"nmse_acceleration": None, "nmse_trajectory": None, "noise_std": None, "rows": 0},
        holdout={"nmse_trajectory": None, "span_s": 0.0},
    )  # fmt: skip


def _check_writable(report: str | None) -> None:
    if report is not None and not Path(report).absolute().parent.is_dir():
        raise UserError(f"The report's folder must exist, got {report}. Make the folder first.")


@contextmanager
def _progress(doing: str) -> Iterator[Progress]:
    """A status line on stderr; silent where stderr is no terminal."""
    from rich.console import Console

    with Console(stderr=True).status(doing) as line:
        yield line.update


def _print(found: Discovery, *, export: str | None, json: bool) -> None:
    """The result on stdout: JSON, an export, or lines for people."""
    if json:
        print(json_text.dumps(found.to_dict(), allow_nan=False))
    elif export is not None:
        from motionlaw.tools.export import export_law

        if found.status == "refused":
            raise UserError(f"There is no law to export: {found.reason}")
        print(export_law(found, export))
    else:
        from motionlaw.tools.summary import summarise

        print(summarise(found))
