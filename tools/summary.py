"""A discovery in a few lines of text for a terminal."""

from __future__ import annotations

import numpy as np

from motionlaw.tools.law import Discovery


def with_error(value: float, stderr: float | None, unit: str = "") -> str:
    """A number with its error, rounded to two digits of the error.

    Example:
        >>> with_error(-9.8123, 0.034, "m/s^2")
        '-9.812 ± 0.034 m/s^2'
    """
    unit = f" {unit}" if unit not in ("", "1") else ""
    if stderr is None or not np.isfinite(stderr) or stderr <= 0:
        return f"{value:.5g}{unit}"
    digits = 1 - int(np.floor(np.log10(stderr)))
    if not -4 <= digits <= 8:
        return f"{value:.5g} ± {stderr:.2g}{unit}"
    return f"{value:.{max(digits, 0)}f} ± {stderr:.{max(digits, 0)}f}{unit}"


def _law_lines(found: Discovery) -> list[str]:
    """The law, its terms and its numbers."""
    mark = "'" if found.order else ""
    lines = [f"  {target}{mark} = {formula}" for target, formula in found.law.items()]
    lines += ["", "  terms"]
    lines += [
        f"    {term.of}{mark}: {term.term:<16} {with_error(term.coefficient, term.stderr, term.unit)}"
        for term in found.terms
    ]
    if found.quantities:
        lines += ["", "  numbers"]
        lines += [f"    {q.name}: {with_error(q.value, q.stderr, q.unit)}" for q in found.quantities]
    return lines


def _proposed(found: Discovery) -> list[str]:
    """A line where a model proposed the law, or what it was completed from."""
    used = [of.source for of in found.hypotheses if of.used and of.source.startswith(f"{found.model} ")]
    if not used:
        return []
    is_whole = any(source.removeprefix(f"{found.model} ").isdigit() for source in used)
    return [f"  {'proposed' if is_whole else 'completed from what was proposed'} by the model {found.model}"]


def summarise(found: Discovery) -> str:
    """Writes what was found as lines for people.

    Args:
        found: The discovery.

    Returns:
        Text of some ten to thirty lines, without a final newline.
    """
    if found.objects:
        parts = [summarise(each) for each in found.objects]
        shared = [
            f"  {q.name}: {with_error(q.value, q.stderr, q.unit)}"
            for q in found.quantities
            if "contact" in q.name or "mass" in q.name
        ]
        contacts = [f"  {event.kind} at {event.t:.4g} s" for event in found.events]
        return "\n\n".join(parts) + ("\n\nin the scene\n" + "\n".join(contacts + shared) if contacts or shared else "")
    lines = [f"{found.name_of_object or found.input}: {found.status}" + (f": {found.reason}" if found.reason else "")]
    for trajectory in found.trajectories[:1]:
        lines += [f"  {note}" for note in trajectory.notes]
    if found.law:
        lines += _law_lines(found)
        errors = (
            ("rows fitted", found.fit.get("nmse_trajectory")),
            ("unseen rows", found.holdout.get("nmse_trajectory")),
        )
        judged = ", ".join(f"{label} {value:.2g}" for label, value in errors if value is not None)
        lines += ["", f"  error as a share of the variance: {judged}", *_proposed(found)]
    lines += [f"  {event.kind} at {event.t:.4g} s {event.detail}".rstrip() for event in found.events[:12]]
    lines += [f"  note: {warning}" for warning in found.warnings]
    return "\n".join(lines)
