"""Draws `docs/training.png` from the logs of a run of `runs/cpu.sh`: losses, rewards, and what each stage brought.

python docs/make_training.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from motionlaw.training.vision import LOG

STAGES = ("start", "seeing", "told", "tuned", "practised")


def smooth(values: list[float], width: int) -> np.ndarray:
    """Means of neighbours."""
    return np.convolve(values, np.ones(width) / width, mode="valid")


def history(folder: Path) -> list[dict[str, Any]]:
    """A trainer's log by step, from its newest state."""
    states = sorted(folder.glob("checkpoint-*/trainer_state.json"), key=lambda path: int(path.parent.name[11:]))
    return json.loads(states[-1].read_text(encoding="utf-8"))["log_history"] if states else []


def curve(ax: Axes, steps: list[float], values: list[float], title: str, name: str) -> None:
    """One curve, every point and the mean of twenty."""
    width = min(20, max(1, len(values) // 4))
    ax.plot(steps, values, color="#c6d4e1", linewidth=0.6)
    ax.plot(smooth(steps, width), smooth(values, width), color="#1f4e79", linewidth=1.4)
    ax.set(title=title, xlabel="updates", ylabel=name, yscale="log" if name == "loss" else "linear")


def main() -> None:
    run = Path(sys.argv[1])
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    vision = [json.loads(line) for line in (run / "seeing" / LOG).read_text(encoding="utf-8").splitlines()]
    curve(axes[0], [row["step"] for row in vision], [row["loss"] for row in vision], "vision", "loss")
    for ax, stage, key, title in zip(
        axes[1:4], STAGES[2:], ("loss", "loss", "reward"), ("SFT, terms", "SFT, laws", "GRPO"), strict=True
    ):
        rows = [row for row in history(run / stage) if key in row]
        if rows:
            curve(ax, [row["step"] for row in rows], [float(row[key]) for row in rows], title, key)
    measured = {}
    for stage in STAGES:
        path = run / f"measured-{stage}.json"
        if path.exists():
            measured[stage] = json.loads(path.read_text(encoding="utf-8"))
    shown = (("structure_reward", "S_struct"), ("is_exact", "exact structure"))
    for ax, (name, title) in zip(axes[4:], shown, strict=True):
        for where, told in enumerate(measured.values()):
            ax.errorbar(where, told["model"][name]["mean"], told["model"][name]["stderr"], fmt="o", color="#1f4e79")
            ax.axhline(told["most usual law"][name]["mean"], color="#bb5500", linewidth=0.8)
        ax.set(title=f"{title} (line: most usual law)", ylim=(-0.02, 1))
        ax.set_xticks(range(len(measured)), list(measured), rotation=20)
    figure.savefig(Path(__file__).parent / "training.png", dpi=80)


if __name__ == "__main__":
    main()
