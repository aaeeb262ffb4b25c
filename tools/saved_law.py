"""A law to work with: read back from the JSON of a discovery, evaluated, played again, and written down.

    law = Law.from_json("law.json")
    path = law.simulate(t, [1.0, 0.0])

The text of the law goes through our own grammar; nothing is evaluated as Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from motionlaw.tools.dynamics import Model, simulate
from motionlaw.tools.equation import compile_rhs, format_expr, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.law import Discovery


@dataclass(frozen=True)
class Law:
    """The equations of a law.

    Args:
        order: 1 or 2 for laws of motion, 0 for an algebraic law.
        state: The states, e.g. ``("x", "v")``; for an algebraic law the columns it may depend on.
        equations: Right-hand side of each state's rate, or of the target, e.g. ``{"v": -4.9*sin(x)}``.
        discovery: All of the JSON it came from: terms with errors, checks, rivals.
    """

    order: int
    state: tuple[str, ...]
    equations: Mapping[str, sympy.Expr]
    discovery: Mapping[str, Any]

    @classmethod
    def from_json(cls, source: str | Path | Mapping[str, Any]) -> Law:
        """Reads a law.

        Args:
            source: The JSON of ``motionlaw discover --json`` as text or as a dictionary, or a file that holds it.

        Raises:
            UserError: It is no such JSON, holds no law, or a formula is not in our grammar.

        Example:
            >>> text = '{"status": "ok", "order": 2, "state": ["x", "v"], "law": {"v": "-4*x"}}'
            >>> Law.from_json(text)
            Law(v' = -4*x)
        """
        values = _read(source)
        order, state, law = values["order"], tuple(values["state"]), values["law"]
        if not law:
            raise UserError(f"There is no law in it: {values.get('reason') or 'the search was refused'}")
        names = [*state, *(["t"] if order else [])]
        return cls(order, state, {target: parse(text, names) for target, text in law.items()}, values)

    @classmethod
    def from_discovery(cls, found: Discovery) -> Law:
        """Takes the law of a discovery.

        Raises:
            UserError: It was refused.
        """
        return cls.from_json(found.to_dict())

    def to_json(self) -> str:
        """Writes the JSON it came from."""
        return json.dumps(dict(self.discovery), allow_nan=False)

    def __repr__(self) -> str:
        mark = "'" if self.order else ""
        return f"Law({'; '.join(f'{target}{mark} = {format_expr(of)}' for target, of in self.equations.items())})"

    def __call__(self, **columns: Any) -> dict[str, np.ndarray]:
        """Evaluates the right-hand sides.

        Args:
            **columns: A number or an array of one shape for each state, and for ``t`` where the law depends on it.

        Returns:
            The rate of each state that has an equation, or the target's values.

        Raises:
            UserError: A state is missing.

        Example:
            >>> law = Law.from_json({"order": 2, "state": ["x", "v"], "law": {"v": "-4*x"}})
            >>> law(x=np.array([0.0, 1.0]), v=0.0)["v"].tolist()
            [-0.0, -4.0]
        """
        names = sorted({symbol.name for of in self.equations.values() for symbol in of.free_symbols})
        missing = [name for name in names if name not in columns]
        if missing:
            raise UserError(f"The law needs {missing[0]}. It depends on: {', '.join(names)}.")
        shape = np.broadcast_shapes(*(np.shape(of) for of in columns.values()))
        rows = np.array([np.broadcast_to(np.asarray(columns[name], dtype=float), shape).ravel() for name in names])
        if not names:
            return {target: np.full(shape, float(of)) for target, of in self.equations.items()}
        values = compile_rhs(list(self.equations.values()), names)(rows)
        return {target: np.asarray(of).reshape(shape) for target, of in zip(self.equations, values, strict=True)}

    def simulate(self, t: np.ndarray, first_state: Sequence[float] | np.ndarray) -> np.ndarray:
        """Plays the law.

        Args:
            t: Seconds, shape (T,), increasing.
            first_state: The states at the first time, shape (S,), in the order of ``state``.

        Returns:
            The states, shape (T, S); NaN from where the motion runs away.

        Raises:
            UserError: The law is no law of motion, or the first state has another length.

        Example:
            >>> law = Law.from_json({"order": 2, "state": ["x", "v"], "law": {"v": "-x"}})
            >>> round(float(law.simulate(np.linspace(0, np.pi, 200), [1.0, 0.0])[-1, 0]), 6)
            -1.0
        """
        t, first = np.asarray(t, dtype=float), np.asarray(first_state, dtype=float)
        if self.order not in (1, 2):
            raise UserError("Only a law of motion can be played; this one is algebraic.")
        if first.shape != (len(self.state),):
            raise UserError(f"first_state must have shape ({len(self.state)},), got {first.shape}.")
        coordinates = self.state[: len(self.state) // self.order]
        model = Model(self.order, tuple(coordinates), tuple(self.equations.values()), (), np.empty(0))
        return simulate(model, t, first)


def _read(source: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        values: Any = source
    else:
        text = str(source)
        try:
            if isinstance(source, Path) or not text.lstrip().startswith("{"):
                text = Path(source).read_text(encoding="utf-8")
            values = json.loads(text)
        except OSError as error:
            raise UserError(f"Cannot read the law from {text!r}: {error.strerror}.") from None
        except ValueError:
            raise UserError("The law is no JSON. Write it with motionlaw discover --json.") from None
    missing = [key for key in ("order", "state", "law") if not isinstance(values, Mapping) or key not in values]
    if missing:
        raise UserError(f"The law's JSON has no key '{missing[0]}'. Write it with motionlaw discover --json.")
    return values
