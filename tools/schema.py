"""The JSON schema of a function, from its type hints and its Google docstring; and arguments checked against it.

What a model reads about an instrument and what the instrument accepts is thereby one text. Types are ``str``,
``int``, ``float``, ``bool``, ``Literal`` of strings, lists of these, ``X | None``, and `Between` for bounds.
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from motionlaw.tools.errors import ToolError

KINDS = {str: "string", int: "integer", float: "number", bool: "boolean"}
ARTICLES = {"string": "a string", "integer": "an integer", "number": "a number", "boolean": "true or false"}
LONGEST_TEXT = 2000
LONGEST_LIST = 64


@dataclass(frozen=True)
class Between:
    """Bounds of a number, both allowed: ``Annotated[int, Between(1, 16)]``."""

    low: float
    high: float


def describe(function: Callable[..., Any], *, skip: int = 0) -> tuple[str, dict[str, Any]]:
    """Reads a function's description and the JSON schema of its arguments.

    Args:
        function: Typed, with a Google docstring whose ``Args:`` name every argument and its unit.
        skip: How many leading arguments the caller does not give.

    Returns:
        The text before ``Args:``, and the schema.

    Raises:
        TypeError: An argument has no type, one that JSON does not know, or no description.

    Example:
        >>> def wait(seconds: float = 1.0) -> str:
        ...     '''Waits.
        ...
        ...     Args:
        ...         seconds: How long, seconds.
        ...     '''
        >>> describe(wait)[1]["properties"]
        {'seconds': {'type': 'number', 'description': 'How long, seconds.', 'default': 1.0}}
    """
    hints = typing.get_type_hints(function, include_extras=True)
    about, described = split_docstring(inspect.getdoc(function) or "")
    properties, required = {}, []
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        name = parameter.name
        if name not in hints or name not in described:
            raise TypeError(f"{function.__name__} must give '{name}' a type and a line under Args.")
        properties[name] = {**_schema(hints[name]), "description": described[name]}
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        elif parameter.default is not None:
            properties[name]["default"] = parameter.default
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return about, schema


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema as strict structured output wants it: every argument required, optional ones may be null."""
    properties = {}
    for name, one in schema["properties"].items():
        if name not in schema["required"]:
            one = {**one, "type": [one["type"], "null"]}
            if "enum" in one:
                one["enum"] = [*one["enum"], None]
        properties[name] = one
    return {**schema, "properties": properties, "required": list(properties)}


def checked(tool: str, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Checks arguments against a schema; numbers written as text are taken as numbers, null as left out.

    Args:
        tool: Name of the tool, for messages.
        schema: As `describe` makes it.
        arguments: What the caller gives.

    Returns:
        The arguments, converted.

    Raises:
        ToolError: One is unknown, missing, of another type, or out of bounds.

    Example:
        >>> _, schema = describe(_example)
        >>> checked("wait", schema, {"seconds": "2"})
        {'seconds': 2.0}
    """
    properties = schema["properties"]
    for name in arguments:
        if name not in properties:
            raise ToolError(f"{tool} has no argument '{clipped(name)}'.{did_you_mean(name, properties, 'Arguments')}")
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in schema["required"]:
        if name not in given:
            raise ToolError(f"{tool} needs the argument '{name}': {properties[name]['description']}")
    return {name: _value(f"{tool}: {name}", properties[name], value) for name, value in given.items()}


def did_you_mean(name: str, known: Any, title: str) -> str:
    """Proposes the likeliest names, and lists all: ``" Did you mean 'speed'? Tools: fit, speed."``

    Example:
        >>> did_you_mean("speeed", ["fit", "speed"], "Tools")
        " Did you mean 'speed'? Tools: fit, speed."
    """
    near = difflib.get_close_matches(str(name).lower(), list(known), n=1, cutoff=0.6)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{hint} {title}: {', '.join(sorted(known)) or 'none'}."


def clipped(text: object, length: int = 60) -> str:
    """Shortens what a caller wrote, so that a message quotes it and is not flooded by it."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def split_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Splits a Google docstring into its description and its ``Args``."""
    about, _, rest = text.partition("\nArgs:\n")
    about = re.split(r"\n(?:Returns|Raises|Source|Example):", about)[0]
    described: dict[str, str] = {}
    name = ""
    for line in rest.split("\n"):
        if line and not line.startswith(" "):
            break
        entry = re.match(r" {4}(\w+): (.*)", line)
        if entry:
            name, described[entry[1]] = entry[1], entry[2].strip()
        elif line.strip() and name:
            described[name] += " " + line.strip()
    return " ".join(about.split()), described


def _schema(hint: Any) -> dict[str, Any]:
    """The schema of one type."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        bounds = [{"minimum": one.low, "maximum": one.high} for one in inside[1:] if isinstance(one, Between)]
        return {**_schema(inside[0]), **(bounds[0] if bounds else {})}
    if origin in (typing.Union, types.UnionType):
        kinds = [one for one in inside if one is not type(None)]
        if len(kinds) == 1:
            return _schema(kinds[0])
    if origin is Literal:
        return {"type": "string", "enum": list(inside)}
    if origin is list:
        return {"type": "array", "items": _schema(inside[0]), "maxItems": LONGEST_LIST}
    if hint in KINDS:
        return {"type": KINDS[hint]}
    raise TypeError(f"A tool's argument must be of a type that JSON knows, got {hint}.")


def _value(name: str, schema: Mapping[str, Any], value: Any) -> Any:
    """One value, converted to its type and within its bounds."""
    kind = schema["type"]
    if kind == "array":
        many = value if isinstance(value, list | tuple) else [value]
        if len(many) > schema["maxItems"]:
            raise ToolError(f"{name} may have {schema['maxItems']} entries, got {len(many)}.")
        return [_value(name, schema["items"], one) for one in many]
    if "enum" in schema and value not in schema["enum"]:
        if not isinstance(value, str):
            raise ToolError(f"{name} must be one of {', '.join(schema['enum'])}, got {clipped(value)}.")
        raise ToolError(f"{name} cannot be '{clipped(value)}'.{did_you_mean(value, schema['enum'], 'Choices')}")
    converted = _converted(kind, value)
    if converted is None:
        raise ToolError(f"{name} must be {ARTICLES[kind]}, got {clipped(repr(value))}.")
    if isinstance(converted, str) and len(converted) > LONGEST_TEXT:
        raise ToolError(f"{name} may have {LONGEST_TEXT} characters, got {len(converted)}.")
    if "minimum" in schema and not schema["minimum"] <= converted <= schema["maximum"]:
        raise ToolError(f"{name} must lie between {schema['minimum']:g} and {schema['maximum']:g}, got {converted:g}.")
    return converted


def _converted(kind: str, value: Any) -> Any:
    """The value as its type; ``None`` where it is of another."""
    if kind == "string":
        return value if isinstance(value, str) else None
    if kind == "boolean":
        return {"true": True, "false": False}.get(str(value).lower())
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or (kind == "integer" and number != int(number)):
        return None
    return int(number) if kind == "integer" else number


def _example(seconds: float = 1.0) -> str:
    """Waits.

    Args:
        seconds: How long, seconds.
    """
    return f"waited {seconds:g} s"
