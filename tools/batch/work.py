"""One piece of work: a recording in, a row of the table out, also where there is no law or the recording is damaged."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy

from motionlaw.tools.batch.tasks import Task
from motionlaw.tools.discover import discover_inputs, with_unread
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.equation import format_expr, parse
from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.hypotheses import Proposals
from motionlaw.tools.inputs import Inputs, read_frame, read_inputs
from motionlaw.tools.law import Discovery

Row = dict[str, Any]

NO_LAW: Row = {
    "order": None, "law": "", "structure": "", "terms": [], "quantities": [], "nmse_trajectory": None,
    "nmse_holdout": None, "noise_std": None, "rows": None, "warnings": [], "discovery": "",
}  # fmt: skip
"""What a row holds where there is no law."""


class _NoProposalsError(UserError):
    """The model could not be asked."""


@dataclass(frozen=True)
class Job:
    """How every recording of a batch is treated.

    Args:
        settings: How to search.
        reading: How to read, see `read_inputs`.
        propose: Asks a model for laws that compete; it is called in the process that does the work.
    """

    settings: DiscoverySettings = field(default_factory=DiscoverySettings)
    reading: Mapping[str, Any] = field(default_factory=dict)
    propose: Callable[[Inputs], Proposals] | None = None


def do_task(job: Job, task: Task) -> Row:
    """Finds the law of one recording.

    Args:
        job: How.
        task: Which.

    Returns:
        A row; ``status`` is ``ok``, ``weak``, ``refused``, or ``failed`` with the reason and, for a fault of this
        program, a traceback.
    """
    try:
        return _row(_discovered(job, task))
    except _NoProposalsError as error:  # the model's server may be back when the batch is resumed
        return failed(str(error)) | {"is_final": False}
    except (UserError, ToolError) as error:
        return failed(str(error))
    except Exception as error:  # the border of the batch: one recording must not end all others
        return failed(f"{type(error).__name__}: {error}", traceback.format_exc())


def failed(reason: str, trace: str = "") -> Row:
    """The row of a recording that could not be worked on."""
    return NO_LAW | {"status": "failed", "reason": reason, "traceback": trace, "seconds": None}


def _discovered(job: Job, task: Task) -> Discovery:
    if task.frame is None:
        inputs = read_inputs([task.path], **job.reading)
    else:
        for_tables = ("fps", "time", "columns", "start", "end")
        inputs = read_frame(task.frame, task.name, **{k: v for k, v in job.reading.items() if k in for_tables})
    if job.propose is None:
        return discover_inputs(inputs, name=task.name, settings=job.settings)
    try:
        proposed = job.propose(inputs)
    except UserError as error:
        raise _NoProposalsError(str(error)) from None
    settings = replace(job.settings, hypotheses=proposed.laws)
    return with_unread(discover_inputs(inputs, name=task.name, settings=settings), proposed)


def _row(found: Discovery) -> Row:
    mark = "'" if found.order else ""
    return NO_LAW | {
        "status": found.status,
        "reason": found.reason,
        "traceback": "",
        "order": found.order,
        "law": "; ".join(f"{target}{mark} = {text}" for target, text in found.law.items()),
        "structure": structure_of(found.law),
        "terms": [
            {"of": t.of, "term": t.term, "coefficient": t.coefficient, "stderr": t.stderr, "unit": t.unit}
            for t in found.terms
        ],
        "quantities": [
            {"name": q.name, "value": q.value, "stderr": q.stderr, "unit": q.unit} for q in found.quantities
        ],
        "nmse_trajectory": found.fit["nmse_trajectory"],
        "nmse_holdout": found.holdout["nmse_trajectory"],
        "noise_std": found.fit["noise_std"],
        "rows": found.fit["rows"],
        "warnings": list(found.warnings),
        "seconds": found.seconds,
        "discovery": json.dumps(found.to_dict(), allow_nan=False),
    }


def structure_of(law: Mapping[str, str]) -> str:
    """Says which terms a law has, without their coefficients; constants inside functions are called ``c``.

    Example:
        >>> structure_of({"v": "-4.2*x + 0.3*cos(2.5*t) - 0.1*v"})
        "v' = cos(c*t) + v + x"
    """
    parts = []
    for target, text in law.items():
        names = sorted({_plain(term) for term in sympy.Add.make_args(parse(text))})
        parts.append(f"{target}' = {' + '.join(names)}")
    return "; ".join(parts)


def _plain(term: sympy.Expr) -> str:
    rest = term.as_coeff_Mul()[1]
    return format_expr(rest.xreplace({number: sympy.Symbol("c") for number in rest.atoms(sympy.Float)}))
