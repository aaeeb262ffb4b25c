"""Options of a stage: a YAML file by ``--config``, then the command line, told by the docstrings of the settings."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from motionlaw.tools.errors import UserError
from motionlaw.tools.schema import split_docstring


def read_options(words: Sequence[str], *settings: type[Any]) -> tuple[Any, ...]:
    """Reads the options of dataclasses.

    Args:
        words: The command line behind the stage.
        settings: Our settings, and TRL's.

    Returns:
        One value for each dataclass.

    Raises:
        UserError: The file cannot be read, or an option is unknown.
    """
    from trl import TrlParser

    for each in settings:
        if each.__module__.startswith("motionlaw."):
            _describe(each)
    kinds: Any = settings
    try:
        return tuple(TrlParser(kinds).parse_args_and_config(list(words)))
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise UserError(f"The options cannot be used: {str(error).strip().splitlines()[0]}") from None


def _describe(settings: type[Any]) -> None:
    """Gives every field the help that the docstring has for it."""
    _, told = split_docstring(inspect.cleandoc(settings.__doc__ or ""))
    for field in fields(settings):
        field.metadata = MappingProxyType({"help": told[field.name].replace("%", "%%").replace("``", "")})
