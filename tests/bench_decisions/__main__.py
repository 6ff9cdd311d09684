"""`make bench-decisions`: the design on simulated streams, against the criteria of docs/statistics.md, as markdown."""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.special import betaincinv
from slipway.statistics.hypotheses import Verdict

from tests.bench_decisions.decisions import METHODS, SIZE, Outcome, Outcomes, Pilot, simulate
from tests.bench_decisions.peeking import peeking_table
from tests.bench_decisions.restarts import restarts_table
from tests.bench_decisions.streams import HOURS, STREAMS, Stream

LARGEST_FALSE_PROMOTION = 0.05
LEAST_POWER = 0.8


def upper(share: float, runs: int) -> float:
    """One-sided 95% upper bound of a share (Clopper, Pearson 1934)."""
    hits = round(share * runs)
    return 1.0 if hits == runs else float(betaincinv(hits + 1, runs - hits, 0.95))


def size(outcome: Outcome, prior: Pilot) -> float:
    """Mean hours to the verdict, in units of the hours of a fixed test."""
    return float(outcome.hours.mean()) / (prior.fixed_look() + 1)


def row(stream: Stream, method: str, prior: Pilot, outcomes: Outcomes, runs: int) -> tuple[str, bool]:
    """One line of the table, and whether it meets the criteria."""
    worse, none, better = (outcomes[method, effect] for effect in (-1.0, 0.0, 1.0))
    wrong = [upper(outcome.share(Verdict.PASS), runs) for outcome in (worse, none)]
    # What is rolled back without cause would be promoted without cause where lower is better.
    mirrored = upper(none.share(Verdict.BREACH), runs)
    power = better.share(Verdict.PASS)
    meets = max(*wrong, mirrored) <= LARGEST_FALSE_PROMOTION and power >= LEAST_POWER
    fixed_power = outcomes["fixed", 1.0].share(Verdict.PASS)
    cells = (
        stream.name, method, f"{none.share(Verdict.PASS):.2%}", f"{wrong[1]:.2%}", f"{wrong[0]:.2%}",
        f"{none.share(Verdict.BREACH):.2%}", f"{mirrored:.2%}", f"{power:.1%}",
        f"{fixed_power:.1%}",
        f"{size(better, prior):.2f}", f"{size(worse, prior):.2f}", "yes" if meets else "no",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |", meets


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench_decisions")
    parser.add_argument("--runs", type=int, default=2000, help="for each stream and effect")
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.runs} runs each, {HOURS} hourly looks, horizon {SIZE} fixed sizes\n")
    print(peeking_table(np.random.default_rng([options.seed, 99]), options.runs), flush=True)
    print("\n" + restarts_table(np.random.default_rng([options.seed, 98]), options.runs, upper), flush=True)
    heads = (
        "stream", "method", "promoted, no effect", "its upper bound", "upper bound at -MDE", "rolled back, no effect",
        "its upper bound",
        f"power at MDE, {SIZE}", "power, fixed test", "mean size", "mean size at -MDE", "meets",
    )  # fmt: skip
    print("\n| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    effects = []
    for number, stream in enumerate(STREAMS):
        started = time.monotonic()
        design, prior, outcomes = simulate(stream, options.runs, [options.seed, number])
        for method in METHODS:
            print(row(stream, method, prior, outcomes, options.runs)[0], flush=True)
        effects.append(f"{stream.name} {design.effect:.1%} ({time.monotonic() - started:.0f} s)")
    print("\nMDE, relative: " + ", ".join(effects))


if __name__ == "__main__":
    main()
