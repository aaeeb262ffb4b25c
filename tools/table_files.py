"""Opens the file of a table, whatever it was saved by, and says what its columns are called and measured in.

Leaves out what the columns mean (`table_columns`) and how they become motion (`table`). Numbers are read by pandas;
what is found here is where they start, how they are separated, and what the header says.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from motionlaw.tools.errors import UserError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".tab")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".npz", ".parquet", ".json", ".trk")
MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "--", "#n/a"}
MIN_LIKELIHOOD = 0.6  # DeepLabCut's own default cut
TRACK_COLUMNS = {"trajectory", "frame", "t", "x", "y", "confidence", "x1", "y1", "x2", "y2"}
GREEK = {"θ": "theta", "ϑ": "theta", "ω": "omega", "α": "alpha", "φ": "phi", "ϕ": "phi", "μ": "mu", "Δ": "delta"}
TIME_STEMS = ("t", "time", "times", "timestamp", "timestamps", "zeit", "temps", "tiempo")
UNIT_SUFFIX = re.compile(rf"^({'|'.join(TIME_STEMS)}|[xyz]|theta\d*|phi|angle)_(s|ms|us|min|m|cm|mm|px|rad|deg)$", re.I)


@dataclass(frozen=True)
class RawTable:
    """A table as its file has it.

    Args:
        name: Which table of the file, ``""`` if it has only one.
        frame: The columns, renamed to plain identifiers; text columns stay text.
        units: Unit of a column where the header gives one.
        unnamed: Columns that the header does not name, in order.
        warnings: What the reader of a result ought to know.
    """

    name: str
    frame: pd.DataFrame
    units: dict[str, str] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def parse_header(cell: str) -> tuple[str, str]:
    """Splits a column title into a plain name and a unit.

    Args:
        cell: The title as written.

    Returns:
        The name as an identifier, and the unit, ``""`` where none is given.

    Example:
        >>> parse_header("Linear Acceleration x (m/s^2)")
        ('Linear_Acceleration_x', 'm/s^2')
        >>> parse_header("t_s"), parse_header("θ1 [deg]")
        (('t', 's'), ('theta1', 'deg'))
    """
    text, unit = cell.strip().strip("\"'").strip(), ""
    bracket = re.match(r"^(.+?)\s*[(\[]([^)\]]*)[)\]]\s*$", text)
    if bracket:
        text, unit = bracket.group(1), bracket.group(2).strip()
    for letter, word in GREEK.items():
        text = text.replace(letter, word)
    name = re.sub(r"\W+", "_", text).strip("_")
    suffix = UNIT_SUFFIX.match(name)
    if suffix and not unit:
        name, unit = suffix.group(1), suffix.group(2)
    return (f"c_{name}" if name[:1].isdigit() else name), unit


def read_tables(path: str | Path) -> list[RawTable]:
    """Reads the table or tables of a file.

    Args:
        path: A csv, tsv, txt, npz, parquet, Tracker .trk or DeepLabCut csv file, or the json of ``motionlaw track``.

    Returns:
        One `RawTable` for each table in the file.

    Raises:
        UserError: The file is missing, empty, a directory, or no table.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"No file '{path}'. Check the path; it is read relative to the current folder.")
    if path.is_dir():
        raise UserError(f"'{path}' is a directory. Name the tables or videos in it, e.g. {path}/*.csv.")
    if path.stat().st_size == 0:
        raise UserError(f"'{path}' is empty. A table needs a header row and at least 5 rows of numbers.")
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            return _read_npz(path)
        if suffix == ".parquet":
            return [as_table(pd.read_parquet(path))]
        if suffix == ".json":
            return [_read_tracks_json(path)]
        if suffix == ".trk":
            from motionlaw.tools.table_trk import read_trk

            frame, units = read_trk(path)
            return [RawTable("", frame, units)]
        if suffix in (".xlsx", ".xls", ".ods"):
            raise UserError(f"'{path.name}' is a spreadsheet. Save it as csv first.")
        return [_upright(_read_text(path))]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        # pyarrow, numpy and pandas all raise one of these on a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"'{path.name}' cannot be read as a table ({reason}). Save it as csv with a header row."
        raise UserError(message) from error


def as_table(frame: pd.DataFrame) -> RawTable:
    """Takes a frame for a table as a file would have it.

    Example:
        >>> as_table(pd.DataFrame({"t (s)": [0.0, 0.1], "x [cm]": [1.0, 2.0]})).units
        {'t': 's', 'x': 'cm'}
    """
    return _upright(_tidy(frame))


def _upright(table: RawTable) -> RawTable:
    """Turns the tracks that ``motionlaw track`` wrote, objects in pixels with y down, into y up."""
    if not set(table.frame.columns) >= TRACK_COLUMNS:
        return table
    frame = table.frame.rename(columns={"trajectory": "track"})
    frame["y"] = -frame["y"]
    return RawTable(table.name, frame, table.units | {"x": "px", "y": "px"}, table.unnamed, table.warnings)


