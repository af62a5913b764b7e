"""How two NumPy arrays, scalars or SciPy sparse matrices differ.

Numbers are compared bit by bit with any NaN equal to any other, so that -0.0 is not 0.0. Arrays are
read in blocks: the extra memory is a few blocks, not another array.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pod.compare.describe import count, dimensions, dtype_name, library, short, type_name
from pod.compare.difference import Difference, Line, left_out
from pod.compare.objects import attributes, compare_attributes, hidden_state
from pod.compare.walk import PAIR, Report, Walk

_BLOCK = 1 << 17
"""Elements compared at once."""
_BITS = {2: "u2", 4: "u4", 8: "u8"}


class Sizes:
    """How large the differences between numbers are, gathered block by block."""

    def __init__(self) -> None:
        self.largest = self.total = 0.0
        self.number = 0

    def take(self, old: Any, new: Any) -> None:
        """Add the differences between two arrays of one length, those not finite left out."""
        np = library("numpy")
        if old.dtype.kind not in "iufc" or new.dtype.kind not in "iufc":
            return
        wide = np.complex128 if "c" in (old.dtype.kind, new.dtype.kind) else np.float64
        apart = np.abs(new.astype(wide) - old.astype(wide))
        apart = apart[np.isfinite(apart)]
        if apart.size:
            self.largest = max(self.largest, float(apart.max()))
            self.total += float(apart.sum())
            self.number += apart.size

    def line(self) -> tuple[Line, ...]:
        """What there is to say, as no line or one."""
        if not self.number:
            return ()
        mean = self.total / self.number
        return (Line("note", f"|difference|: max {self.largest:.6g}, mean {mean:.6g}"),)


def arrays(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two arrays: shape, dtype, elements, the size of the differences, a sample."""
    np = library("numpy")
    if isinstance(old, np.ma.MaskedArray) and isinstance(new, np.ma.MaskedArray):
        return _masked(walk, old, new)
    kinds = type(old), type(new)
    inside = attributes(old), attributes(new)
    old, new = np.asarray(old), np.asarray(new)
    report = Report(walk, "array")
    headline = [f"{dtype_name(new.dtype)} {dimensions(new.shape)}"]
    facts: list[str] = []
    if old.dtype != new.dtype:
        facts.append(f"dtype {dtype_name(old.dtype)} → {dtype_name(new.dtype)}")
        report.note(f"dtype: {dtype_name(old.dtype)} → {dtype_name(new.dtype)}")
    if old.shape != new.shape:
        headline = [f"{dtype_name(new.dtype)} {dimensions(old.shape)} → {dimensions(new.shape)}"]
        report.note(f"shape: {dimensions(old.shape)} → {dimensions(new.shape)}")
        if old.ndim == new.ndim:
            common = tuple(slice(0, min(sides)) for sides in zip(old.shape, new.shape, strict=True))
            old, new = old[common], new[common]
            report.note(f"elements compared in the common part, {dimensions(new.shape)}")
    sample: tuple[Line, ...] = ()
    if old.shape == new.shape:
        words, sample = _elements(walk, report, old, new)
        facts += words
    if any(kind is not np.ndarray for kind in kinds):
        compare_attributes(report, *inside)
    return report.difference(", ".join(headline + facts), *sample)


