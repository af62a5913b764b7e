"""What a checkout needs to know: what is in place already, and what will be known on arrival."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from pod.errors import PodError
from pod.history.moments import History
from pod.history.records import Commit, Variable
from pod.history.restore import Restored, SameDefinitions
from pod.history.snapshot import Group, group_of
from pod.history.state import State, needed_definitions
from pod.history.table import Table
from pod.podding.definitions import Tokens
from pod.podding.opaque import Unavailable


def is_in_place(
    namespace: dict[str, Any], state: State, variable: Variable, same: SameDefinitions
) -> bool:
    """Whether a variable is the same now as at the moment asked for."""
    group = state.groups.get(variable.name)
    if group is None or group.manifest != variable.manifest:
        return False
    for name in group.names:
        # The cause for which one was not restored may have been mended since, and what it
        # shares with the others is to be shared again.
        if name not in namespace or type(dict.get(namespace, name)) is Unavailable:
            return False
    return not group.uses or all(map(same, group.uses))


def complete(restored: Restored, wanted: Iterable[Variable], t: int) -> None:
    """Put a placeholder where a variable could not be restored."""
    for variable in wanted:
        why = restored.failures.get(variable.name)
        if why is not None:
            restored.values[variable.name] = Unavailable(variable.name, variable.type, why, t)


def state_at(
    history: History, commit: Commit, then: Table, restored: Restored, kept: set[str], now: State
) -> State:
    """What will be known of the namespace once it is as it was at this commit."""
    groups: dict[str, Group] = {}
    definition_groups: dict[str, Group] = {}
    by_manifest: dict[str, Group] = {}
    definitions = history.definitions(commit)
    for entry, found in (
        *((entry, groups) for entry in then.entries()),
        *((entry, definition_groups) for entry in definitions.entries()),
    ):
        group = by_manifest.get(entry.manifest)
        if group is None:
            group = by_manifest[entry.manifest] = _group_at(history, entry, now)
        found[entry.name] = group
    objects = now.objects.joined(kept - restored.values.keys(), restored.values)
    return State(then, definitions, groups, definition_groups, objects)


def _group_at(history: History, entry: Variable, now: State) -> Group:
    known = now.groups.get(entry.name)
    if known is not None and known.manifest == entry.manifest:
        return known
    try:
        return group_of(entry.manifest, history.manifest(entry.manifest))
    except PodError:  # damaged: its variables are unavailable
        nothing: frozenset[str] = frozenset()
        return Group(entry.manifest, frozenset({entry.name}), nothing, nothing, nothing)


def using_displaced(tokens: Tokens, state: State, restored: Restored) -> set[str]:
    """Variables with a class or function whose token what was restored takes over."""
    displaced = {
        token
        for token, definition in restored.definitions.items()
        if (live := tokens.live(token)) is not None and live is not definition
    }
    if not displaced:
        return set()
    groups = state.definition_groups
    return {
        name
        for name, group in state.groups.items()
        if not displaced.isdisjoint(needed_definitions(group.uses, groups))
    }


def separated(
    history: History, wanted: Iterable[Variable], chosen: set[str]
) -> dict[str, list[str]]:
    """Restored variable -> variables that shared objects with it then and were not asked for."""
    found = {}
    for variable in wanted:
        with contextlib.suppress(PodError):
            others = history.manifest(variable.manifest).names.keys() - chosen
            if others:
                found[variable.name] = sorted(others)
    return found
