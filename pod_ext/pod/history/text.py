"""Small words for people: sizes, durations, times, and text cut to fit.

Pure functions from values to strings. No layout and no records here: those are `history.log`'s.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from unicodedata import combining, east_asian_width

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def size(nbytes: int) -> str:
    """Bytes in decimal units: `812 B`, `1.2 MB`."""
    if abs(nbytes) < 1000:
        return f"{nbytes} B"
    scaled = float(nbytes)
    for unit in ("kB", "MB", "GB"):
        scaled /= 1000
        if abs(scaled) < 999.95:  # what would print as 1000.0 belongs to the next unit
            return f"{scaled:.1f} {unit}"
    return f"{scaled / 1000:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds as `12 ms`, `3.4 s`, `2 min 5 s` or `1 h 3 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0005 else "<1 ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min" + (f" {whole % _MINUTE} s" if whole % _MINUTE else "")
    minutes = round(seconds / _MINUTE)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def ago(created: str, now: datetime) -> str:
    """An ISO 8601 time seen from `now`: `just now`, `3 min ago`; a date when a month lies between.

    A time that lies ahead is another machine's clock: a little ahead is now, more is told in full.
    What is no time at all is given back as it is.
    """
    then = moment(created)
    if then is None:
        return one_line(created)
    seconds = (_aware(now) - then).total_seconds()
    if seconds < -_MINUTE:
        return f"{then:%Y-%m-%d %H:%M} UTC"
    if seconds < 5:
        return "just now"
    if seconds < _MINUTE:
        return f"{int(seconds)} s ago"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    days = int(seconds // _DAY)
    if days <= 30:
        return f"{days} day{_s(days)} ago"
    return f"{then:%Y-%m-%d}"


def moment(created: str) -> datetime | None:
    """An ISO 8601 time in UTC; None for what is no time, or one that UTC has no date for."""
    try:
        return _aware(datetime.fromisoformat(created)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _aware(moment: datetime) -> datetime:
    """Times of history are UTC; one that does not say so is taken to be."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def columns(text: str) -> int:
    """How many columns a terminal gives `text`: two for wide East Asian, none for combining."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def ellipsis(text: str, room: int) -> str:
    """`text`, or as much of its beginning as fits into `room` columns with a `…` after it."""
    if columns(text) <= room:
        return text
    kept, left = [], room - 1
    for char in text:
        left -= _columns_of(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…" if room > 0 else ""


def pad(text: str, room: int) -> str:
    """`text` with blanks up to `room` columns."""
    return text + " " * (room - columns(text))


def one_line(text: str) -> str:
    """`text` as one line that cannot disturb a terminal: what is not printable becomes a blank."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.strip()


def plain(text: str) -> str:
    """Lines that can neither command a terminal nor, having lone surrogates, be no message to a
    frontend: what is not printable becomes a blank."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def gist(code: str) -> tuple[str, int]:
    """The one line that tells most about a cell, and how many more it has, blank ones not counted.

    That is its first line, comments passed over if anything else follows; `("", 0)` for no code.
    """
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    if not lines:
        return "", 0
    telling = next((line for line in lines if not line.startswith("#")), lines[0])
    return one_line(telling), len(lines) - 1


def more_lines(count: int) -> str:
    """`(+4 lines)`, or nothing for none."""
    return f"(+{count} line{_s(count)})" if count else ""


def listing(names: Sequence[str], limit: int) -> str:
    """`a, b, c`, or `a, b, … 12 more` with at most `limit` of them (never `… 1 more`)."""
    if len(names) > limit + 1:
        names = [*names[:limit], f"… {len(names) - limit} more"]
    return ", ".join(one_line(name) for name in names)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def escape(text: str) -> str:
    """`text` for HTML, inside an element or a quoted attribute.

    A lone surrogate, legal in a Python string, would keep the message to the frontend from being
    encoded; it becomes a question mark.
    """
    return html.escape(text.encode("utf-8", "replace").decode(), quote=True)
