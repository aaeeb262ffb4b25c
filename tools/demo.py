"""The demo: from a film to g with its error, in one command, with nothing but this package.

    motionlaw demo --out motionlaw-demo

Films a made pendulum (`demo_video`), then treats the film as anybody's: tracks it, finds the law, reads g off it, and
prints the true value beside it. The tracker and the search know nothing of how the film was made.
"""

from __future__ import annotations

import json as json_text
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.demo_video import Pendulum, write_video
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.errors import UserError
from motionlaw.tools.hypotheses import Proposals
from motionlaw.tools.inputs import Inputs
from motionlaw.tools.law import Discovery, Quantity

FREQUENCY = "angular frequency of small oscillations"
LENGTH = "radius"  # of the circle that the ball keeps to


@dataclass(frozen=True)
class DemoResult:
    """What the demo found, and the truth it was made with."""

    discovery: Discovery
    g: Quantity | None
    g_true_m_per_s2: float
    video: Path
    report: Path
    seconds_filming: float
    seconds_watching: float


def read_gravity(discovery: Discovery) -> Quantity | None:
    """Reads g off the law of a pendulum: the square of its small-swing frequency, times its length.

    Args:
        discovery: The law of an angle, with the radius of the circle among its quantities.

    Returns:
        g in m/s², its error from those of frequency and length; ``None`` if the law is not that of a pendulum.

    Example:
        >>> from dataclasses import replace
        >>> law = Discovery("film", "ok", "", 2, ("theta", "v"), "m", {}, (), {}, {})
        >>> found = (Quantity(FREQUENCY, 4.43, 0.01, "rad/s"), Quantity(LENGTH, 0.5, 0.001, "m"))
        >>> g = read_gravity(replace(law, quantities=found))
        >>> print(f"{g.value:.2f} {g.stderr:.2f}")
        9.81 0.05
    """
    frequency = next((q for q in discovery.quantities if q.name == FREQUENCY), None)
    length = next((q for q in discovery.quantities if q.name == LENGTH and q.unit == "m"), None)
    if frequency is None or length is None:
        return None
    value = frequency.value**2 * length.value
    relative = np.hypot(2 * (frequency.stderr or 0.0) / frequency.value, (length.stderr or 0.0) / length.value)
    return Quantity("g", value, float(value * relative), "m/s^2")


def run_demo(
    out: str | Path,
    *,
    pendulum: Pendulum | None = None,
    propose: Callable[[Inputs], Proposals] | None = None,
) -> DemoResult:
    """Films a pendulum and finds its law.

    Args:
        out: A folder for ``pendulum.mp4`` and ``report.html``; made if it is not there.
        pendulum: What to film; the usual one if not given.
        propose: Who is asked for laws beside the search.

    Returns:
        The law and g, beside the true g.

    Raises:
        UserError: The folder cannot be made, or an extra is missing.
    """
    from motionlaw.tools.discover import discover_inputs, read_inputs, with_unread
    from motionlaw.tools.report import write_report

    pendulum = pendulum or Pendulum()
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder '{out}' cannot be made ({error.strerror}). Name another with --out.") from error
    video, report = folder / "pendulum.mp4", folder / "report.html"
    start = time.perf_counter()
    write_video(pendulum, video)
    filmed = time.perf_counter()
    scale = f"{pendulum.pixels_per_metre / 2:g}px=0.5m"
    inputs = read_inputs([video], scale=scale)
    proposed = propose(inputs) if propose is not None else Proposals((), (), "none")
    discovery = discover_inputs(inputs, name=video.name, settings=DiscoverySettings(hypotheses=proposed.laws))
    discovery = with_unread(discovery, proposed)
    watched = time.perf_counter()
    command = shlex.join(["motionlaw", "discover", str(video), "--scale", str(scale), "--report", str(report)])
    write_report(discovery, report, command=command, tracking=inputs.tracking)
    g = read_gravity(discovery)
    return DemoResult(discovery, g, pendulum.g_m_per_s2, video, report, filmed - start, watched - filmed)


def demo_command(
    out: str = "motionlaw-demo",
    *,
    ask: Callable[[Path], dict[str, Any]] | None = None,
    propose: Callable[[Inputs], Proposals] | None = None,
    json: bool = False,
) -> int:
    """Runs ``motionlaw demo`` and prints what it found.

    Args:
        out: The folder to write to.
        ask: Asks a question about the film and returns the JSON of its answer.
        propose: Who is asked for laws beside the search.
        json: Print JSON instead of text.

    Returns:
        The exit status: 0 if a law and g were found, else 1.
    """
    print("Filming a pendulum, then watching the film …", file=sys.stderr)
    result = run_demo(out, propose=propose)
    found = result.discovery.status != "refused" and result.g is not None
    asked = ask(result.video) if ask is not None else None
    if json:
        demo = {"g": asdict(result.g) if result.g else None, "g_true_m_per_s2": result.g_true_m_per_s2}
        paths = {"video": str(result.video), "report": str(result.report)}
        print(json_text.dumps(result.discovery.to_dict() | {"demo": demo | paths | {"asked": asked}}, allow_nan=False))
    else:
        print(describe(result))
        if asked is not None:
            print(f"  asked: {asked['question']} {asked['answer'] or asked['reason']}")
    return 0 if found else 1


def describe(result: DemoResult) -> str:
    """Says in a few lines what the demo found."""
    from motionlaw.tools.summary import summarise, with_error

    lines = [summarise(result.discovery), ""]
    if result.g is not None:
        lines.append(
            f"  g = {with_error(result.g.value, result.g.stderr, 'm/s^2')} (true: {result.g_true_m_per_s2} m/s^2)"
        )
    lines.append(f"  film {result.seconds_filming:.1f} s, tracking and law {result.seconds_watching:.1f} s")
    lines += [f"  film: {result.video}", f"  report: {result.report}"]
    return "\n".join(lines)
