"""How two strings, two byte strings, or two lists of lines differ."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

from pod.compare.describe import count, printable, short
from pod.compare.difference import Difference, Line, Role, left_out

CONTEXT = 3
"""Unchanged lines shown around changed ones."""
LINES = 1500
"""Lines, after what is equal at both ends, up to which they are aligned; that is quadratic."""
WIDTH = 160
"""Characters shown of one line."""
AROUND = 20
"""Characters shown before and after the first difference of a long string."""
_BLOCK = 4096


def texts(old: str, new: str, limit: int) -> Difference:
    """How two different strings differ: by lines if there are several, else by characters."""
    if "\n" in old or "\n" in new:
        before, after = old.split("\n"), new.split("\n")
        lines, added, removed = unified(before, after, 4 * limit)
        headline = [change(len(before), len(after), "line")]
        headline += [f"{n:,} {word}" for n, word in ((added, "added"), (removed, "removed")) if n]
        return Difference("text", ", ".join(headline), lines)
    if max(len(old), len(new)) <= 2 * AROUND:
        return Difference("text", f"{short(old)} → {short(new)}")
    return _excerpts(old, new, "character")


def binaries(old: bytes, new: bytes) -> Difference:
    """How two different byte strings differ: length and the first offset where they do."""
    if max(len(old), len(new)) <= AROUND:
        return Difference("bytes", f"{short(old)} → {short(new)}")
    return _excerpts(old, new, "byte")


def change(old: int, new: int, noun: str) -> str:
    """`3 → 4 items`, or `3 items` where both are the same."""
    return count(old, noun) if old == new else f"{old:,} → {count(new, noun)}"


def common_prefix(old: Sequence[object], new: Sequence[object]) -> int:
    """How many elements two sequences of one type have in common at their beginning."""
    end = min(len(old), len(new))
    at = 0
    while at < end and old[at : at + _BLOCK] == new[at : at + _BLOCK]:
        at += _BLOCK
    at = min(at, end)
    while at < end and old[at] == new[at]:
        at += 1
    return at


def common_suffix(old: Sequence[object], new: Sequence[object], prefix: int) -> int:
    """How many they have in common at their end, `prefix` elements at the beginning left out."""
    end = min(len(old), len(new)) - prefix
    at = 0
    while at + _BLOCK <= end:
        if _from_end(old, at) != _from_end(new, at):
            break
        at += _BLOCK
    while at < end and old[len(old) - 1 - at] == new[len(new) - 1 - at]:
        at += 1
    return at


def unified(old: list[str], new: list[str], most: int) -> tuple[tuple[Line, ...], int, int]:
    """A unified diff of at most `most` lines, and how many lines were added and removed in all."""
    start = common_prefix(old, new)
    end = common_suffix(old, new, start)
    start, end = max(0, start - CONTEXT), max(0, end - CONTEXT)
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(before), len(after)) > LINES:
        gone, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
        note = Line(
            "note", f"too long to show line by line; they differ from line {start + 1:,} on"
        )
        return (note,), come.total(), gone.total()
    lines: list[Line] = []
    added = removed = 0
    matcher = difflib.SequenceMatcher(None, before, after)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        spans = ((first[1], last[2]), (first[3], last[4]))
        ranges = [f"{start + low + 1},{high - low}" for low, high in spans]
        lines.append(Line("note", f"@@ -{ranges[0]} +{ranges[1]} @@"))
        for tag, i, j, k, m in group:
            if tag == "equal":
                lines += [Line("same", _shown(text)) for text in before[i:j]]
                continue
            lines += [Line("removed", _shown(text)) for text in before[i:j]]
            lines += [Line("added", _shown(text)) for text in after[k:m]]
            removed += j - i
            added += m - k
    if len(lines) > most:
        lines[most:] = [left_out(len(lines) - most, "lines")]
    return tuple(lines), added, removed


def _from_end(items: Sequence[object], at: int) -> Sequence[object]:
    return items[len(items) - at - _BLOCK : len(items) - at]


def _shown(text: str) -> str:
    """A line as it can be printed; tabs stay, for code."""
    text = text if len(text) <= WIDTH else text[:WIDTH] + "…"
    return "\t".join(printable(part) for part in text.split("\t"))


def _excerpts(old: str | bytes, new: str | bytes, noun: str) -> Difference:
    start = common_prefix(old, new)
    end = common_suffix(old, new, start)
    lines = []
    versions: tuple[tuple[Role, str | bytes], ...] = (("removed", old), ("added", new))
    for role, text in versions:
        low = max(0, start - AROUND)
        high = min(len(text) - end, start + 2 * AROUND) + AROUND
        cut = ("…" if low else "", "…" if high < len(text) else "")
        lines.append(Line(role, f"{cut[0]}{text[low:high]!r}{cut[1]}"))
    headline = f"{change(len(old), len(new), noun)}, first difference at {noun} {start:,}"
    return Difference("text" if noun == "character" else "bytes", headline, tuple(lines))
