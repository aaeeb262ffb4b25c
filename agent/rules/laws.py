"""Rules about the law behind a motion."""

from __future__ import annotations

from motionlaw.agent.facts import Facts
from motionlaw.agent.finding import Finding, subject_of
from motionlaw.agent.question import Question
from motionlaw.tools.errors import ToolError
from motionlaw.tools.law import Quantity

CONFIDENCE = {"ok": 0.9, "weak": 0.5}
"""Trust in a law by its status."""


def law(question: Question, facts: Facts) -> Finding:
    """Which law of motion a thing follows, with the numbers read off it."""
    subject = subject_of(question, facts)
    thing = subject.thing
    found = facts.call("discover_law", of=[thing.handle]).data
    if found["status"] not in CONFIDENCE:
        raise ToolError(f"No law was found: {found['reason']}")
    mark = "'" if found["order"] else ""
    words = "; ".join(f"{target}{mark} = {formula}" for target, formula in found["law"].items())
    tail = found["holdout"]["nmse_trajectory"]
    tested = "" if tail is None else f"; on rows it had not seen it leaves {100 * tail:.2g} % of the variance"
    numbers = [Quantity(one["name"], one["value"], one["stderr"], one["unit"]) for one in found["quantities"]]
    numbers += [
        Quantity(f"coefficient of {one['term']}", one["coefficient"], one["stderr"], one["unit"])
        for one in found["terms"]
    ]
    return Finding(
        words,
        f"it is the law that fits {found['fit']['rows']} rows best{tested}",
        CONFIDENCE[found["status"]] * subject.sureness * thing.sureness,
        things=(thing,),
        measurements=tuple(numbers),
    )
