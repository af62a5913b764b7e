"""What a magic has to say, as text and as HTML: a headline, and lines under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pod.history.text import escape, listing, plain, size
from pod.history.verify import Verification
from pod.session import CheckedOut, Missed

SHOWN_NAMES = 12


@dataclass(frozen=True, slots=True)
class Report:
    """A headline and what belongs to it."""

    headline: str
    lines: tuple[tuple[str, str], ...] = ()
    """Label and text."""

    def __str__(self) -> str:
        width = max((len(label) for label, _ in self.lines), default=0)
        lines = [self.headline, *(f"  {label:<{width}}  {text}" for label, text in self.lines)]
        return plain("\n".join(lines))

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr style='background:transparent'>"
            "<td style='text-align:left;vertical-align:top;padding:1px 12px 1px 0;"
            f"color:var(--jp-ui-font-color2, #777)'>{escape(label)}</td>"
            "<td style='text-align:left;vertical-align:top;padding:1px 0;white-space:pre-wrap'>"
            f"{escape(text)}</td></tr>"
            for label, text in self.lines
        )
        table = f"<table style='margin:2px 0 0 0'>{rows}</table>" if rows else ""
        return f"<div style='font-size:13px'><b>{escape(self.headline)}</b>{table}</div>"


def distinct(lines: Iterable[str]) -> list[str]:
    """Each line once, with how often where that is more."""
    counts = Counter(lines)
    return [line if count == 1 else f"{count} times {line}" for line, count in counts.items()]


def checkout_report(done: CheckedOut, head: int | None) -> Report:
    """What a checkout restored, left in place and could not restore, and why."""
    lines = []
    if done.saved is not None:
        lines.append(("saved first", f"what was not saved yet is time {done.saved}"))
    imports = sorted(done.imports)
    for label, names in (
        ("restored", [name for name in done.restored if name not in done.imports]),
        ("rebuilt", done.rebuilt),
        ("left in place", [name for name in done.kept if name not in done.imports]),
        ("removed", done.removed),
        ("imports", imports),
    ):
        if names:
            lines.append((label, listing(names, SHOWN_NAMES)))
    lines += [("not restored", f"{name}: {why}") for name, why in sorted(done.failures.items())]
    lines += [
        ("placeholder in", f"{name}: {listing(distinct(what), 3)}")
        for name, what in sorted(done.opaque.items())
        if name not in done.failures
    ]
    lines += [
        ("other version", f"{what}: {listing(names, 6)}") for what, names in done.versions.items()
    ]
    lines += [
        ("separated", f"{name} shared objects with {listing(others, 4)} then, and no longer does")
        for name, others in sorted(done.separated.items())
    ]
    drawn, stuck = done.generators.setters, done.generators.failures
    if drawn:
        lines.append(("random generators", f"as they were: {', '.join(sorted(drawn))}"))
    lines += [("not set", f"{name}: {why}") for name, why in sorted(stuck.items())]
    if done.partial:
        asked = listing(sorted([*done.restored, *done.rebuilt, *done.kept]), 4)
        return Report(
            f"{asked or 'nothing'} as of time {done.t}; HEAD stays at {head}", tuple(lines)
        )
    if not lines:
        lines.append(("", "no variables at that time"))
    return Report(f"the namespace is as it was at time {done.t}", tuple(lines))


def verification_report(found: Verification) -> Report:
    """What re-hashing everything found."""
    lines = [
        ("looked at", f"{found.commits} times, {found.blobs} blobs in {found.packs} packs"),
        ("read", size(found.bytes_read)),
    ]
    if found.ok:
        return Report("everything is whole, on disk as it was written", tuple(lines))
    lines = [("damaged", str(damage)) for damage in found.damage] + lines
    return Report(f"{len(found.damage)} damaged; all else is whole", tuple(lines))


def missed_report(found: Missed) -> Report:
    """What had changed without being seen."""
    lines = [
        (
            name,
            "is new" if t is None else f"changed since time {t} was saved, without being touched",
        )
        for name, t in found.unseen.items()
    ]
    if found.saved_first is not None:
        lines.append(("saved first", f"what was touched since is time {found.saved_first}"))
    if found.opaque:
        why = "hold objects that nobody can look into"
        lines.append(("not known", f"{listing(found.opaque, SHOWN_NAMES)}: {why}"))
    looked = f"{found.looked_at} variable{'s'[: found.looked_at != 1]} looked at"
    if not found.unseen:
        return Report(f"nothing had changed unseen: {looked}", tuple(lines))
    saved = "and cannot be saved" if found.t is None else f"and saved now, as time {found.t}"
    return Report(f"{len(found.unseen)} changed unseen, {saved}: {looked}", tuple(lines))