def _tidy(frame: pd.DataFrame, warnings: tuple[str, ...] = ()) -> RawTable:
    """Gives the columns of a frame plain, different names."""
    names: list[str] = []
    units: dict[str, str] = {}
    unnamed: list[str] = []
    for number, title in enumerate(frame.columns, start=1):
        name, unit = parse_header(str(title))
        if not name:
            name = f"column{number}"
            unnamed.append(name)
        while name in names:
            name += "_again"
        names.append(name)
        if unit:
            units[name] = unit
    return RawTable("", frame.set_axis(names, axis=1), units, tuple(unnamed), warnings)


def _read_npz(path: Path) -> list[RawTable]:
    """Takes equally long vectors as columns, and every matrix as a table of its own."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    titles = next((arrays.pop(key) for key in ("columns", "names", "variable_names") if key in arrays), None)
    vectors = {name: array for name, array in arrays.items() if array.ndim == 1 and array.dtype.kind in "fiub"}
    tables = []
    for name, array in arrays.items():
        if array.ndim == 2 and array.dtype.kind in "fiu" and array.shape[1] > 1:
            if titles is not None and len(titles) == array.shape[1]:
                columns = [str(title) for title in titles]
            else:
                columns = [""] * array.shape[1]
            tables.append(_named(_tidy(pd.DataFrame(array, columns=columns)), name))
    length = max((len(vector) for vector in vectors.values()), default=0)
    columns_of_length = {name: vector for name, vector in vectors.items() if len(vector) == length}
    if len(columns_of_length) > 1:
        tables.append(_tidy(pd.DataFrame(columns_of_length)))
    if not tables:
        raise UserError(f"'{path.name}' holds no table. Save vectors of one length, e.g. np.savez(path, t=t, x=x).")
    return tables if len(tables) > 1 else [_named(tables[0], "")]


def _named(table: RawTable, name: str) -> RawTable:
    return RawTable(name, table.frame, table.units, table.unnamed, table.warnings)


def _read_tracks_json(path: Path) -> RawTable:
    """Reads tracks written by ``motionlaw track``, or a json object of equally long columns."""
    values = json.loads(path.read_text(encoding="utf-8"))
    tracks = values.get("tracks") if isinstance(values, dict) else values
    if isinstance(tracks, list) and tracks and isinstance(tracks[0], dict) and "timestamps" in tracks[0]:
        pieces = [
            pd.DataFrame(
                {"t": track["timestamps"], "track": track["name"]}
                | dict(zip("xy", np.array(track["position"], dtype=float).T, strict=True))
            )
            for track in tracks
        ]
        frame = pd.concat(pieces, ignore_index=True)
        frame["y"] = -frame["y"]  # pixels count downwards
        return RawTable("", frame, {"t": "s", "x": "px", "y": "px"})
    if isinstance(values, list) or (isinstance(values, dict) and all(isinstance(v, list) for v in values.values())):
        return _tidy(pd.DataFrame(values))
    raise UserError(f"'{path.name}' holds no tracks. Give the json of motionlaw track, or an object of equal columns.")


def _decode(path: Path) -> tuple[str, tuple[str, ...]]:
    """Returns the text of a file, and a warning where its encoding was a guess."""
    data = path.read_bytes()
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    for mark, encoding in marks.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), ()
    if b"\0" in data[:65536]:
        raise UserError(f"'{path.name}' is not text. Give a table as csv, tsv, txt, npz or parquet, or a video as mp4.")
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        return data.decode("latin-1"), (f"{path.name} is not UTF-8; it was read as Latin-1.",)


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.strip().strip('"').replace(decimal, "."))
    except ValueError:
        return False
    return True


def _split(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _find_dialect(lines: list[str]) -> tuple[str, str]:
    """Returns the separator and the decimal sign under which most cells are numbers and rows are equally long."""
    best, best_score = (",", "."), -1.0
    for separator in (",", ";", "\t", " "):
        for decimal in (".", ",") if separator != "," else (".",):
            rows = [_split(line, separator) for line in lines]
            widths = [len(row) for row in rows]
            width = max(set(widths), key=widths.count)
            cells = [cell for row in rows if len(row) == width for cell in row]
            numbers = sum(_is_number(cell, decimal) for cell in cells)
            score = numbers / len(cells) * (widths.count(width) / len(rows)) + 1e-3 * (width > 1) if cells else 0.0
            # "1,5;2,5" also splits at its commas, into pieces that are no numbers: the share of numbers decides
            if score > best_score + 1e-9:
                best, best_score = (separator, decimal), score
    return best


def _read_text(path: Path) -> RawTable:
    """Finds header, separator and decimal sign of a text table, and reads the numbers."""
    text, warnings = _decode(path)
    lines = [line for line in text.splitlines() if line.strip(" \t\r;,")]
    if not lines:
        raise UserError(f"'{path.name}' is empty. A table needs a header row and at least 5 rows of numbers.")
    sample = [line for line in lines[:200] if line.lstrip()[:1] not in "#%"] or lines[:200]
    separator, decimal = _find_dialect(sample[len(sample) // 4 :])
    if lines[0].split(separator)[0].strip() in ("scorer", "bodyparts"):
        return _read_deeplabcut(path, lines)
    rows = [_split(line.lstrip("#% "), separator) for line in lines[:200]]
    start = _first_data_row(rows, decimal)
    if start is None:
        raise UserError(f"'{path.name}' holds no rows of numbers. A table needs a header row and at least 5 such rows.")
    width = max(len(row) for row in rows[start:])
    header = rows[start - 1] if start else []
    body = "\n".join(line for line in lines[start:] if line.lstrip()[:1] not in "#%")
    try:
        frame = pd.read_csv(
            io.StringIO(body),
            sep=r"\s+" if separator == " " else separator,
            decimal=decimal,
            header=None,
            names=range(width),
            skipinitialspace=True,
            na_values=sorted(MISSING),
            index_col=False,
        )
    except pd.errors.ParserError as error:
        reason = str(error).split("error: ")[-1].strip()
        raise UserError(f"'{path.name}' must have {width} columns in every row ({reason}).") from error
    return _with_header(frame, header, warnings)


def _first_data_row(rows: list[list[str]], decimal: str) -> int | None:
    """Returns the first row from which on (three rows) numbers stand, so that a line of settings is no data."""
    has_number = [any(_is_number(cell, decimal) for cell in row) for row in rows]
    for start in range(len(rows)):
        if all(has_number[start : start + 3]):
            same_width = len({len(row) for row in rows[start : start + 3]}) == 1
            if same_width or start + 3 > len(rows):
                return start
    return next((index for index, found in enumerate(has_number) if found), None)


def _with_header(frame: pd.DataFrame, header: list[str], warnings: tuple[str, ...]) -> RawTable:
    """Puts the header over the columns; one that is too short leaves the first columns unnamed."""
    header = [cell for cell in header] if any(cell.strip() for cell in header) else []
    missing = frame.shape[1] - len(header)
    if missing <= 0:
        titles = header[: frame.shape[1]]
    elif not header:
        titles = [""] * frame.shape[1]
    else:
        lead = min(missing, _count_leading_keys(frame))
        titles = [""] * lead + header + [""] * (missing - lead)
    empty = [i for i, title in enumerate(titles) if not title.strip() and frame.iloc[:, i].isna().all()]
    kept = [i for i in range(frame.shape[1]) if i not in empty]  # a separator at the end of every line makes one
    return _tidy(frame.iloc[:, kept].set_axis([titles[i] for i in kept], axis=1), warnings)


def _count_leading_keys(frame: pd.DataFrame) -> int:
    """Counts the columns before the first named one: a trajectory number and a time (2), or a time (1)."""
    first, second = frame.iloc[:, 0], frame.iloc[:, 1]
    if not is_run_number(first) or not pd.api.types.is_numeric_dtype(second):
        return 1
    return 2 if (second.groupby(first).diff().dropna() > 0).all() else 1


def is_run_number(column: pd.Series) -> bool:
    """Says whether a column is constant over long stretches, as the number of a run is.

    Example:
        >>> is_run_number(pd.Series([0] * 6 + [1] * 6)), is_run_number(pd.Series([0.1, 0.2, 0.3, 0.4, 0.5]))
        (True, False)
    """
    if not pd.api.types.is_numeric_dtype(column) or column.isna().any() or len(column) < 5:
        return False
    changes = int((column.diff().iloc[1:] != 0).sum())
    return bool((column == column.round()).all()) and changes + 1 == column.nunique() and changes < len(column) / 5


def _read_deeplabcut(path: Path, lines: list[str]) -> RawTable:
    """Reads the three header rows of DeepLabCut: points it is unsure of become gaps, y is turned up."""
    rows = list(csv.reader(lines[:4]))
    count = sum(row[0] in ("scorer", "individuals", "bodyparts", "coords") for row in rows)
    keys = {row[0]: row for row in rows[:count]}
    body = pd.read_csv(io.StringIO("\n".join(lines[count:])), header=None)
    columns: dict[str, np.ndarray] = {"frame": body.iloc[:, 0].to_numpy(float)}
    hidden = 0
    for index in range(1, body.shape[1]):
        if keys["coords"][index] != "likelihood":
            continue
        part = parse_header("_".join(keys[key][index] for key in ("individuals", "bodyparts") if key in keys))[0]
        unsure = body.iloc[:, index].to_numpy(float) < MIN_LIKELIHOOD
        hidden += int(unsure.sum())
        columns[f"{part}_x"] = np.where(unsure, np.nan, body.iloc[:, index - 2].to_numpy(float))
        columns[f"{part}_y"] = np.where(unsure, np.nan, -body.iloc[:, index - 1].to_numpy(float))
    said = f"{hidden} points of {path.name} with a likelihood below {MIN_LIKELIHOOD} are left as gaps."
    units = {name: "px" for name in columns if name != "frame"}
    return RawTable("", pd.DataFrame(columns), units, (), (said,) if hidden else ())
