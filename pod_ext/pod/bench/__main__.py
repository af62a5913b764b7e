"""`python -m pod.bench`: compares Pod with other ways to save a notebook's variables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pod.bench.matrix import Bench, remaining
from pod.bench.records import Pair, Results
from pod.bench.report import text_tables


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pod.bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    pair = commands.add_parser("pair", help="some systems on some workloads")
    pair.add_argument("systems", help="names, with commas between")
    pair.add_argument("workloads", help="names, with commas between, but only between two of them")
    _options(pair)
    report = commands.add_parser("report", help="tables and plots of a results file")
    report.add_argument("results", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "report":
        print(text_tables(Results.read(options.results)))
        return 0
    pairs = [
        Pair(system, workload, options.scale, options.seed, options.think, options.loads)
        for workload in options.workloads.split("+")
        for system in options.systems.split(",")
    ]
    with Bench(
        options.results,
        options.cache,
        timeout=options.timeout,
        kishu_python=options.kishu_python,
        verify=options.loads > 0,
    ) as bench:
        for each in remaining(pairs, options.results, options.resume):
            run = bench.run(each)
            print(f"{each.label}: {run.error or f'{run.wait:.3f} s wait'}", flush=True)
        print(text_tables(Results.read(options.results)))
    return 0


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("bench-results/results.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("bench-results/data"))
    parser.add_argument("--scale", choices=["tiny", "quick", "full"], default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--think", type=float, default=0.0)
    parser.add_argument("--loads", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=1800.0)
    parser.add_argument("--kishu-python", default="")
    parser.add_argument("--resume", action="store_true")


if __name__ == "__main__":
    sys.exit(main())
