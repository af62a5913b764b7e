"""How two pandas DataFrames, Series, indexes or extension arrays differ.

Rows are matched by label where labels are unique, else by position; then columns are compared one
by one, so that the extra memory is that of a column. A missing value equals a missing value of its
kind.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from pod.compare.align import Keys
from pod.compare.data import Sizes, differing
from pod.compare.describe import count, dimensions, dtype_name, library, short, type_name
from pod.compare.difference import Difference, Line, Role, left_out
from pod.compare.text import change
from pod.compare.walk import ATOMS, Report, Walk, same_atom

COLUMNS = 5_000
"""Columns of one frame that are compared."""
RENAMED = 400
"""Pairs of a column gone and a column new that are tried for one content."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which row of the new version stands for which row of the old one."""

    old: Any
    """Positions in the old version, None for all of them in order."""
    new: Any
    """Positions in the new version, as many, None for all of them in order."""
    added: Any
    """Positions in the new version of rows that are new."""
    removed: Any
    """Positions in the old version of rows that are gone."""
    notes: tuple[str, ...] = ()

    def where(self, at: int) -> int:
        """The position, in the new version, of the matched row number `at`."""
        return at if self.new is None else int(self.new[at])


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two columns of matched rows."""

    dtypes: tuple[str, str] | None
    """Old and new dtype where they differ."""
    at: Any
    """Numbers of the matched rows whose values differ."""
    notes: tuple[str, ...]


def frames(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two DataFrames: shape, columns, dtypes, index, rows, and cells column by column."""
    report = Report(walk, "dataframe")
    rows = _match(old.index, new.index)
    pairs, gone, come = _columns(old, new)
    shared = len(pairs)
    renamed = _renamed(walk.scratch(), old, new, gone, come, rows)
    headline = [change_of_shape(old.shape, new.shape)]
    kept = [column for column in gone if column not in [pair[0] for pair in renamed]]
    fresh = [column for column in come if column not in [pair[1] for pair in renamed]]
    for columns, word in ((fresh, "added"), (kept, "removed"), (renamed, "renamed")):
        if columns:
            headline.append(f"{count(len(columns), 'column')} {word}")
    more = _named(walk, "removed", old, kept) + _named(walk, "added", new, fresh)
    for i, j in renamed[: walk.limit]:
        names = f"[{short(old.columns[i])}] → [{short(new.columns[j])}]"
        more.append(Line("changed", f"{names} (renamed, same content)"))
    if len(renamed) > walk.limit:
        more.append(left_out(len(renamed) - walk.limit, "renamed"))
    if [j for _, j in pairs] != sorted(j for _, j in pairs):
        report.note("columns in another order")
        headline.append("columns reordered")
    labels = str(old.columns.dtype), str(new.columns.dtype)
    if labels[0] != labels[1]:
        report.note(f"column labels: {labels[0]} → {labels[1]}")
    _tell_names(report, "columns", old.columns, new.columns)
    headline += _tell_index(walk, report, old.index, new.index, rows)
    cells = 0
    retyped = 0
    found: list[tuple[str, int, int, Changes]] = []
    for i, j in pairs[:COLUMNS]:
        changes = _changes(walk, old.iloc[:, i], new.iloc[:, j], rows)
        if changes is not None:
            cells += len(changes.at)
            retyped += changes.dtypes is not None
            if len(found) < walk.limit:
                found.append((f"[{short(new.columns[j])}]", i, j, changes))
            else:
                report.changed += 1
    if shared > COLUMNS:
        report.note(f"compared the first {COLUMNS:,} of {shared:,} columns")
        walk.stopped = True
    if cells:
        headline.append(f"{count(cells, 'cell')} changed")
    if retyped:
        headline.append(f"{count(retyped, 'dtype')} changed")
    each = max(1, walk.limit // max(1, len(found)))
    for step, i, j, changes in found:
        column = _told(old.iloc[:, i], new.iloc[:, j], new.index, rows, changes, each)
        report.keep(step, column)
    report.pair(".attrs", old.attrs, new.attrs)
    return report.difference(", ".join(headline), *more)


def series(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two Series, or two indexes: length, dtype, name, index, values."""
    pandas = library("pandas")
    report = Report(walk, "series")
    names = old.name, new.name
    if isinstance(old, pandas.Index):
        rows = _match(None, None, lengths=(len(old), len(new)))
        return _indexes(walk, report, old, new, rows)
    rows = _match(old.index, new.index)
    headline = [_sized(old, new)]
    report.pair(".name", *names)
    headline += _tell_index(walk, report, old.index, new.index, rows)
    changes = _changes(walk, old, new, rows)
    more: tuple[Line, ...] = ()
    if changes is not None:
        told = _told(old, new, new.index, rows, changes, walk.limit)
        headline.append(told.headline)
        more = told.lines
    report.pair(".attrs", old.attrs, new.attrs)
    return report.difference(", ".join(headline), *more)


def extension_arrays(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two of pandas' arrays, such as a Categorical, by position."""
    pandas = library("pandas")
    return series(walk, *(pandas.Series(value, copy=False) for value in (old, new)))


def change_of_shape(old: tuple[int, ...], new: tuple[int, ...]) -> str:
    """Both shapes, with an arrow between them, or the one shape if they are the same."""
    return dimensions(new) if old == new else f"{dimensions(old)} → {dimensions(new)}"


def _sized(old: Any, new: Any) -> str:
    kind = dtype_name(new.dtype)
    return f"{kind} {change(len(old), len(new), 'value')}"


def _indexes(walk: Walk, report: Report, old: Any, new: Any, rows: Rows) -> Difference | None:
    pandas = library("pandas")
    levels = [
        [index.get_level_values(i) for i in range(index.nlevels)]
        if isinstance(index, pandas.MultiIndex)
        else [index]
        for index in (old, new)
    ]
    headline = [_sized(old, new)]
    _tell_names(report, "index", old, new)
    if len(levels[0]) != len(levels[1]):
        report.note(f"levels: {len(levels[0])} → {len(levels[1])}")
    if len(rows.added) or len(rows.removed):
        report.note(f"length: {len(old):,} → {len(new):,}; compared by position")
    more: list[Line] = []
    for number, (before, after) in enumerate(zip(*levels, strict=False)):
        values = [pandas.Series(index.array, copy=False) for index in (before, after)]
        changes = _changes(walk, values[0], values[1], rows)
        if changes is None:
            continue
        told = _told(values[0], values[1], None, rows, changes, walk.limit)
        if len(levels[0]) > 1 or len(levels[1]) > 1:
            report.keep(f" level {number}", told)
        else:
            headline.append(told.headline)
            more += told.lines
    return report.difference(", ".join(headline), *more)


def _match(old: Any, new: Any, lengths: tuple[int, int] | None = None) -> Rows:
    """Match rows by label if every label of both versions is unique, else by position."""
    np = library("numpy")
    none = np.empty(0, np.intp)
    sizes = lengths or (len(old), len(new))
    if lengths is None:
        if sizes[0] == sizes[1] and old.equals(new):
            return Rows(None, None, none, none)
        old, new = _detached(old), _detached(new)
        if old.is_unique and new.is_unique and old.nlevels == new.nlevels:
            at = new.get_indexer(old)
            ours = np.flatnonzero(at >= 0)
            theirs = at[ours]
            if ours.size:
                fresh = np.ones(sizes[1], bool)
                fresh[theirs] = False
                moved = theirs.size > 1 and bool((np.diff(theirs) < 0).any())
                notes = ("rows in another order",) if moved else ()
                added, removed = np.flatnonzero(fresh), np.flatnonzero(at < 0)
                return Rows(ours, theirs, added, removed, notes)
    most = min(sizes)
    common = np.arange(most)
    note = () if lengths else ("index labels changed; rows compared by position",)
    added, removed = np.arange(most, sizes[1]), np.arange(most, sizes[0])
    if sizes[0] == sizes[1]:
        return Rows(None, None, added, removed, note)
    return Rows(common, common, added, removed, note)


def _detached(index: Any) -> Any:
    """The same labels in an index of its own, so that lookups leave no cache on the user's."""
    pandas = library("pandas")
    if isinstance(index, pandas.MultiIndex):
        return pandas.MultiIndex(index.levels, index.codes, verify_integrity=False)
    return index if isinstance(index, pandas.RangeIndex) else pandas.Index(index.array, copy=False)


def _columns(old: Any, new: Any) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Positions of columns of one label, of those gone and of those new.

    Where a label occurs several times, the first is matched with the first, and so on.
    """
    theirs = {key: j for j, key in enumerate(_occurrences(new.columns))}
    pairs, gone = [], []
    for i, key in enumerate(_occurrences(old.columns)):
        if key in theirs:
            pairs.append((i, theirs.pop(key)))
        else:
            gone.append(i)
    return pairs, gone, sorted(theirs.values())


def _occurrences(labels: Any) -> Iterator[tuple[Hashable, int]]:
    seen: dict[Hashable, int] = {}
    for label in labels:
        label = "nan" if type(label) is float and label != label else (type(label), label)
        seen[label] = seen.get(label, 0) + 1
        yield label, seen[label]


def _renamed(
    walk: Walk, old: Any, new: Any, gone: list[int], come: list[int], rows: Rows
) -> list[tuple[int, int]]:
    """Columns that look like one column under another label: same dtype, same content."""
    if not len(old) or len(rows.added) or len(rows.removed) or len(gone) * len(come) > RENAMED:
        return []
    pairs: list[tuple[int, int]] = []
    for i in gone:
        free = [j for j in come if j not in [pair[1] for pair in pairs]]
        for j in sorted(free, key=lambda j: abs(j - i)):
            before, after = old.iloc[:, i], new.iloc[:, j]
            if before.dtype == after.dtype and _changes(walk, before, after, rows) is None:
                pairs.append((i, j))
                break
    return pairs


def _named(walk: Walk, role: Role, frame: Any, columns: list[int]) -> list[Line]:
    """A line for each of those columns: its label and its dtype."""
    lines = [
        Line(role, f"[{short(frame.columns[i])}]: {dtype_name(frame.dtypes.iloc[i])}")
        for i in columns[: walk.limit]
    ]
    rest = len(columns) - len(lines)
    return [*lines, left_out(rest, role)] if rest else lines


def _tell_index(walk: Walk, report: Report, old: Any, new: Any, rows: Rows) -> list[str]:
    """Put what changed of an index into the report; the words for the headline."""
    words = []
    kinds = [f"{type_name(type(index))} {index.dtype}" for index in (old, new)]
    if kinds[0] != kinds[1]:
        report.note(f"index: {kinds[0]} → {kinds[1]}")
        if not (rows.notes or len(rows.added) or len(rows.removed)):
            words.append("index changed")
    _tell_names(report, "index", old, new)
    for positions, index, word in ((rows.added, new, "added"), (rows.removed, old, "removed")):
        if len(positions):
            words.append(f"{count(len(positions), 'row')} {word}")
            labels = [short(index[int(i)]) for i in positions[: walk.limit]]
            rest = ", ..." if len(positions) > len(labels) else ""
            report.note(f"{count(len(positions), 'row')} {word}: {', '.join(labels)}{rest}")
    for note in rows.notes:
        report.note(note)
        words.append("rows reordered" if "order" in note else "index changed")
    return list(dict.fromkeys(words))


def _tell_names(report: Report, what: str, old: Any, new: Any) -> None:
    names = [list(index.names) for index in (old, new)]
    report.pair(f".{what}.names" if len(names[1]) > 1 else f".{what}.name", *map(_one, names))


def _one(names: list[Any]) -> Any:
    return names[0] if len(names) == 1 else names


def _changes(walk: Walk, old: Any, new: Any, rows: Rows) -> Changes | None:
    """Compare two columns over the matched rows; None if nothing differs."""
    np = library("numpy")
    before, after = _taken(old, rows.old), _taken(new, rows.new)
    dtypes = None
    notes: list[str] = []
    if old.dtype != new.dtype:
        names = dtype_name(old.dtype), dtype_name(new.dtype)
        if names[0] == names[1] == "category":
            notes = _categories(old.cat, new.cat)
        elif names[0] == names[1]:
            names = repr(old.dtype)[:80], repr(new.dtype)[:80]
        if not notes:
            dtypes = names
    elif dtype_name(old.dtype) == "category":
        notes = _categories(old.cat, new.cat)
    with np.errstate(all="ignore"):
        at = np.flatnonzero(_mask(walk, before, after))
    if dtypes is None and not notes and not at.size:
        return None
    return Changes(dtypes, at, tuple(notes))


def _told(old: Any, new: Any, labels: Any, rows: Rows, changes: Changes, most: int) -> Difference:
    """A column's changes as a record with a sample of at most `most` cells."""
    total = len(changes.at)
    words, lines = [], []
    if changes.dtypes is not None:
        words.append(f"{changes.dtypes[0]} → {changes.dtypes[1]}")
        lines.append(Line("note", f"dtype: {words[0]}"))
    if total:
        words.append(f"{count(total, 'cell')} changed")
    words += changes.notes
    lines += [Line("note", note) for note in changes.notes]
    sizes = Sizes()
    if total and all(getattr(each.dtype, "kind", "O") in "iuf" for each in (old, new)):
        before, after = (
            _taken(each, at)
            for each, at in (
                (old, changes.at if rows.old is None else rows.old[changes.at]),
                (new, changes.at if rows.new is None else rows.new[changes.at]),
            )
        )
        if all(type(each).__name__ == "ndarray" for each in (before, after)):
            sizes.take(before, after)
    lines += sizes.line()
    for at in changes.at[:most]:
        ours = int(at) if rows.old is None else int(rows.old[at])
        theirs = rows.where(int(at))
        label = short(labels[theirs]) if labels is not None else str(theirs)
        text = f"[{label}]: {short(old.iloc[ours])} → {short(new.iloc[theirs])}"
        lines.append(Line("changed", text))
    if total > most:
        lines.append(left_out(total - most))
    return Difference("column", ", ".join(words), tuple(lines))


def _taken(values: Any, positions: Any) -> Any:
    """A column's values at those positions: a NumPy array if that is how they are held."""
    held = values.array
    if type(held).__name__ == "NumpyExtensionArray":
        held = values.to_numpy()
    return held if positions is None else held.take(positions)


def _mask(walk: Walk, old: Any, new: Any) -> Any:
    """Which values of two columns of one length differ, as an array of bool."""
    np, pandas = library("numpy"), library("pandas")
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        if old.dtype.kind != "O" and new.dtype.kind != "O":
            return differing(old, new)
    elif isinstance(old, pandas.Categorical) and isinstance(new, pandas.Categorical):
        places = new.categories.get_indexer(old.categories)
        ours = np.append(np.where(places < 0, -2, places), -1)[old.codes]
        return ours != new.codes
    elif old.dtype == new.dtype:
        different = old != new
        if not isinstance(different, np.ndarray):
            different = different.to_numpy(dtype=bool, na_value=True)
        missing = np.asarray(pandas.isna(old)), np.asarray(pandas.isna(new))
        return (different & ~(missing[0] & missing[1])) | (missing[0] != missing[1])
    different = _objects(walk, old, new, loosely=old.dtype != new.dtype)
    if old.dtype != new.dtype:
        different &= ~(np.asarray(pandas.isna(old)) & np.asarray(pandas.isna(new)))
    return different


def _objects(walk: Walk, old: Any, new: Any, *, loosely: bool) -> Any:
    """Compare value by value; `loosely` has equal numbers of different types count as equal."""
    np = library("numpy")
    keys = Keys(walk)
    before, after = (np.asarray(each, dtype=object).tolist() for each in (old, new))
    different = np.zeros(len(before), bool)
    for at, (ours, theirs) in enumerate(zip(before, after, strict=True)):
        if ours is theirs:
            continue
        kinds = type(ours), type(theirs)
        if kinds[0] in ATOMS and kinds[1] in ATOMS:
            if kinds[0] is kinds[1]:
                different[at] = not ((ours and ours == theirs) or same_atom(ours, theirs))
            else:
                different[at] = not loosely or ours != theirs
            continue
        key = keys.of(ours)
        if key is None or key != keys.of(theirs):
            different[at] = walk.pair("[cell]", ours, theirs) is not None
    return different


def _categories(old: Any, new: Any) -> list[str]:
    notes = []
    if old.ordered != new.ordered:
        notes.append("now ordered" if new.ordered else "no longer ordered")
    before, after = list(old.categories), list(new.categories)
    for one, other, word in ((after, before, "added"), (before, after, "removed")):
        known = set(other)
        names = [short(each) for each in one if each not in known]
        if names:
            more = ", ..." if len(names) > 5 else ""
            noun = "category" if len(names) == 1 else "categories"
            notes.append(f"{noun} {word}: {', '.join(names[:5])}{more}")
    if not notes and [short(each) for each in before] != [short(each) for each in after]:
        notes.append("categories in another order")
    return notes
