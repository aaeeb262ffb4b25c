"""What could any proposer of terms reach? The posterior over all sets of physsymbol's families, law by law.

    python benchmarks/ceiling.py [--n 24] [--rows 100] [--noise 0.05] [--seed 91]

The recordings of `benchmarks/proposals.py`. Whoever knew how laws are drawn (families, ranges, signs, how many) and
could fit all 1,012 sets to the positions would believe each as much as this says; no model that sees the same rows can
be right more often, but by what draws that are not kept tell (physsymbol keeps laws whose every term shows).
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time

import numpy as np
from proposals import recorded, unseen

from motionlaw.agent.law_question import known_kinds
from motionlaw.eval.log import commit
from motionlaw.eval.scorers import score_law
from motionlaw.tools.term_sets import weigh_sums

# Sums that are looked at, and places of the truth among them that are counted.
MOST, PLACES = 64, (1, 8, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description="The posterior over all sets of families.")
    parser.add_argument("--n", type=int, default=24, help="number of oscillators")
    parser.add_argument("--rows", type=int, default=100, help="rows of each")
    parser.add_argument("--noise", type=float, default=0.05, help="noise on x, a share of its spread")
    parser.add_argument("--seed", type=int, default=91, help="seed of the oscillators")
    options = parser.parse_args()
    places, structure, begun = [], [], time.process_time()
    for drawn in itertools.islice(unseen(options.seed), options.n):
        run = recorded(drawn, options.rows, options.noise).trajectories[0]
        data = {"t": drawn.t, "x": drawn.x, "v": drawn.v}
        sums = weigh_sums(run.t, run.position[:, 0], known_kinds(), most=MOST)
        scores = [score_law(each.expression, drawn.law, data) for each in sums]
        places.append(next((k for k, each in enumerate(scores) if each.is_exact), MOST))
        structure.append(float(scores[0].s_struct or 0) if scores else 0.0)
        print(f"{drawn.name}: {drawn.formula}: place {places[-1] + 1}", file=sys.stderr)
    seconds = (time.process_time() - begun) / options.n
    counts = ", ".join(f"the best {most}: {sum(place < most for place in places)}" for most in PLACES)
    spread = float(np.std(structure, ddof=1)) / options.n**0.5
    print(
        f"The truth is among {counts} of {options.n}. S_struct of the best {np.mean(structure):.3f} ± {spread:.3f}. "
        f"{options.rows} rows, noise {options.noise:g}, seed {options.seed}, {seconds:.1f} s each, commit {commit()}"
    )


if __name__ == "__main__":
    main()
