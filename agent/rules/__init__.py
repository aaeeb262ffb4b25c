"""Rules: for each topic of a question, the instruments that answer it and what their numbers mean.

A rule takes the question and the facts and returns a `Finding`; what it cannot measure it says with a `ToolError`.
"""

from __future__ import annotations

from collections.abc import Callable

from motionlaw.agent.facts import Facts
from motionlaw.agent.finding import Finding
from motionlaw.agent.question import Question
from motionlaw.agent.rules import counts, laws, pace, places, views

Rule = Callable[[Question, Facts], Finding]

RULES: dict[str, Rule] = {
    "law": laws.law,
    "camera": views.camera,
    "camera speed": views.camera_speed,
    "size": views.size,
    "kind": views.kind,
    "rotation": views.rotation,
    "direction": places.direction,
    "end": places.end,
    "axis": places.axis,
    "relative": places.relative,
    "moves": places.moves,
    "return": places.returns,
    "compare": pace.compare,
    "speed": pace.speed,
    "trend": pace.trend,
    "acceleration": pace.acceleration,
    "distance": pace.distance,
    "count": counts.count,
    "count events": counts.count_events,
    "time": counts.time,
    "order": counts.order,
    "duration": counts.duration,
    "period": counts.period,
    "amplitude": counts.amplitude,
    "rate": counts.rate,
    "collide": counts.collide,
    "approach": counts.approach,
    "bounce": counts.bounce,
    "stick": counts.stick,
}
"""The rule of each topic."""

__all__ = ["RULES"]
