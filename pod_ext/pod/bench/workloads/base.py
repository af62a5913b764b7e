"""What a workload is: cells of a notebook, and where their data comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

SCALES = ("tiny", "quick", "full")
"""`tiny` is for tests."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A notebook at one scale."""

    cells: tuple[str, ...]
    may_raise: bool = False
    """Whether a cell that raises belongs to it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the process's environment."""
    rests: frozenset[int] = frozenset()
    """Cells, counted from 1, after which nothing is run until all is durable, as if a person had
    stopped to think."""


Maker = Callable[..., Workload]
"""Called with the scale, the seed, the directory for its data, and what was given by name."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a workload's data comes from."""

    scale: str
    seed: int
    directory: Path
    """For generated data; files in it are made once, by `made`."""
    real: Path | None = None
    """Of the real data, if there is any."""

    def of(self, workload: str) -> Source:
        """The part of it that is for one workload."""
        real = self.real / workload if self.real is not None else None
        return replace(self, directory=self.directory / workload, real=real)

    def pick(self, tiny: int, quick: int, full: int) -> int:
        """The number for this scale."""
        return {"tiny": tiny, "quick": quick, "full": full}[self.scale]

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """The file of this name, real if it is there, else made now or earlier."""
        if self.real is not None and (self.real / name).exists():
            return self.real / name
        path = self.directory / f"{self.scale}-{self.seed}" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{name}.part")
            make(partial)
            partial.rename(path)
        return path


def cells_of(source: str, **values: object) -> tuple[str, ...]:
    """The cells of a file in percent format. `<<name>>` stands for a value, as Python writes it."""
    for name, value in values.items():
        plain = str(value) if isinstance(value, Path) else value
        source = source.replace(f"<<{name}>>", repr(plain))
    first, *others = source.strip().removeprefix("# %%").split("\n# %%")
    bodies = [first, *(each.partition("\n")[2] for each in others)]
    return tuple(body.strip("\n") for body in bodies if body.strip())
