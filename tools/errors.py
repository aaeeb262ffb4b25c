"""The two kinds of error a person or a model is meant to read; anything else is a bug and keeps its traceback.

Messages name the thing, the rule, the value and the remedy:
``fps must be positive, got 0.0. Give the true rate, e.g. --fps 29.97.``
"""


class ToolError(Exception):
    """An instrument could not do what it was asked; the text goes back to the caller and the run goes on."""


class UserError(Exception):
    """The input is unusable; the command prints the sentence, without a traceback, and exits with 2."""


def missing_extra(what: str, package: str, extra: str) -> UserError:
    """Says which extra a missing package belongs to.

    Args:
        what: The job that needs it, starting with a gerund, e.g. ``"Reading video"``.
        package: The missing package, as its users call it, e.g. ``"PyAV"``.
        extra: The extra of motionlaw that brings it, e.g. ``"video"``.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> str(missing_extra("Reading video", "PyAV", "video"))
        "Reading video needs PyAV. Install it: pip install 'motionlaw[video]'."
    """
    return UserError(f"{what} needs {package}. Install it: pip install 'motionlaw[{extra}]'.")
