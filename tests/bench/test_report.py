"""Records, the tables made of them, and the table of targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pod.bench import headline
from pod.bench.experiments import EXPERIMENTS
from pod.bench.records import (
    CellFigures,
    LoadFigures,
    Machine,
    Pair,
    Probe,
    Results,
    Run,
    append,
    from_line,
    to_line,
)  # fmt: skip
from pod.bench.report import percentile, report, seconds, table
from pod.bench.runner import chosen_cells
from pod.bench.systems import make_system
from pod.bench.systems.pods import traits_of
from pod.bench.workloads import MAKERS, Source, make_workload
from pod.bench.workloads.base import cells_of

MACHINE = Machine("m", "a cpu", 2, 8_000_000_000, "Linux", "3.13.0", {"numpy": "2"}, "abc", "now")


def run(system: str, workload: str, wait: float, stored: int, **given: object) -> Run:
    cells = tuple(CellFigures(0.5, wait / 4, 0.0, wait / 4, stored) for _ in range(4))
    loads = (LoadFigures(4, None, 0.4, 3), LoadFigures(4, ("x",), 0.02, 1))
    values = {"cells": cells, "loads": loads, "stored": stored, "machine": "m", **given}
    return Run(Pair(system, workload), **values)  # type: ignore[arg-type]


def results(*records: Run | Probe | Machine) -> Results:
    return Results.of([MACHINE, *records])


def of(found: Results, what: str) -> headline.Figure:
    return next(figure for figure in headline.figures(found) if figure.what.startswith(what))


def test_a_record_comes_back_from_its_line(tmp_path: Path) -> None:
    records = [run("pga", "update", 0.1, 7), Probe("p", {"a": 1.0}), MACHINE]
    assert [from_line(to_line(each)) for each in records] == records
    for each in records:
        append(tmp_path / "results", each)
    with (tmp_path / "results").open("a") as file:
        file.write('{"kind": "run", "pair"')
    assert Results.read(tmp_path / "results") == Results.of(records)


def test_of_two_records_of_one_pair_the_last_counts() -> None:
    found = results(run("pga", "update", 1.0, 1), run("pga", "update", 2.0, 1))
    assert [each.wait for each in found.runs] == [2.0]


def test_of_several_samples_the_one_in_the_middle_counts() -> None:
    samples = [
        replace(run("pga", "update", wait, 1), pair=Pair("pga", "update", sample=number))
        for number, wait in enumerate((3.0, 1.0, 2.0))
    ]
    found = results(*samples)
    chosen = found.run("pga", "update")
    assert chosen is not None and chosen.wait == 2.0
    assert report(found).count("| pga ") == 1
    # One cell of any sample is the longest.
    assert "750.0 ms" in of(found, "wait for a cell, all workloads, longest").measured


def test_until_all_is_durable_is_what_is_added_to_the_notebook() -> None:
    plain = run("noop", "update", 0.0, 0)
    ours = run("pga", "update", 1.0, 1, finish=2.0)
    theirs = run("kishu", "update", 60.0, 1)
    figure = of(results(plain, ours, theirs), "until all is durable")
    assert figure.measured.startswith("1/20.0 (3.00 s, Kishu 60.0 s") and figure.met is True


def test_small_cells_are_told_apart_by_whether_the_first_save_is_over() -> None:
    cells = [CellFigures(0.5, wait, 0.0, 1.0, 1) for wait in (0.05, 0.03, 0.04, 0.004, 0.003)]
    found = results(run("pga", "big", 0.0, 1, cells=tuple(cells)))
    later = of(found, "a cell touching one small")
    assert later.met is True and later.measured == "3.5 ms median, 4.0 ms longest"
    at_once = of(found, "the same at once")
    assert at_once.met is True and at_once.measured == "35.0 ms median, 40.0 ms longest"


def test_targets_are_ratios_within_one_file() -> None:
    found = results(run("dill", "update", 40.0, 1200), run("pga", "update", 1.0, 100))
    assert of(found, "wait, `update`, against dill").met is True
    assert of(found, "stored, `update`").met is True
    slower = results(run("dill", "update", 39.0, 1100), run("pga", "update", 1.0, 100))
    assert of(slower, "wait, `update`, against dill").met is False
    assert of(slower, "stored, `update`").met is False
    assert "1/39.0" in of(slower, "wait, `update`, against dill").measured


def test_what_was_not_measured_is_not_called_met() -> None:
    assert {figure.met for figure in headline.figures(results())} == {None}
    failed = results(run("dill", "update", 1.0, 1), run("pga", "update", 1.0, 1, error="broke"))
    figure = of(failed, "wait, `update`, against dill")
    assert figure.met is None and "broke" in figure.measured


def test_every_cell_of_every_workload_counts_for_the_longest_wait() -> None:
    found = results(run("pga", "update", 0.04, 1), run("pga", "append", 4.0, 1))
    assert of(found, "wait for a cell, all workloads, longest").measured == (
        "1000.0 ms (append, cell 4)"
    )
    assert of(found, "wait for a cell, all workloads, longest").met is False


def test_a_better_policy_is_named() -> None:
    ours, other = run("pga", "rmtree", 1.0, 100), run("pnb", "rmtree", 0.5, 90)
    assert of(results(ours, other), "LGA").met is False
    assert "pnb" in of(results(ours, other), "LGA").measured
    assert of(results(ours, run("pnb", "rmtree", 0.5, 200)), "LGA").met is True


def test_a_wrong_load_is_in_the_tables() -> None:
    wrong = LoadFigures(4, None, 0.1, 3, wrong=("df",))
    found = results(run("pga", "update", 1.0, 1, loads=(wrong,)))
    assert of(found, "what was loaded").met is False
    assert "wrong: df" in report(found)


def test_the_report_has_everything_in_it() -> None:
    text = report(
        results(
            run("dill", "update", 2.0, 200_000_000),
            run("pga", "update", 1.0, 100_000_000),
            run("zodb", "update", 0.0, 0, error="the process ended with 1\nboom"),
            Probe("checkout", {"median": 0.2, "most": 0.4}),
        )
    )
    for expected in ("### update", "1/2.0", "100.0 MB", "zodb: the process ended with 1", "a cpu"):
        assert expected in text, expected


def test_small_figures() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert percentile([1.0] * 95 + [2.0] * 5, 0.95) == 1.0
    assert (seconds(0.0123), seconds(1.5), seconds(None)) == ("12.3 ms", "1.50 s", "-")
    assert table(("a", "b"), [("x", "1")]).splitlines()[1] == "|---|--:|"


def test_every_experiment_names_what_there_is(tmp_path: Path) -> None:
    source = Source("tiny", 0, tmp_path)
    for experiment in EXPERIMENTS.values():
        pairs = experiment.pairs("tiny", 0, 0.0, None)
        assert len(pairs) == len({(pair.system, pair.workload) for pair in pairs})
        for pair in pairs:
            plain = pair.workload.partition(":")[0].removesuffix("-arrow")
            assert plain in MAKERS
            if plain not in ("skltweet", "ai4code") and "arrow" not in pair.workload:
                assert make_workload(pair.workload, source).cells
            assert traits_of(pair.system) is not None or pair.system in (
                "noop", "snp", "dill", "cpkl", "shev", "zodb", "zosp", "kishu",
            )  # fmt: skip
    with pytest.raises(ValueError, match="no system 'nothing'"):
        make_system("nothing", tmp_path)


def test_a_workload_s_parameters_are_checked(tmp_path: Path) -> None:
    source = Source("tiny", 0, tmp_path)
    assert "range(7)" in make_workload("rmtree:lists=7", source).cells[0]
    with pytest.raises(ValueError, match="rmtree has no 'colour'"):
        make_workload("rmtree:colour=1", source)


def test_data_is_made_once_and_real_data_is_taken_first(tmp_path: Path) -> None:
    source = Source("tiny", 0, tmp_path / "made")
    (tmp_path / "real" / "betterxb").mkdir(parents=True)
    first = make_workload("betterxb", source)
    (path,) = (tmp_path / "made").rglob("train.csv")
    written = path.stat().st_mtime_ns
    assert make_workload("betterxb", source) == first and path.stat().st_mtime_ns == written
    real = tmp_path / "real" / "betterxb" / "train.csv"
    real.write_text("row_id\n")
    cells = make_workload("betterxb", Source("tiny", 0, tmp_path / "made", tmp_path / "real")).cells
    assert str(real) in cells[1] and str(path) in first.cells[1]


def test_the_notebooks_are_of_the_length_they_should_have(tmp_path: Path) -> None:
    for name in ("skltweet", "ai4code", "twittnet", "betterxb", "tpsmay22"):
        cells = make_workload(name, Source("tiny", 0, tmp_path)).cells
        assert 25 <= len(cells) <= 45, name
        for cell in cells:
            compile(cell, name, "exec")
    sizes = {name: len(make_workload(name, Source("tiny", 0, tmp_path)).cells)
             for name in ("readonly", "update", "rmtree")}  # fmt: skip
    assert sizes == {"readonly": 22, "update": 13, "rmtree": 11}


def test_the_same_cells_are_loaded_for_every_system() -> None:
    one, other = Pair("pga", "update", loads=4), Pair("dill", "update", loads=4)
    assert chosen_cells(one, 13) == chosen_cells(other, 13)
    assert len(chosen_cells(one, 13)) == 4 and chosen_cells(one, 13)[-1] == 13
    assert chosen_cells(Pair("pga", "update", loads=9), 3) == [1, 2, 3]


def test_cells_of_a_file_in_percent_format() -> None:
    assert cells_of("\n# %%\na = <<n>>\n# %% a title\n\nb\nc\n", n=Path("/x")) == (
        "a = '/x'",
        "b\nc",
    )
