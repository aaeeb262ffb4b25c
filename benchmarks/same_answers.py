"""One checkpoint, two ways of serving it: are greedy answers the same, and how fast is each?

    make .venv-vllm/.vllm
    python benchmarks/same_answers.py --vllm .venv-vllm/bin/python [--checkpoint agent/embedded] [--n 200]

Questions about fresh oscillators, as `motionlaw discover` asks them, go to the checkpoint in this process
(transformers) and to a vLLM server of our own, first one at a time and then many at once. Prints how many answers are
the same to the letter, the first that are not, and seconds an answer and tokens a second of each way.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlaw.agent.law_question import brief_question
from motionlaw.agent.messages import Message
from motionlaw.agent.model import Model, Reply, Sampling
from motionlaw.agent.models.in_process import InProcessModel
from motionlaw.agent.models.vllm_server import OwnServer, find_vllm
from motionlaw.data_builders.oscillator_blocks import show
from motionlaw.eval.log import commit
from motionlaw.tools.errors import UserError

EMBEDDED = Path(__file__).parent.parent / "agent" / "embedded"
LONGEST = 160
SHOWN = 3


@dataclass(frozen=True)
class Run:
    """Answers and how long they took.

    Args:
        replies: In the order of the questions.
        each_s: Seconds of each answer.
        total_s: Seconds of all.
    """

    replies: list[Reply]
    each_s: np.ndarray
    total_s: float

    def row(self, name: str) -> str:
        """A row of the table."""
        tokens = sum(reply.completion_tokens for reply in self.replies)
        half, most = np.quantile(self.each_s, [0.5, 0.95])
        speed = f"{len(self.replies) / self.total_s:.2f} | {tokens / self.total_s:.0f}"
        return f"| {name} | {half:.3f} | {most:.3f} | {speed} |"


def asked(model: Model, questions: Sequence[list[Message]], *, at_once: int) -> Run:
    """Asks a model everything, so many at once."""
    sampling = Sampling(max_tokens=LONGEST, timeout_s=600.0)

    def ask(question: list[Message]) -> tuple[Reply, float]:
        started = time.perf_counter()
        reply = model.reply(question, sampling=sampling)
        return reply, time.perf_counter() - started

    ask(questions[0])  # what is made at the first answer is not measured
    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(ask, questions))
    return Run([reply for reply, _ in found], np.array([s for _, s in found]), time.perf_counter() - started)


def compared(one: Run, other: Run) -> str:
    """How many answers are the same, and the first that are not."""
    pairs = [(a.message.text, b.message.text) for a, b in zip(one.replies, other.replies, strict=True)]
    others = [pair for pair in pairs if pair[0] != pair[1]]
    told = f"{len(pairs) - len(others)} of {len(pairs)} greedy answers are the same to the letter."
    return "\n".join([told, *(f"    {a!r}\n    {b!r}" for a, b in others[:SHOWN])])


def main() -> None:
    parser = argparse.ArgumentParser(description="Greedy answers of transformers and vLLM compared.")
    parser.add_argument("--vllm", required=True, help="a Python that has vLLM")
    parser.add_argument("--checkpoint", type=Path, default=EMBEDDED, help="a checkpoint of the brief form")
    parser.add_argument("--n", type=int, default=200, help="questions")
    parser.add_argument("--seed", type=int, default=4701, help="of the oscillators")
    parser.add_argument("--at-once", type=int, default=16, help="questions at once for the server's throughput")
    options = parser.parse_args()
    vllm = find_vllm(options.vllm)
    if vllm is None:
        raise UserError(f"{options.vllm} has no vLLM. Make one: make .venv-vllm/.vllm")
    shown = (brief_question(show(options.seed, number).columns) for number in range(options.n))
    questions = [[Message.user(*pictures, text)] for pictures, text in shown]
    here = InProcessModel(options.checkpoint)
    alone = asked(here, questions, at_once=1)
    here.close()
    with tempfile.TemporaryDirectory() as folder:
        tell = lambda line: print(line, file=sys.stderr)  # noqa: E731
        server = OwnServer(options.checkpoint, vllm, log=Path(folder) / "vllm.log", tell=tell)
        try:
            served, many = (asked(server, questions, at_once=count) for count in (1, options.at_once))
        finally:
            server.close()
    print("| way | s an answer, median | 95 % | answers a second | tokens a second |\n| --- | --- | --- | --- | --- |")
    print(alone.row("transformers, one at a time"))
    print(served.row("vLLM, one at a time"))
    print(many.row(f"vLLM, {options.at_once} at once"))
    print(f"\n{compared(alone, served)}\nOne at a time and {options.at_once} at once: {compared(served, many)}")
    print(f"Seed {options.seed}, commit {commit()}.")


if __name__ == "__main__":
    main()
