"""Laws across runs: how the constants of the laws depend on what is known about each run.

A batch over springs finds ``v' = -77.1*y`` here and ``v' = -53.6*y`` there; beside a table of masses and stiffnesses
the coefficients are a table of their own, and the same search that finds algebraic laws says ``-k/m``. A constant is
followed through all runs whose law has that term, whatever other terms they have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from motionlaw.tools.algebraic import find_algebraic_law
from motionlaw.tools.equation import compile_rhs, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.law import Discovery
from motionlaw.tools.table_files import read_tables

# Runs that must share a term before a law is sought across them, and constants that are followed: those of most runs.
FEWEST_RUNS, MOST_CONSTANTS = 5, 12
# Columns of a metadata table that may name the run, the first that fits.
RUN_COLUMNS = ("file", "input", "name", "path", "run", "video", "trajectory")
# Runs that miss the law across runs by this many robust deviations, and standard errors of their own, are outliers.
FAR, MOST_OUTLIERS = 5.0, 0.25
# Random samples of runs that a law is sought in, to find the one that most runs agree on, and runs in each.
SAMPLES, FEWEST_IN_A_SAMPLE, MOST_IN_A_SAMPLE = 4, 8, 60
# Laws that miss the middle run by this factor more than the closest does are as close; the shortest of them is taken.
AS_CLOSE = 1.5


@dataclass(frozen=True)
class Constant:
    """One constant of a law through many runs.

    Args:
        name: ``"x in v'"`` for the coefficient of x, or a quantity's name, e.g. ``"period"``.
        unit: Its unit where all runs agree on one.
        runs: Row numbers in the table of laws, shape (n,).
        values: Shape (n,).
        stderr: Standard errors, shape (n,), NaN where unknown.
    """

    name: str
    unit: str
    runs: np.ndarray
    values: np.ndarray
    stderr: np.ndarray


@dataclass(frozen=True)
class AcrossLaw:
    """How a constant depends on the metadata.

    Args:
        constant: The constant.
        found: The discovery; ``status`` is ``refused`` where nothing in the metadata determines it.
        outliers: Row numbers of runs that the law misses by far.
    """

    constant: Constant
    found: Discovery
    outliers: tuple[int, ...]


def read_laws(path: str | Path) -> pd.DataFrame:
    """Reads the table of laws that a batch wrote, one row for each recording.

    Raises:
        UserError: The file is missing or no such table.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"No file '{path}'. Make it with motionlaw batch.")
    table = pd.read_parquet(path)
    if not {"name", "status", "law", "terms"} <= set(table.columns):
        raise UserError(f"'{path.name}' is no table of laws. Make one with motionlaw batch.")
    return table


def constants_of(laws: pd.DataFrame) -> list[Constant]:
    """Collects the constants that at least `FEWEST_RUNS` laws share: the `MOST_CONSTANTS` of most runs, those first."""
    seen: dict[str, list[tuple[int, float, float, str]]] = {}
    for number, row in enumerate(laws.itertuples()):
        if row.status not in ("ok", "weak"):
            continue
        for term in row.terms:
            name = "constant" if term["term"] == "1" else term["term"]
            seen.setdefault(f"{name} in {term['of']}'", []).append((number, *_measured(term, "coefficient")))
        for quantity in row.quantities:
            seen.setdefault(quantity["name"], []).append((number, *_measured(quantity, "value")))
    return [
        _constant(name, rows)
        for name, rows in sorted(seen.items(), key=lambda of: -len(of[1]))
        if len(rows) >= FEWEST_RUNS
    ][:MOST_CONSTANTS]


def _measured(entry: Mapping[str, object], key: str) -> tuple[float, float, str]:
    stderr = entry["stderr"]
    return float(entry[key]), np.nan if stderr is None else float(stderr), str(entry["unit"] or "")  # type: ignore[arg-type]


def _constant(name: str, rows: Sequence[tuple[int, float, float, str]]) -> Constant:
    units = {unit for *_, unit in rows}
    numbers, values, stderr = (np.array(column) for column in list(zip(*rows, strict=True))[:3])
    return Constant(name, units.pop() if len(units) == 1 else "", numbers.astype(int), values, stderr)


