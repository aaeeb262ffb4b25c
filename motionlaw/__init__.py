"""Watches motion and finds the law behind it: the public names of the project.

    import motionlaw

    found = motionlaw.discover("pendulum.mp4", scale="120px=0.5m")
    laws = motionlaw.batch("runs/", out="laws.parquet")
    law = motionlaw.Law.from_discovery(found)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motionlaw.tools.batch.api import batch
    from motionlaw.tools.discover import discover
    from motionlaw.tools.law import Discovery
    from motionlaw.tools.saved_law import Law

__version__ = "0.1.0"
__all__ = ["Discovery", "Law", "batch", "discover"]

# Where each name lives; it is imported when first asked for, so that importing the package costs nothing.
_HOMES = {
    "batch": "motionlaw.tools.batch.api",
    "discover": "motionlaw.tools.discover",
    "Discovery": "motionlaw.tools.law",
    "Law": "motionlaw.tools.saved_law",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'motionlaw' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
