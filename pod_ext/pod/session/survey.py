"""Looking at a namespace: which variables can have changed, what they are made of now, and what is
known once that took the place of what was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pod.compare.describe import describe
from pod.history.manifest import Manifest
from pod.history.snapshot import definition_entries, group_of, variable_entries
from pod.history.state import FirstSeen, State, is_held, needed_definitions, reference_to
from pod.podding.atoms import unchanging
from pod.podding.definitions import Tokens
from pod.podding.examination import Examination
from pod.podding.memory import Holders
from pod.podding.opaque import Unavailable
from pod.podding.pods import Bytes, Component
from pod.podding.policies import Policy
from pod.tracking import Touched
from pod.tracking.aliases import Aliases

Versioned = Callable[[str, object], bool]
"""Whether a name, with this object, is a variable to be saved."""


@dataclass(frozen=True, slots=True)
class Active:
    """What a save looks at."""

    roots: dict[str, Any]
    definitions: dict[str, Any]
    """By token."""
    rebound: set[str]
    """Variables that are new, or have another object than at the last save."""
    gone: set[str]
    """Variables that are no longer in the namespace."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found."""

    active: Active
    failures: dict[str, str]
    """Variable -> why it could not be saved as a whole."""
    components: list[Component]


class Survey:
    """Looks at one namespace, again and again."""

    def __init__(
        self, namespace: dict[str, Any], tokens: Tokens, policy: Policy, versioned: Versioned
    ) -> None:
        self.aliases = Aliases(namespace)
        self.tokens = tokens
        self._namespace = namespace
        self._policy = policy
        self._versioned = versioned
        self._since = FirstSeen()
        self._whole = Holders()

    def values(self) -> dict[str, Any]:
        """The variables that are in the namespace now."""
        versioned = self._versioned
        return {
            name: value
            for name, value in dict.items(self._namespace)
            if type(name) is str and versioned(name, value)
        }

    def reached(self, state: State, values: Mapping[str, Any], touched: Touched) -> Touched:
        """What may have been changed by ways that do not go by its name."""
        try:
            names = self.aliases.reached(touched, values)
            if self.aliases.figures_in_use(touched, values):
                names |= with_figures(state)
        except Exception:  # threads, modules and libraries may be in any state
            return Touched(everything=True)
        return Touched(names)

    def look(self, state: State, values: Mapping[str, Any], touched: Touched, t: int) -> Seen:
        """What is active now, as components; and why some of it could not be saved."""
        while True:
            active = self._active(state, values, touched)
            examination = Examination(
                self._namespace, self.tokens, self._policy, t, self._since.at(t), self._whole
            )
            try:
                examination.examine(active.roots, active.definitions, active.rebound)
                met = {
                    name
                    for name, value in values.items()
                    if examination.has_met(value)
                    and name not in active.roots
                    and not unchanging(value)
                    and not is_unavailable(state, name, value)
                }
                if not met and not examination.has_parted():
                    return Seen(active, examination.failures, examination.components())
            finally:
                examination.close()
            # An active variable got hold of another one's object in a way that no tracker saw.
            touched |= Touched(frozenset(met))

    def _active(self, state: State, values: Mapping[str, Any], touched: Touched) -> Active:
        """Variables and definitions that can have changed: those touched, and all that hang
        together with one of them."""
        objects = state.objects
        rebound = {n for n, value in values.items() if not is_held(objects.get(n), value)}
        gone = state.groups.keys() - values.keys()
        asked = values.keys() if touched.everything else touched.names & values.keys()
        looked_at = {
            name
            for name in asked
            # Through a placeholder nothing can have been changed.
            if not unchanging(values[name]) and not is_unavailable(state, name, values[name])
        }
        names, tokens = _hanging_together(state, {*rebound, *gone, *looked_at})
        live = {token: self.tokens.live(token) for token in tokens}
        return Active(
            roots={
                name: values[name]
                for name in names
                if name in values and not is_unavailable(state, name, values[name])
            },
            definitions={token: found for token, found in live.items() if found is not None},
            rebound=rebound,
            gone=gone,
        )

    def advance(
        self,
        before: State,
        values: Mapping[str, Any],
        active: Active,
        manifests: Mapping[str, Manifest],
        put: Callable[[Bytes], str],
    ) -> State:
        """The state after these components took the place of what was active."""
        groups, objects = dict(before.groups), dict(before.objects)
        for name in active.gone:
            del groups[name]
            del objects[name]
        objects.update({name: reference_to(values[name]) for name in active.rebound})
        definition_groups = dict(before.definition_groups)
        for digest, manifest in manifests.items():
            group = group_of(digest, manifest)
            groups.update(dict.fromkeys(group.names, group))
            definition_groups.update(dict.fromkeys(group.tokens, group))
        used = {token for group in set(groups.values()) for token in group.uses}
        needed = needed_definitions(used, definition_groups)
        definition_groups = {t: group for t, group in definition_groups.items() if t in needed}

        definitions = definition_entries(manifests, lambda token: describe(self.tokens.live(token)))
        definition_table = before.definitions.updated(
            [e for e in definitions if e.name in needed and before.definitions.get(e.name) != e],
            before.definitions.keys() - needed,
            put,
        )
        variables = variable_entries(manifests, lambda name: describe(values[name]), definitions)
        table = before.variables.updated(
            [entry for entry in variables if before.variables.get(entry.name) != entry],
            active.gone,
            put,
        )
        return State(table, definition_table, groups, definition_groups, objects)


def is_unavailable(state: State, name: str, value: object) -> bool:
    """Whether it could not be restored, so that its saved pods are to be kept as they are."""
    return type(value) is Unavailable and is_held(state.objects.get(name), value)


def with_figures(state: State) -> frozenset[str]:
    """Variables that hold something of matplotlib's."""
    entries = state.variables.values()
    return frozenset(each.name for each in entries if "matplotlib" in dict(each.versions))


def _hanging_together(state: State, names: Iterable[str]) -> tuple[set[str], set[str]]:
    """These variables, and the variables and tokens of all that share objects with one of them or
    that one of them uses."""
    todo: list[tuple[bool, str]] = [(False, name) for name in names]
    seen = set(todo)
    while todo:
        is_token, key = todo.pop()
        group = (state.definition_groups if is_token else state.groups).get(key)
        if group is None:
            continue
        reached = {(False, name) for name in group.names}
        reached |= {(True, token) for token in group.uses}
        todo.extend(reached - seen)
        seen |= reached
    tokens = {key for is_token, key in seen if is_token}
    return {key for is_token, key in seen if not is_token}, tokens