def read_metadata(laws: pd.DataFrame, path: str | Path | None, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Reads what is known about each run, in the order of the table of laws.

    Args:
        laws: The table of laws; numbers that came with a dataset are in it already.
        path: A table with a column of file names and columns of numbers; ``None`` for the dataset's own.
        columns: The columns to use; all of numbers if not given.

    Returns:
        Columns of numbers, one row for each law, NaN where nothing is known. Units are in ``attrs["units"]``.

    Raises:
        UserError: The table names none of the runs, or has no such column.
    """
    if path is None:
        frame, units = pd.DataFrame([json.loads(text) for text in laws["metadata"]], index=laws.index), {}
    else:
        table = read_tables(path)[0]
        frame, units = _matched(laws, table.frame, Path(path).name), table.units
    numbers = frame.select_dtypes("number")
    missing = [name for name in columns or () if name not in numbers.columns]
    if missing:
        raise UserError(
            f"The metadata have no column {missing[0]!r} of numbers. Columns: {', '.join(numbers.columns)}."
        )
    numbers = numbers[list(columns)] if columns else numbers.loc[:, numbers.nunique() > 1]
    numbers.attrs["units"] = {name: units[name] for name in numbers.columns if name in units}
    return numbers


def _matched(laws: pd.DataFrame, frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of a metadata table in the order of the laws, matched by file name, with or without its ending."""
    titles = [*(column for column in RUN_COLUMNS if column in frame), *frame.select_dtypes(exclude="number").columns]
    for title in titles:
        keys = {key: number for number, text in enumerate(frame[title].astype(str)) for key in _keys(text)}
        places = [next((keys[key] for key in _keys(run) if key in keys), -1) for run in laws["name"]]
        if any(place >= 0 for place in places):
            matched = frame.reindex(places).set_axis(laws.index)
            return matched
    raise UserError(
        f"'{name}' names none of the runs. It needs a column of file names, e.g. 'file', like {laws['name'].iloc[0]}."
    )


def _keys(text: str) -> tuple[str, ...]:
    path = Path(text.strip())
    return (str(path), path.name, path.stem)


def laws_across(
    laws: pd.DataFrame, metadata: pd.DataFrame, *, time_limit: float = 20.0, seed: int = 0
) -> list[AcrossLaw]:
    """Seeks how every shared constant depends on the metadata.

    Args:
        laws: The table of laws.
        metadata: One row for each law, see `read_metadata`.
        time_limit: Seconds for each constant.
        seed: Of the search.

    Returns:
        One entry for every constant that enough runs with metadata share.
    """
    found = []
    for constant in constants_of(laws):
        known = metadata.iloc[constant.runs].notna().all(axis=1).to_numpy()
        if known.sum() < FEWEST_RUNS or not metadata.shape[1]:
            continue
        part = Constant(
            constant.name, constant.unit, constant.runs[known], constant.values[known], constant.stderr[known]
        )
        columns = {name: metadata[name].to_numpy(float)[part.runs] for name in metadata.columns}
        columns = {name: values for name, values in columns.items() if np.ptp(values) > 0}
        if not columns or np.ptp(part.values) == 0:
            continue
        found.append(_across(part, columns, metadata.attrs.get("units", {}), time_limit, seed))
    return found


def _across(
    constant: Constant, columns: Mapping[str, np.ndarray], units: Mapping[str, str], time_limit: float, seed: int
) -> AcrossLaw:
    """The law of one constant: of the runs that agree on it, if most do."""
    target = re.sub(r"\W+", "_", constant.name).strip("_")
    target = f"value_of_{target}" if target in columns or not target.isidentifier() else target
    table = pd.DataFrame(columns)

    def seek(rows: np.ndarray, seconds: float) -> Discovery:
        # A run's own standard errors leave out what differs from run to run, so they are not handed on.
        chosen = {name: table[name].to_numpy()[rows] for name in table}
        return find_algebraic_law(
            chosen, constant.values[rows], target=target, units=units, time_limit=seconds, seed=seed
        )

    everything = np.arange(len(table))
    law = seek(everything, time_limit)
    far = _far(constant, _agreed(constant, table, law, seek, time_limit, seed), table)
    if far.any():
        law = seek(everything[~far], time_limit)
        far = _far(constant, law, table)
    return AcrossLaw(constant, law, tuple(int(run) for run in constant.runs[far]))


def _agreed(
    constant: Constant,
    table: pd.DataFrame,
    law: Discovery,
    seek: Callable[[np.ndarray, float], Discovery],
    time_limit: float,
    seed: int,
) -> Discovery:
    """The law that most runs agree on: one wrong run would bend the law of all, and hide in it.

    Source: least median of squares, P. J. Rousseeuw, JASA 1984, with the search in place of a linear fit.
    """
    rows = len(table)
    if rows < 2 * FEWEST_IN_A_SAMPLE:
        return law
    rng = np.random.default_rng(seed)
    size = max(FEWEST_IN_A_SAMPLE, min(rows // 3, MOST_IN_A_SAMPLE))
    samples = [np.sort(rng.choice(rows, size, replace=False)) for _ in range(SAMPLES)]
    laws = [law, *(seek(sample, time_limit / SAMPLES) for sample in samples)]
    misses = [float(np.median(np.abs(constant.values - told_by(one, table)))) for one in laws]
    as_close = [one for one, miss in zip(laws, misses, strict=True) if miss <= AS_CLOSE * min(misses)]
    return min(as_close, key=lambda one: len("".join(one.law.values())))


def _far(constant: Constant, law: Discovery, table: pd.DataFrame) -> np.ndarray:
    """Which runs a law misses by far, shape (n,); none where it misses many."""
    misses = np.abs(constant.values - told_by(law, table))
    least = np.maximum(1.4826 * np.median(misses), np.nan_to_num(constant.stderr))
    far = misses > FAR * least + 1e-9 * np.max(np.abs(constant.values))
    return far if law.law and far.mean() <= MOST_OUTLIERS else np.zeros(len(far), dtype=bool)


def told_by(found: Discovery, metadata: pd.DataFrame) -> np.ndarray:
    """What a law across runs says of each run, shape (n,); zero everywhere where there is no law.

    Args:
        found: The law across runs.
        metadata: One row for each run.
    """
    if not found.law:
        return np.zeros(len(metadata))
    names = list(metadata.columns)
    expression = parse(next(iter(found.law.values())), names)
    return np.asarray(compile_rhs([expression], names)(metadata.to_numpy(float).T)[0])
