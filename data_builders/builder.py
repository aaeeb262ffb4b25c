"""What a maker of data gives, and the one table of makers.

A builder draws one source (a motion, a scene, a video) from a seed and a number, and writes the rows that come of it.
Everything else (workers, shards, splits, hashes, the card) is `build.py`'s, the same for all.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from motionlaw.tools.errors import UserError

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]

# Every builder and the module whose function `builder(**settings)` makes it.
BUILDERS = {
    "physsymbol": "motionlaw.data_builders.physsymbol_rows",
    "worlds": "motionlaw.data_builders.world_rows",
    "mcot": "motionlaw.data_builders.chain_rows",
    "questions": "motionlaw.data_builders.questions",
    "traces": "motionlaw.data_builders.traces",
    "camera": "motionlaw.data_builders.camera",
    "autolabel": "motionlaw.data_builders.autolabel",
}


def _in_no_held_out_split(row: Row) -> None:
    return None


@dataclass(frozen=True)
class Builder:
    """A maker of rows. All functions are pure: what they give depends on their arguments and the settings alone.

    Args:
        name: As on the command line.
        schema: The rows' columns; images and videos are `image_field` and `video_field`.
        make: The rows of one source, from a seed and the source's number.
        group: What a split goes by: rows of one group are never torn apart, e.g. the name of the source video. Builders
            that show the same video give it the same group, and it falls into the same split everywhere.
        pair: What a row shows, as bytes, and what it asks: two rows with the same pair are the same task.
        describe: The card's text, in Markdown, with every distribution.
        held_out: The name of the test split made for such a row (``"test_structure"``), ``None`` for a row that is
            drawn like the training rows.
        sources_per_part: How many sources a worker makes before it writes: what a kill can cost it.
    """

    name: str
    schema: pyarrow.Schema
    make: Callable[[int, int], list[Row]]
    group: Callable[[Row], str]
    pair: Callable[[Row], tuple[bytes, str]]
    describe: Callable[[], str]
    held_out: Callable[[Row], str | None] = _in_no_held_out_split
    sources_per_part: int = 16


def image_field(name: str) -> pyarrow.Field:
    """A column of images: a row holds ``{"bytes": the PNG or JPEG, "path": a file name or None}``."""
    return _media(name, "Image")


def video_field(name: str) -> pyarrow.Field:
    """A column of videos: a row holds ``{"bytes": the mp4, "path": a file name or None}``."""
    return _media(name, "Video")


def _media(name: str, kind: str) -> pyarrow.Field:
    import pyarrow as pa

    stored = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.field(name, stored, metadata={"feature": kind})


def make_builder(name: str, settings: dict[str, Any]) -> Builder:
    """Makes a builder with settings of `resolve_settings`."""
    made: Builder = _function(name)(**settings)
    return made


def resolve_settings(name: str, given: dict[str, str]) -> dict[str, Any]:
    """All settings of a builder: those given in words, and the defaults of its others.

    Args:
        name: One of `BUILDERS`.
        given: Some of its settings by name, as text.

    Raises:
        UserError: There is no such builder or setting, or a value has the wrong type.

    Example:
        >>> resolve_settings("physsymbol", {"speed": "3"})
        Traceback (most recent call last):
        motionlaw.tools.errors.UserError: physsymbol has no setting 'speed'. ...
    """
    if name not in BUILDERS:
        raise UserError(f"No builder '{name}'.{_meant(name, BUILDERS)} Builders: {', '.join(BUILDERS)}.")
    known = inspect.signature(_function(name), eval_str=True).parameters
    for key in given:
        if key not in known:
            has = f"Settings: {', '.join(known)}." if known else "It has none."
            raise UserError(f"{name} has no setting '{key}'.{_meant(key, known)} {has}")
    return {
        key: _value(f"{name}'s setting {key}", given[key], each.annotation) if key in given else each.default
        for key, each in known.items()
    }


def _function(name: str) -> Callable[..., Builder]:
    function: Callable[..., Builder] = importlib.import_module(BUILDERS[name]).builder
    return function


def _value(what: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise UserError(f"{what} must be true or false, got '{text}'.")
    try:
        return kind(text)
    except ValueError:
        raise UserError(f"{what} must be of type {kind.__name__}, got '{text}'.") from None


def _meant(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), 1)
    return f" Did you mean '{close[0]}'?" if close else ""
