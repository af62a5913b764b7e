"""The experiments: which systems on which workloads, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pod.bench.records import Pair
from pod.bench.workloads import EXAMPLES, NOTEBOOKS

POLICIES = ("pga", "pg0", "pg1", "pfa", "pnb", "pnv", "prand")
CACHES = tuple(f"pgcache{4**power if power else 0}" for power in range(11))
SMALL = ("readonly", "readonly-arrow", "update", "update-arrow", "append", "append-arrow", "rmlist")
"""Synthetic workloads that a baseline gets through."""


@dataclass(frozen=True, slots=True)
class Block:
    """Each of some systems on each of some workloads."""

    systems: tuple[str, ...]
    workloads: tuple[str, ...]
    loads: int = 2


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is run under one name."""

    about: str
    blocks: tuple[Block, ...]
    probes: tuple[str, ...] = ()

    def pairs(self, scale: str, seed: int, think: float, loads: int | None) -> list[Pair]:
        """All of its pairs, each once, those of one workload together."""
        found: dict[tuple[str, str], Pair] = {}
        for block in self.blocks:
            number = block.loads if loads is None else min(loads, block.loads)
            for workload in block.workloads:
                for system in block.systems:
                    key = system, workload
                    if key not in found or found[key].loads < number:
                        found[key] = Pair(system, workload, scale, seed, think, number)
        order = list(dict.fromkeys(pair.workload for pair in found.values()))
        return sorted(found.values(), key=lambda pair: order.index(pair.workload))


PAPER = (*NOTEBOOKS, "rmlist", "rmtree")
EXPERIMENTS: Mapping[str, Experiment] = {
    "headline": Experiment(
        "what the table of targets needs",
        (
            Block(("noop", "dill", "pga"), ("readonly", "readonly-arrow", "rmtree")),
            Block(("noop", "dill", "pga"), ("update-arrow",)),
            Block(("noop", "dill", "kishu", "pga"), ("update",)),
            Block(("noop", "pga"), ("loops",), loads=0),
            Block(("pga",), ("big",), loads=0),
            Block(("pga",), ("objects",), loads=1),
            Block(("pga",), ("append", *EXAMPLES)),
            Block(("noop", "dill", "pga"), ("skltweet",), loads=6),
            Block(("pga",), (*NOTEBOOKS,)),
            Block(POLICIES, (*NOTEBOOKS, "rmtree"), loads=0),
        ),
        ("checkout", "commits"),
    ),
    "saves": Experiment(
        "save time and storage of every system on every workload",
        (
            Block(
                ("noop", "snp", "dill", "cpkl", "shev", "zodb", "zosp", "kishu", "pga", "pgl"),
                (*NOTEBOOKS, *EXAMPLES, *SMALL, "rmtree"),
            ),
            Block(("noop", "dill", "pga", "pgl"), ("objects",)),
            Block(("noop", "pga", "pgl"), ("big",), loads=0),
        ),
    ),
    "partial": Experiment(
        "loading one variable against loading all",
        (Block(("dill", "shev", "zodb", "zosp", "pga"), (*NOTEBOOKS, "rmtree"), loads=10),),
    ),
    "podding": Experiment(
        "podding policies", (Block(POLICIES, (*NOTEBOOKS, "rmlist", "rmtree", "objects")),)
    ),
    "filter": Experiment(
        "what the change detector leaves out: the active filter, the static check, known blobs",
        (
            Block(
                ("pga", "pgnoavf", "pgnostatic", "pgl", "pglnostatic", "pgcache0noavf", *CACHES),
                (*NOTEBOOKS, "readonly"),
                loads=0,
            ),
        ),
    ),
    "async": Experiment(
        "where the snapshot is made, and what is locked meanwhile",
        (
            Block(
                ("noop", "pga", "pgl", "pgf", "pgt", "pfa", "pfl", "pgnoavl", "pgnostatic",
                 "pglnostatic", "pgnoavlstatic", "pglnoavlstatic"),
                (*NOTEBOOKS, "readonly", "update", "rmtree"),
            ),
        ),
    ),
    "scaling": Experiment(
        "the size of the namespace, and the share of it that each cell changes",
        (
            Block(
                ("dill", "pga", "pgl"),
                (
                    *(f"rmtree:lists={n}" for n in (10, 30, 100, 200)),
                    *(f"rmtree:share={share}" for share in (0.01, 0.1, 0.3, 1.0)),
                    *(f"rmtree:share_lists={share}" for share in (0.01, 0.3, 1.0)),
                    *(f"readonly:rows={rows}" for rows in (10_000, 100_000, 1_000_000)),
                ),
                loads=1,
            ),
            Block(("pga",), tuple(f"big:gigabytes={n}" for n in (0.5, 1.0, 2.0, 4.0)), loads=0),
        ),
    ),
    "tracking": Experiment(
        "what tracking adds to tight loops",
        (Block(("noop", "pga", "pganamespace"), ("loops",), loads=0),),
    ),
}  # fmt: skip
