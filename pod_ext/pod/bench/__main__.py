"""`python -m pod.bench`: compares Pod with other ways to save a notebook's variables.

run EXPERIMENT ...          named experiments, `all` for each of them
pair SYSTEMS WORKLOADS      some systems on some workloads
report RESULTS              tables, and plots, of what was measured
profile SYSTEM WORKLOAD     what a person waits for, function by function
list                        the names there are
"""

from __future__ import annotations

import argparse
import os
import pstats
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pod.bench.experiments import EXPERIMENTS
from pod.bench.matrix import Bench, in_turn, remaining
from pod.bench.records import Pair, Probe, Results, Run
from pod.bench.report import report, seconds
from pod.bench.runner import Job, profile
from pod.bench.systems import BASELINES
from pod.bench.systems.pods import VARIANTS
from pod.bench.workloads import MAKERS
from pod.bench.workloads.base import SCALES

INTERRUPTED = 130
"""Exit status when somebody pressed Ctrl-C."""


def main(arguments: list[str] | None = None) -> int:
    """Do one command; exit status 1 when a pair failed that is not merely unavailable."""
    options = _parser().parse_args(arguments)
    if options.command == "list":
        print(_names())
        return 0
    if options.command == "report":
        return _report(options.results, options.plots)
    if options.command == "profile":
        return _profile(options)
    # As Ctrl-C: what runs is ended, and what was measured is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pairs, probes = _asked(options)
    pairs = remaining(in_turn(pairs, options.samples), options.results, options.resume)
    return _measure(options, pairs, probes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pod.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="named experiments")
    run.add_argument("experiments", nargs="+", choices=[*EXPERIMENTS, "all"], metavar="EXPERIMENT")
    _add_options(run)
    pair = commands.add_parser("pair", help="some systems on some workloads")
    pair.add_argument("systems", help="such as dill,pga")
    pair.add_argument("workloads", help="such as readonly+rmtree:lists=10,share=0.5")
    _add_options(pair)
    shown = commands.add_parser("report", help="tables and plots of what was measured")
    shown.add_argument("results", type=Path)
    shown.add_argument("--plots", type=Path, help="directory for PNG files")
    profiled = commands.add_parser("profile", help="what a person waits for, by function")
    profiled.add_argument("system")
    profiled.add_argument("workload")
    profiled.add_argument("--sort", default="cumulative", help="as of pstats")
    profiled.add_argument("--lines", type=int, default=40)
    _add_options(profiled)
    commands.add_parser("list", help="the names of experiments, systems and workloads")
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    results = Path("bench-results")
    add("--results", type=Path, default=results / "results.jsonl", help="file that is added to")
    add("--resume", action="store_true", help="leave out pairs that the results have")
    add("--scale", choices=SCALES, default="quick")
    add("--seed", type=int, default=0)
    add("--think", type=float, default=0.0, help="seconds between cells; 0 is Run All")
    add("--samples", type=int, default=1, help="how often each pair is measured")
    add("--loads", type=int, help="how many times are loaded and compared; 0: none")
    add("--timeout", type=float, default=1800.0, help="seconds for one process")
    add("--cache", type=Path, default=results / "data", help="for generated data, kept")
    add("--data-dir", type=Path, help="real data: DIR/WORKLOAD/FILE")
    add("--temporary", type=Path, help="where stores are made, and removed")
    add("--kishu-python", default="", help="an interpreter that has Kishu")
    add("--plots", type=Path, help="directory for PNG files")


def _asked(options: argparse.Namespace) -> tuple[list[Pair], list[str]]:
    if options.command == "pair":
        given = options.scale, options.seed, options.think
        loads = 2 if options.loads is None else options.loads
        pairs = [
            Pair(system, workload, *given, loads)
            for workload in options.workloads.split("+")
            for system in options.systems.split(",")
        ]
        return pairs, []
    names = list(EXPERIMENTS) if "all" in options.experiments else options.experiments
    chosen = [EXPERIMENTS[name] for name in names]
    pairs = [
        pair
        for each in chosen
        for pair in each.pairs(options.scale, options.seed, options.think, options.loads)
    ]
    return pairs, list(dict.fromkeys(probe for each in chosen for probe in each.probes))


def _measure(options: argparse.Namespace, pairs: list[Pair], probes: list[str]) -> int:
    bench = Bench(
        options.results.absolute(),
        options.cache.absolute(),
        real=options.data_dir.absolute() if options.data_dir else None,
        timeout=options.timeout,
        kishu_python=options.kishu_python,
        temporary=options.temporary,
    )
    status = 0
    try:
        with bench, _Progress(len(pairs) + len(probes)) as progress:
            for name in probes:
                progress.begin(name)
                probe = bench.probe(name, options.scale, options.seed)
                progress.end(_line(probe))
                status |= bool(probe.error)
            for pair in pairs:
                progress.begin(pair.label)
                run = bench.run(pair)
                progress.end(_line(run))
                status |= bool(run.error and not run.unavailable)
    except KeyboardInterrupt:
        print(f"interrupted; what was measured is in {options.results}", file=sys.stderr)
        status = INTERRUPTED
    return _report(options.results, options.plots) or status


def _line(measured: Run | Probe) -> str:
    if isinstance(measured, Run):
        label, figure = measured.pair.label, f"{seconds(measured.wait)} wait"
    else:
        label = measured.name
        figure = ", ".join(f"{key} {value:.4g}" for key, value in measured.values.items())
    return f"{label}: {measured.error.splitlines()[0] if measured.error else figure}"


class _Progress:
    """A bar, and a line for each that is done. Without tqdm, the lines."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._bar: Any = None

    def __enter__(self) -> _Progress:
        try:
            import tqdm
        except ImportError:
            return self
        self._bar = tqdm.tqdm(total=self._total, file=sys.stderr, disable=None, unit="pair")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, label: str) -> None:
        if self._bar is not None:
            self._bar.set_description(label)

    def end(self, line: str) -> None:
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bar.write(line, file=sys.stderr)
            self._bar.update()


def _report(path: Path, plots: Path | None) -> int:
    if not path.exists():
        print(f"there is no {path}", file=sys.stderr)
        return 1
    results = Results.read(path)
    print(report(results))
    if plots is not None:
        from pod.bench.plots import draw

        for made in draw(results, plots):
            print(made, file=sys.stderr)
    return 0


def _profile(options: argparse.Namespace) -> int:
    """In this process: the system's threads and children are not in it."""
    with tempfile.TemporaryDirectory(dir=options.temporary) as directory:
        job = Job(
            kind="profile",
            pair=Pair(options.system, options.workload, options.scale, options.seed),
            store=f"{directory}/store",
            scratch=f"{directory}/scratch",
            data=str(options.cache.absolute()),
            real=str(options.data_dir.absolute()) if options.data_dir else "",
            references=(),
            saved="",
            result="",
        )
        shown = profile(job)
        os.chdir(Path(directory).parent)
    pstats.Stats(shown).sort_stats(options.sort).print_stats(options.lines)
    return 0


def _names() -> str:
    def listed(title: str, names: Iterable[str]) -> str:
        return f"{title}: {', '.join(names)}"

    told: Sequence[str] = [f"{name:<10} {each.about}" for name, each in EXPERIMENTS.items()]
    return "\n".join(
        [
            *told,
            listed("systems", [*BASELINES, *VARIANTS, "pgcacheN"]),
            listed("workloads", [*MAKERS, "readonly-arrow", "update-arrow", "append-arrow"]),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
