"""A model to start from: a tokenizer trained on the conversations to come, and random weights.

motionlaw train init --data msi1=laws mcot=chains --size 4m --output_dir start
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from motionlaw.agent.law_question import FORMS
from motionlaw.agent.motion_question import PAIRS
from motionlaw.agent.reading import READINGS
from motionlaw.tools.errors import UserError
from motionlaw.training.conversations import Asking, Source, conversations
from motionlaw.training.model import CONTEXT, SIZES, make_model, make_processor, save_checkpoint
from motionlaw.training.options import read_options
from motionlaw.training.tokenizer import PHRASE, WORD, train_tokenizer


@dataclass
class StartSettings:
    """What to start from.

    Args:
        output_dir: Where the checkpoint goes.
        data: Data sets whose words the tokenizer learns, ``TASK=FOLDER``.
        size: One of toy, 2m, 3m, 4m, 10m, 18m.
        vocab_size: Tokens.
        form: How the model will be asked: about laws in full or brief, about pairs of frames, or to read questions; it
            is kept with the model.
        rows: Rows of a motion that a question of the full form tells.
        most: Conversations of each data set for the tokenizer.
        seed: Of the weights.
    """

    output_dir: str
    data: list[str] = field(default_factory=list)
    size: str = "4m"
    vocab_size: int = 4096
    form: str = "full"
    rows: int = 24
    most: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise UserError(f"size must be one of {', '.join(SIZES)}, got '{self.size}'.")
        if self.form not in (*FORMS, PAIRS, READINGS):
            raise UserError(f"form must be {', '.join(FORMS)}, {PAIRS} or {READINGS}, got '{self.form}'.")
        if not self.data:
            raise UserError("A tokenizer needs data, e.g. --data msi1=laws.")


def words_of(settings: StartSettings) -> Iterator[str]:
    """All words of the conversations, and of their tools."""
    sources = [Source.read(text) for text in settings.data]
    for talk in conversations(sources, "train", Asking(settings.form, settings.rows), most=settings.most):
        for message in talk.messages:
            yield f"{message['role']}\n"
            yield "\n".join(part.get("text") or "" for part in message["content"])
            yield from (json.dumps(call) for call in message.get("tool_calls", ()))
        yield from (f"<{t:.1f} seconds>" for times in talk.times for t in times)  # a processor tells them
        if talk.tools:
            yield json.dumps(list(talk.tools))


def start_command(words: Sequence[str]) -> int:
    """Reads options and makes the checkpoint; prints how many weights it has as JSON."""
    (settings,) = read_options(words, StartSettings)
    longest = WORD if settings.form == READINGS else PHRASE
    tokenizer = train_tokenizer(words_of(settings), vocab_size=settings.vocab_size, context=CONTEXT, longest=longest)
    model = make_model(SIZES[settings.size], tokenizer, form=settings.form, seed=settings.seed)
    save_checkpoint(model, make_processor(tokenizer), Path(settings.output_dir))
    count = sum(weight.numel() for weight in model.parameters())
    print(json.dumps({"weights": count, "tokens": len(tokenizer), "output": settings.output_dir}))
    return 0
