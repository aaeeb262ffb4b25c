"""Watches motion and finds the law behind it: the public names of the project."""

__version__ = "0.1.0"
