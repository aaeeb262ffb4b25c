"""One checkpoint, three ways of running it: are greedy answers the same, and how fast is each?

    python benchmarks/same_answers.py [--checkpoint agent/embedded] [--n 200] [--vllm .venv-vllm/bin/python]

Questions about fresh oscillators, as `motionlaw discover` asks them, go to the checkpoint in this process, by NumPy and
by transformers (the extra [serve]), and, where a Python with vLLM is named (make .venv-vllm/.vllm), to a server of our
own, one at a time and many at once. Prints how many answers are the same to the letter, the first that are not, seconds
an answer and tokens a second of each way, and the time of the eight answers that `discover` samples.
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

from motionlaw.agent.hypothesise import MOST_TOKENS, TEMPERATURE
from motionlaw.agent.law_question import brief_question
from motionlaw.agent.messages import Message
from motionlaw.agent.model import Model, Reply, Sampling
from motionlaw.agent.models.in_process import InProcessModel
from motionlaw.agent.models.small import SmallModel
from motionlaw.agent.models.vllm_server import OwnServer, find_vllm
from motionlaw.data_builders.oscillator_blocks import show
from motionlaw.eval.log import commit
from motionlaw.tools.errors import UserError

EMBEDDED = Path(__file__).parent.parent / "agent" / "embedded"
LONGEST = 160
SHOWN = 3
SAMPLES = 8


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


def sampled(model: SmallModel, questions: Sequence[list[Message]]) -> np.ndarray:
    """Seconds of processor time that the answers that `discover` samples take, question by question."""
    samplings = [Sampling(TEMPERATURE, MOST_TOKENS, seed) for seed in range(SAMPLES)]
    took = []
    for question in questions:
        started = time.process_time()
        model.replies(question, samplings)
        took.append(time.process_time() - started)
    return np.array(took)


def served(options: argparse.Namespace, questions: Sequence[list[Message]]) -> dict[str, Run]:
    """Answers of a vLLM server of our own."""
    vllm = find_vllm(options.vllm)
    if vllm is None:
        raise UserError(f"{options.vllm} has no vLLM. Make one: make .venv-vllm/.vllm")
    with tempfile.TemporaryDirectory() as folder:
        tell = lambda line: print(line, file=sys.stderr)  # noqa: E731
        server = OwnServer(options.checkpoint, vllm, log=Path(folder) / "vllm.log", tell=tell)
        try:
            counts = {"vLLM, one at a time": 1, f"vLLM, {options.at_once} at once": options.at_once}
            return {name: asked(server, questions, at_once=count) for name, count in counts.items()}
        finally:
            server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Greedy answers of NumPy, transformers and vLLM compared.")
    parser.add_argument("--vllm", help="a Python that has vLLM; without it vLLM is left out")
    parser.add_argument("--checkpoint", type=Path, default=EMBEDDED, help="a checkpoint of the brief form")
    parser.add_argument("--n", type=int, default=200, help="questions")
    parser.add_argument("--seed", type=int, default=4701, help="of the oscillators")
    parser.add_argument("--at-once", type=int, default=16, help="questions at once for the server's throughput")
    options = parser.parse_args()
    shown = (brief_question(show(options.seed, number).columns) for number in range(options.n))
    questions = [[Message.user(*pictures, text)] for pictures, text in shown]
    small, large = SmallModel(options.checkpoint), InProcessModel(options.checkpoint)
    runs = {"NumPy, one at a time": asked(small, questions, at_once=1)}
    runs["transformers, one at a time"] = reference = asked(large, questions, at_once=1)
    large.close()
    together = sampled(small, questions)
    if options.vllm:
        runs |= served(options, questions)
    print("| way | s an answer, median | 95 % | answers a second | tokens a second |\n| --- | --- | --- | --- | --- |")
    for name, run in runs.items():
        print(run.row(name))
    half, most = np.quantile(together, [0.5, 0.95])
    print(f"\n{SAMPLES} sampled answers side by side, NumPy, processor time: {half:.3f} s, 95 % {most:.3f} s")
    for name, run in runs.items():
        if run is not reference:
            print(f"{name}, and transformers: {compared(run, reference)}")
    print(f"Seed {options.seed}, commit {commit()}.")


if __name__ == "__main__":
    main()