def scalars(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two NumPy scalars of one type."""
    np = library("numpy")
    different = differing(np.asarray(old).reshape(1), np.asarray(new).reshape(1))
    if not different[0]:
        return None
    found = walk.pair("", old.item(), new.item()) if old.dtype.kind in "iuf" else None
    return found or Difference("number", f"{short(old)} → {short(new)}")


def sparse_matrices(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two sparse matrices: shape, dtype and stored elements."""
    np = library("numpy")
    report = Report(walk, "sparse")
    if old.dtype != new.dtype:
        report.note(f"dtype: {dtype_name(old.dtype)} → {dtype_name(new.dtype)}")
    words = [f"{dtype_name(new.dtype)} {dimensions(new.shape)}"]
    if old.shape != new.shape:
        words = [f"{dtype_name(new.dtype)} {dimensions(old.shape)} → {dimensions(new.shape)}"]
        report.note(f"shape: {dimensions(old.shape)} → {dimensions(new.shape)}")
    if old.ndim != 2 or new.ndim != 2 or max(old.shape[1], new.shape[1]) > 2**31:
        found = report.difference(", ".join(words))
        return found or hidden_state(walk, old, new)
    # Copies: putting entries in order, as `sum_duplicates` does, happens in place.
    entries = [matrix.tocsr(copy=True) for matrix in (old, new)]
    places = []
    for matrix in entries:
        matrix.sum_duplicates()
        rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
        places.append((rows << 32) + matrix.indices)
    _, ours, theirs = np.intersect1d(*places, assume_unique=True, return_indices=True)
    before, after = entries[0].data[ours], entries[1].data[theirs]
    at = np.flatnonzero(differing(before, after))
    sizes = Sizes()
    sizes.take(before[at], after[at])
    numbers = (places[1].size - ours.size, "added"), (places[0].size - ours.size, "removed")
    for number, word in (*numbers, (at.size, "changed")):
        if number:
            words.append(f"{count(int(number), 'stored element')} {word}")
            report.note(words[-1])
    lines = []
    for i in at[: walk.limit]:
        row, column = divmod(int(places[0][ours[i]]), 1 << 32)
        text = f"[{row}, {column}]: {short(before[i])} → {short(after[i])}"
        lines.append(Line("changed", text))
    if at.size > len(lines):
        lines.append(left_out(int(at.size) - len(lines)))
    return report.difference(", ".join(words), *sizes.line(), *lines)


def differing(old: Any, new: Any) -> Any:
    """Which elements of two one-dimensional arrays of one length differ, as an array of bool."""
    np = library("numpy")
    if old.dtype == new.dtype:
        kind, size = old.dtype.kind, old.dtype.itemsize
        if kind == "c":
            return differing(old.real, new.real) | differing(old.imag, new.imag)
        if kind == "f" and size in _BITS:
            different = old.view(_BITS[size]) != new.view(_BITS[size])
            return different & ~((old != old) & (new != new)) if different.any() else different
        if kind in "mM":
            return old.view("i8") != new.view("i8")
        if kind == "V":
            return np.array(
                [a.tobytes() != b.tobytes() for a, b in zip(old, new, strict=True)], bool
            )
    different = np.asarray(old != new)
    if different.shape != old.shape or different.dtype != bool:  # types that do not compare
        return np.ones(old.shape, bool)
    if old.dtype.kind in "fc" and new.dtype.kind in "fc":
        different = different & ~((old != old) & (new != new))
    return different


def _elements(walk: Walk, report: Report, old: Any, new: Any) -> tuple[list[str], tuple[Line, ...]]:
    """Compare arrays of one shape: words for the headline, and lines."""
    np = library("numpy")
    if old.dtype.names or new.dtype.names:
        _fields(report, old, new)
        return report.counts("field"), ()
    if "O" in (old.dtype.kind, new.dtype.kind):
        _objects(walk, report, old, new)
        return report.counts("element"), ()
    total, offset, sizes = 0, 0, Sizes()
    sample: list[int] = []
    with np.errstate(all="ignore"):
        for before, after in _blocks(np, old, new):
            at = np.flatnonzero(differing(before, after))
            if at.size:
                total += at.size
                sample += [offset + int(i) for i in at[: walk.limit - len(sample)]]
                sizes.take(before[at], after[at])
            offset += before.size
    if not total:
        return [], ()
    lines = []
    for flat in sample:
        index = np.unravel_index(flat, old.shape)
        where = ", ".join(str(int(i)) for i in index)
        lines.append(Line("changed", f"[{where}]: {short(old[index])} → {short(new[index])}"))
    if total > len(lines):
        lines.append(left_out(total - len(lines)))
    share = 100 * total / old.size
    text = f"{total:,} of {count(old.size, 'element')} changed ({share:.3g}%)"
    return [text], (*sizes.line(), *lines)


def _blocks(np: Any, old: Any, new: Any) -> Iterator[tuple[Any, Any]]:
    """Stretches of two arrays of one shape, in C order; each pair is only good until the next."""
    flags = ["external_loop", "buffered", "zerosize_ok"]
    yield from np.nditer([old, new], flags, [["readonly"]] * 2, order="C", buffersize=_BLOCK)


def _fields(report: Report, old: Any, new: Any) -> None:
    before, after = old.dtype.names or (), new.dtype.names or ()
    for name in before:
        if name in after:
            report.pair(f"[{name!r}]", old[name], new[name])
        else:
            report.remove(f"[{name!r}]", old[name])
    for name in after:
        if name not in before:
            report.add(f"[{name!r}]", new[name])


def _objects(walk: Walk, report: Report, old: Any, new: Any) -> None:
    for at, (before, after) in enumerate(zip(old.flat, new.flat, strict=True)):
        if before is after:
            continue
        if not walk.spend(PAIR // 10):
            report.note(f"compared the first {at:,} of {count(old.size, 'element')}")
            return
        where = library("numpy").unravel_index(at, old.shape)
        report.pair(f"[{', '.join(str(int(i)) for i in where)}]", before, after)


def _masked(walk: Walk, old: Any, new: Any) -> Difference | None:
    ma = library("numpy").ma
    report = Report(walk, "array")
    report.pair(".mask", ma.getmaskarray(old), ma.getmaskarray(new))
    report.pair(".data", old.filled(), new.filled())
    return report.difference(f"{type_name(type(new))} {dimensions(new.shape)}")
