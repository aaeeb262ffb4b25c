"""Tracking: from a video to the paths of what moves in it, found without a click or from one.

``track_video`` is the way in; ``motionlaw track VIDEO`` is its command. The built-in tracker lives in `classical`,
adapters to learned trackers in `learned`. Positions are pixels of the upright video, y down; `motionlaw.tools.scale`
turns them into metres.
"""

from motionlaw.tools.tracking.output import write_tracks
from motionlaw.tools.tracking.result import Pointer, TrackingResult, parse_pointer
from motionlaw.tools.tracking.run import BACKENDS, track_video

__all__ = ["BACKENDS", "Pointer", "TrackingResult", "parse_pointer", "track_video", "write_tracks"]
