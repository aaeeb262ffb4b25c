"""What the tags of a motion chain say, in plain sentences."""

from __future__ import annotations

from motionlaw.agent.mcot import Chain
from motionlaw.tools.motion_classes import STATIONARY, UNKNOWN

WAYS = {
    "E": "to the right", "NE": "up and to the right", "N": "up", "NW": "up and to the left", "W": "to the left",
    "SW": "down and to the left", "S": "down", "SE": "down and to the right", UNKNOWN: "to and fro",
}  # fmt: skip


def told(chain: Chain) -> str:
    """Says in a sentence or two what the tags of a chain say of each object in the picture.

    Example:
        >>> from motionlaw.agent.mcot import MotionTag
        >>> told(Chain((MotionTag("cup", "E"), MotionTag("cup", "W"), MotionTag("jug", "STAT"))))
        'The cup moves to the right, then to the left. The jug stands still.'
    """
    sentences = []
    for name in dict.fromkeys(tag.name for tag in chain.motion_tags):
        ways = [tag.direction for tag in chain.motion_tags if tag.name == name and tag.frame == "image"]
        moving = [WAYS[way] for way in ways if way != STATIONARY]
        turns = [way for number, way in enumerate(moving) if number == 0 or way != moving[number - 1]]
        if not turns:
            sentences.append(f"The {name} stands still.")
        else:
            more = ", and so on" if len(turns) > 4 else ""
            sentences.append(f"The {name} moves {', then '.join(turns[:4])}{more}.")
    return " ".join(sentences)
