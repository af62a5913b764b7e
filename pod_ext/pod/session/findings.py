"""What a look at a namespace found, and what is known once that took the place of what was.

Findings are plain data: the look may have been another process's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pod.compare.describe import describe
from pod.history.manifest import Manifest, store_component
from pod.history.records import Variable
from pod.history.snapshot import Group, definition_entries, group_of, variable_entries
from pod.history.state import State, needed_definitions, reference_to
from pod.podding.definitions import Tokens
from pod.podding.pods import Bytes
from pod.podding.policies import Place, Policy
from pod.session.survey import Active, Seen


@dataclass(frozen=True, slots=True)
class Findings:
    """The components that took the place of what was active, stored or about to be."""

    looked_at: frozenset[str]
    """Variables that were examined."""
    groups: tuple[Group, ...]
    variables: tuple[Variable, ...]
    """Their table entries."""
    definitions: tuple[Variable, ...]
    """Those of the definitions that are in these components."""
    failures: Mapping[str, str]
    """Variable -> why it could not be saved as a whole."""
    observed: tuple[tuple[Place, int], ...]
    """What was at each place, as the policy wants to know."""
    decided: Mapping[Place, bool]
    """What the policy has come to decide."""
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    """By digest, where they are at hand."""


def find(seen: Seen, tokens: Tokens, policy: Policy, put: Callable[[Bytes], str]) -> Findings:
    """Store the components that a look found by `put`, and say what they are."""
    manifests: dict[str, Manifest] = {}
    observed: list[tuple[Place, int]] = []
    for component in seen.components:
        manifest = store_component(component, put)
        manifests[put(manifest.to_bytes())] = manifest
        observed += (
            (pod.place, hash((stored.payload, stored.buffers)))
            for pod, stored in zip(component.pods, manifest.pods, strict=True)
        )
    roots = seen.active.roots
    definitions = definition_entries(manifests, lambda token: describe(tokens.live(token)))
    return Findings(
        looked_at=frozenset(roots),
        groups=tuple(group_of(digest, manifest) for digest, manifest in manifests.items()),
        variables=tuple(
            variable_entries(manifests, lambda name: describe(roots[name]), definitions)
        ),
        definitions=tuple(definitions),
        failures=seen.failures,
        observed=tuple(observed),
        decided=policy.take_decisions(),
        manifests=manifests,
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What is known of the variables at a look without having looked: which are other ones."""

    rebound: Mapping[str, Callable[[], object]]
    """Variables that are new or have another object -> gives that object, while it lives."""
    gone: frozenset[str]
    seeds: frozenset[str]
    skipped: frozenset[str]

    @classmethod
    def of(cls, active: Active, values: Mapping[str, Any]) -> Changes:
        return cls(
            {name: reference_to(values[name]) for name in active.rebound},
            frozenset(active.gone),
            frozenset(active.seeds),
            frozenset(active.skipped),
        )


def presumed(before: State, active: Active, changes: Changes) -> State:
    """What is known while a look at these is under way: whatever of it is touched, all of it may
    have changed. Its tables are not to be used."""
    groups, objects = dict(before.groups), dict(before.objects)
    for name in changes.gone:
        groups.pop(name, None)
        objects.pop(name, None)
    objects.update(changes.rebound)
    names = frozenset(active.roots)
    known = {groups[name] for name in names & groups.keys()}
    tokens = frozenset(active.definitions).union(*(group.uses for group in known))
    one = Group("", names, tokens, tokens, frozenset())
    groups.update(dict.fromkeys(names, one))
    definition_groups = dict(before.definition_groups)
    definition_groups.update(dict.fromkeys(tokens, one))
    return replace(before, groups=groups, definition_groups=definition_groups, objects=objects)


def regrouped(before: State, changes: Changes, findings: Findings) -> State:
    """What hangs together after what was found took the place of what was active. Its tables are
    those of before."""
    groups, objects = dict(before.groups), dict(before.objects)
    for name in changes.gone:
        groups.pop(name, None)
        objects.pop(name, None)
    objects.update(changes.rebound)
    definition_groups = dict(before.definition_groups)
    for group in findings.groups:
        groups.update(dict.fromkeys(group.names, group))
        definition_groups.update(dict.fromkeys(group.tokens, group))
    used = {token for group in set(groups.values()) for token in group.uses}
    needed = needed_definitions(used, definition_groups)
    definition_groups = {t: group for t, group in definition_groups.items() if t in needed}
    return replace(before, groups=groups, definition_groups=definition_groups, objects=objects)


def advance(
    before: State,
    changes: Changes,
    findings: Findings,
    put: Callable[[Bytes], str],
) -> State:
    """The state after what was found took the place of what was active."""
    after = regrouped(before, changes, findings)
    needed = after.definition_groups.keys()
    definitions = before.definitions.updated(
        [
            entry
            for entry in findings.definitions
            if entry.name in needed and before.definitions.get(entry.name) != entry
        ],
        before.definitions.keys() - needed,
        put,
    )
    variables = before.variables.updated(
        [entry for entry in findings.variables if before.variables.get(entry.name) != entry],
        changes.gone,
        put,
    )
    return replace(after, variables=variables, definitions=definitions, random=())
