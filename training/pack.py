"""A checkpoint as it ships: weights in bfloat16, and a card that says what it is, what made it and how good it is.

The template of a small model is our own, of a dozen lines: it writes the same as Qwen's for what such a model is asked.

motionlaw train pack --checkpoint tuned --measured measured-tuned.json --output_dir agent/embedded
motionlaw train pack --checkpoint said --measured chains.json --output_dir agent/embedded_motion
motionlaw train pack --checkpoint told --measured readings.json --output_dir agent/embedded_reader
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from motionlaw.agent.law_question import FULL
from motionlaw.agent.motion_question import PAIRS
from motionlaw.agent.reading import READINGS
from motionlaw.tools.errors import UserError
from motionlaw.training.model import form_of, load_checkpoint, save_checkpoint
from motionlaw.training.options import read_options

# Columns of the card's table: name in the measure, and in words.
SHOWN = (
    ("structure_reward", "S_struct"), ("is_exact", "exact structure"), ("accuracy_reward", "exact, constants refitted"),
    ("s_acc", "S_acc, numbers as printed"), ("s_struct_viper", "s_struct_viper"), ("format_reward", "form"),
)  # fmt: skip


@dataclass(frozen=True)
class PackSettings:
    """What to pack.

    Args:
        checkpoint: The model.
        measured: What ``motionlaw train measure`` printed of it, or, of a model that is asked about pairs of frames,
            ``motionlaw eval chains --json``, or, of one that reads questions, ``benchmarks/readings.py --json``.
        output_dir: Where it goes.
    """

    checkpoint: str
    measured: str
    output_dir: str


# The same for chains.
TOLD = (
    ("direction", "direction"), ("speed", "speed"), ("scale", "scale"), ("known", "things known"),
    ("agreement", "agreement"), ("coverage", "coverage"), ("itself", "agrees with itself"), ("follows", "follows"),
)  # fmt: skip
VERDICTS = ("right", "refused", "misread")
HEAD = ["---", "license: mit", "library_name: transformers", "pipeline_tag: image-text-to-text", "---"]


def motion_card(weights: int, measured: dict[str, Any]) -> str:
    """The model card of a model that tells what moves."""
    lines = [
        *HEAD, "# motionlaw embedded, what moves", "",
        f"A vision-language model of {weights / 1e6:.1f} M weights in the architecture of Qwen3-VL. It is shown two "
        "frames of a film, each in a square of 64 pixels, and says in a line which things are there, how they move, "
        "and where they are (`agent/motion_question.py`, which makes a motion chain of such lines). It was trained "
        "from random weights on films made by this project (`data_builders/motion_pairs.py`) and on nothing else, and "
        "knows no other films; MIT licence, like the project. It answers no other question. The instruments are "
        "better in each word.", "",
        f"Made as `docs/models.md` says. `motionlaw eval chains`, {measured['config']['items']} made films as they are "
        "and changed, per cent ± standard error clustered by film:", "",
        "| film | " + " | ".join(words for _, words in TOLD) + " |", "| --- " * (len(TOLD) + 1) + "|",
    ]  # fmt: skip
    for change, told in measured["results"].items():
        known = [told[name] for name, _ in TOLD]
        cells = ["" if each["mean"] is None else f"{100 * each['mean']:.1f} ± {100 * (each['stderr'] or 0):.1f}"
                 for each in known]  # fmt: skip
        lines.append("| " + " | ".join([change, *cells]) + " |")
    return "\n".join(lines) + "\n"


def reader_card(weights: int, measured: dict[str, Any]) -> str:
    """The model card of a model that reads questions."""
    lines = [
        *HEAD, "# motionlaw embedded, what is asked", "",
        f"A language model of {weights / 1e6:.1f} M weights in the architecture of Qwen3-VL (its vision tower was "
        "never trained). It writes a question about a motion again in one of the forms that the rules here know "
        "(`agent/reading.py`, `agent/prompts/forms.txt`); the instruments answer. It was trained from random weights "
        "on questions drawn from a grammar of this project (`data_builders/readings.py`) and on nothing else; MIT "
        "licence, like the project. It reads English questions about motion, and answers none.", "",
        f"Made as `docs/models.md` says. `benchmarks/readings.py`, {measured['questions']} questions written by hand "
        f"(part {measured['part']}), readings less probable than {measured['least']:g} not taken:", "",
        "| read by | right | refused | misread |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for name, counts in measured["ways"].items():
        lines.append(f"| {name} | " + " | ".join(str(counts.get(each, 0)) for each in VERDICTS) + " |")
    return "\n".join(lines) + "\n"


def card(weights: int, form: str, measured: dict[str, Any]) -> str:
    """The model card, in Markdown."""
    if form == PAIRS:
        return motion_card(weights, measured)
    if form == READINGS:
        return reader_card(weights, measured)
    lines = [
        *HEAD, "# motionlaw embedded", "",
        f"A vision-language model of {weights / 1e6:.1f} M weights in the architecture of Qwen3-VL. It proposes the "
        "law of a motion of one coordinate from three small pictures of what position, velocity and time do, taken "
        "apart by `tools/components.py`, and the frequencies found there. It was trained from random weights on "
        "oscillators drawn by this project (`data_builders/oscillator_blocks.py`) and on nothing else; MIT licence, "
        f"like the project. It is asked in the {form} form and answers no other question. Its laws are proposals: "
        "`motionlaw discover` fits them again and lets the data choose.", "",
        "Made as `docs/models.md` says, stage by stage. Greedy answers on physsymbol's `test_structure` (families "
        "that never met in training), mean ± standard error:", "",
        "| " + " | ".join(["", *(words for _, words in SHOWN), "answers"]) + " |", "| --- " * (len(SHOWN) + 2) + "|",
    ]  # fmt: skip
    for who, told in measured.items():
        known = [told.get(name) for name, _ in SHOWN]
        cells = ["" if each is None else f"{each['mean']:.3f} ± {each['stderr']:.3f}" for each in known]
        lines.append("| " + " | ".join([who, *cells, str(told[SHOWN[0][0]]["scored"])]) + " |")
    return "\n".join(lines) + "\n"


def pack_command(words: Sequence[str]) -> int:
    """Reads options and packs; prints the size of the folder as JSON."""
    (settings,) = read_options(words, PackSettings)
    try:
        measured = json.loads(Path(settings.measured).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{settings.measured} is no output of motionlaw train measure, eval chains or benchmarks/readings.py "
            f"({error})."
        ) from None
    model, processor = load_checkpoint(settings.checkpoint, dtype="bfloat16")
    if form_of(model) != FULL:
        template = files("motionlaw.training").joinpath("configs/brief_chat.jinja").read_text("utf-8")
        processor.chat_template = processor.tokenizer.chat_template = template
    out = Path(settings.output_dir)
    save_checkpoint(model, processor, out)
    count = sum(weight.numel() for weight in model.parameters())
    (out / "README.md").write_text(card(count, form_of(model), measured), encoding="utf-8")
    for path in out.iterdir():
        path.chmod(0o644)
    size = sum(path.stat().st_size for path in out.iterdir())
    print(json.dumps({"weights": count, "megabytes": round(size / 1e6, 2), "output": settings.output_dir}))
    return 0
