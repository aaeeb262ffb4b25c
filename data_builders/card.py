"""The card of a data set: a README.md that people read and that tells `datasets` where each split lies."""

from __future__ import annotations

from collections.abc import Sequence

from motionlaw.data_builders.builder import Builder
from motionlaw.data_builders.shards import Shard, full_schema
from motionlaw.data_builders.splits import GROUP, PAIR, SOURCE, TEST, VALIDATION

COMMON = {
    GROUP: "what the split goes by",
    SOURCE: "hash of what is shown",
    PAIR: "hash of what is shown and asked",
}


def card(builder: Builder, command: str, shards: Sequence[Shard]) -> str:
    """Writes the card.

    Args:
        builder: Whose data they are.
        command: The command that makes them again.
        shards: The files.
    """
    splits = sorted({shard.split for shard in shards}, key=lambda split: (_ORDER.get(split, 3), split))
    lines = ["---", f"pretty_name: motionlaw {builder.name}", "tags: [physics, motion, synthetic, motionlaw]"]
    lines += ["configs:", "- config_name: default", "  data_files:"]
    for split in splits:
        lines += [f"  - split: {split}", f"    path: data/{split}-*.parquet"]
    lines += ["---", "", f"# {builder.name}", "", builder.describe().strip(), ""]
    lines += ["## Splits", "", "| split | rows | files | MB |", "| --- | --- | --- | --- |"]
    for split in splits:
        own = [shard for shard in shards if shard.split == split]
        rows, size = sum(shard.rows for shard in own), sum(shard.bytes for shard in own)
        lines.append(f"| {split} | {rows} | {len(own)} | {size / 1e6:.1f} |")
    lines += [
        "",
        f"Rows of one `{GROUP}` are never torn apart: {VALIDATION} % of the groups are for validation and {TEST} % for "
        "test, by the hash of the group, so that the same source falls into the same split in every data set.",
        "", "## Columns", "", "| column | type |", "| --- | --- |",
    ]  # fmt: skip
    for each in full_schema(builder):
        kind = (each.metadata or {}).get(b"feature", str(each.type).encode()).decode()
        note = f": {COMMON[each.name]}" if each.name in COMMON else ""
        lines.append(f"| `{each.name}` | {kind}{note} |")
    lines += [
        "", "## Make it again", "", "```sh", command, "```", "",
        "The same seed, settings and version give the same bytes, for any number of workers. `manifest.json` holds "
        "the hash of every file.", "",
        "```python", "from datasets import load_dataset", "", 'data = load_dataset("this folder")', "```", "",
    ]  # fmt: skip
    return "\n".join(lines)


_ORDER = {"train": 0, "validation": 1, "test": 2}
