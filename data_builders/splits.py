"""Into which split a row falls, and whether data sets share what they must not.

A split goes by the hash of a row's group (its source video or law) and nothing else, so that the same video falls into
the same split in every data set. Overlap is looked for in hashes of what is shown and what is asked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from motionlaw.data_builders.builder import Builder, Row
from motionlaw.tools.errors import UserError

# Shares of the groups, in percent.
VALIDATION, TEST = 5, 5
# Columns that every data set has beside its own.
GROUP, SOURCE, PAIR = "group", "source_sha256", "pair_sha256"


def split_of(builder: Builder, row: Row) -> str:
    """The split of a row: a test split made for such rows, else train, validation or test by its group.

    Raises:
        ValueError: The builder's split cannot be a name in `datasets`, or is no test split.
    """
    made = builder.held_out(row)
    if made is None:
        return split_of_group(builder.group(row))
    if not re.fullmatch(r"test_\w+", made):
        raise ValueError(f"A held-out split must be called test_ and a word, got {made!r}.")
    return made


def split_of_group(group: str) -> str:
    """Train, validation or test.

    Example:
        >>> from collections import Counter
        >>> sorted(Counter(split_of_group(f"video {k}") for k in range(1000)).items())
        [('test', 50), ('train', 899), ('validation', 51)]
    """
    place = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") % 100
    return "validation" if place < VALIDATION else "test" if place < VALIDATION + TEST else "train"


def hashes(builder: Builder, row: Row) -> dict[str, str]:
    """The columns that every data set has beside its own: the group, and the hashes of what is shown and asked."""
    shown, asked = builder.pair(row)
    source = hashlib.sha256(shown).hexdigest()
    pair = hashlib.sha256(f"{source} {asked}".encode()).hexdigest()
    return {GROUP: builder.group(row), SOURCE: source, PAIR: pair}


@dataclass(frozen=True)
class Overlap:
    """Something that lies where it must not lie again.

    Args:
        kind: ``"pair"`` (the same source and question twice), ``"source"`` or ``"group"`` (in training and in a test).
        value: The hash or the group.
        places: Where it lies, each as ``FOLDER SPLIT``.
    """

    kind: str
    value: str
    places: tuple[str, ...]


def overlaps(folders: Sequence[str | Path]) -> list[Overlap]:
    """Finds what built data sets share though they must not.

    The same source and question may lie in one split of one data set only; the same source, and the same group, may
    come back in other data sets, but only on the same side (train, validation, test).

    Args:
        folders: Data sets of `motionlaw build`.

    Raises:
        UserError: A folder holds no data set.
    """
    where: dict[str, dict[str, set[tuple[str, str]]]] = {PAIR: {}, SOURCE: {}, GROUP: {}}
    for folder in folders:
        for split, values in _columns(Path(folder)):
            for name, found in where.items():
                for value in values[name]:
                    found.setdefault(value, set()).add((str(folder), split))
    wrong = []
    for name, kind in ((PAIR, "pair"), (SOURCE, "source"), (GROUP, "group")):
        for value, places in where[name].items():
            sides = places if name == PAIR else {split.partition("_")[0] for _, split in places}
            if len(sides) > 1:
                wrong.append(Overlap(kind, value, tuple(sorted(f"{folder} {split}" for folder, split in places))))
    return wrong


def _columns(folder: Path) -> Iterable[tuple[str, dict[str, list[str]]]]:
    import pyarrow.parquet as pq

    files = sorted((folder / "data").glob("*-*-of-*.parquet"))
    if not files:
        raise UserError(f"{folder} holds no data set. Make one: motionlaw build NAME --out {folder}.")
    for file in files:
        yield file.name.rsplit("-", 3)[0], pq.read_table(file, columns=[GROUP, SOURCE, PAIR]).to_pydict()


def overlap_command(folders: Sequence[str]) -> int:
    """Prints what data sets share though they must not.

    Returns:
        0 if that is nothing, 1 else.
    """
    wrong = overlaps(folders)
    for each in wrong[:20]:
        print(f"{each.kind} {each.value}: {', '.join(each.places)}")
    if len(wrong) > 20:
        print(f"... and {len(wrong) - 20} more")
    if not wrong:
        print(f"No overlap in {', '.join(folders)}.")
    return 1 if wrong else 0
