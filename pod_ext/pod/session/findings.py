"""What a look at a namespace found, and what is known once that took the place of what was.

Findings are plain data: the look may have been another process's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from pod.compare.describe import describe
from pod.history.manifest import Manifest, store_component
from pod.history.records import Variable
from pod.history.snapshot import Group, definition_entries, group_of, variable_entries
from pod.history.state import Objects, State, Values, count_users, needed_definitions
from pod.podding.definitions import Tokens
from pod.podding.pods import Bytes, definitions_in
from pod.podding.policies import Place, Policy
from pod.quiet import quiet
from pod.session.survey import Active, Seen, hanging_together


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


@quiet()
def find(seen: Seen, tokens: Tokens, policy: Policy, put: Callable[[Bytes], str]) -> Findings:
    """Store the components that a look found by `put`, and say what they are."""
    manifests: dict[str, Manifest] = {}
    groups: list[Group] = []
    observed: list[tuple[Place, int]] = []
    for component in seen.components:
        manifest = store_component(component, put)
        digest = put(manifest.to_bytes())
        manifests[digest] = manifest
        groups.append(group_of(digest, manifest, (pod.place for pod in component.pods)))
        observed += (
            (pod.place, hash((stored.payload, stored.buffers)))
            for pod, stored in zip(component.pods, manifest.pods, strict=True)
        )
    roots = seen.active.roots
    definitions = definition_entries(manifests, lambda token: describe(tokens.live(token)))
    return Findings(
        looked_at=seen.active.names,
        groups=tuple(groups),
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

    objects: Objects
    """Which object each has."""
    rebound: frozenset[str]
    """Variables that are new or have another object."""
    gone: frozenset[str]
    seeds: frozenset[str]
    skipped: frozenset[str]

    @classmethod
    def of(cls, before: State, active: Active, values: Values) -> Changes:
        return cls(
            before.objects.updated(values, active.rebound, active.gone),
            frozenset(active.rebound),
            frozenset(active.gone),
            frozenset(active.seeds),
            frozenset(active.skipped),
        )


def presumed(before: State, changes: Changes) -> State:
    """What is known while a look is under way: whatever of it is touched, all of it may have
    changed. Its tables are not to be used."""
    reached, tokens = hanging_together(before, changes.seeds)
    # One after the other may be begun while it is not known what hangs together of very much.
    known = set(map(before.groups.get, changes.seeds))
    if len(known) == 1 and before.objects is changes.objects:
        (one,) = known
        if one is not None and one.presumed and one.names >= reached and one.tokens >= tokens:
            return before
    names = frozenset((reached & before.groups.keys()) | (reached & changes.rebound)).difference(
        changes.gone, changes.skipped
    )
    groups = before.groups.copy()
    for name in changes.gone:
        groups.pop(name, None)
    together = frozenset(tokens)
    # A single variable hangs together with itself, whatever becomes of it.
    unsure = len(names) > 1 or bool(together)
    one = Group("", names, together, together, frozenset(), presumed=unsure)
    groups.update(dict.fromkeys(names, one))
    by_token = before.definition_groups | dict.fromkeys(together, one)
    return replace(
        before, groups=groups, definition_groups=by_token, objects=changes.objects, users=None
    )


@dataclass(frozen=True, slots=True)
class Shapes:
    """What hangs together of what was looked at, as is known before it is stored."""

    alone: tuple[str, ...]
    """Variables each of which is a component by itself and uses no definition."""
    groups: tuple[Group, ...]
    """The other components."""

    @classmethod
    def of(cls, groups: Iterable[Group]) -> Shapes:
        alone: list[str] = []
        others: list[Group] = []
        for group in groups:
            if len(group.names) == 1 and not group.uses:
                alone += group.names
            else:
                others.append(group)
        return cls(tuple(alone), tuple(others))


def shapes_in(findings: Findings) -> Shapes:
    """The same, of what was found."""
    return Shapes.of(
        Group("", group.names, group.tokens, group.uses, frozenset()) for group in findings.groups
    )


def shapes_of(seen: Seen) -> Shapes:
    """What hangs together, of what was looked at."""
    return Shapes.of(
        Group(
            "",
            frozenset(component.names),
            frozenset(component.definitions),
            frozenset(
                definitions_in(chain(component.names.values(), *(p.slots for p in component.pods)))
                | component.definitions.keys()
            ),
            frozenset(),
        )
        for component in seen.components
    )


_ALONE = Group("", frozenset(), frozenset(), frozenset(), frozenset())
"""One for all variables that hang together with nothing."""


def reshaped(before: State, changes: Changes, shapes: Shapes) -> State:
    """The same, once it is known what hangs together of what is being looked at."""
    groups, by_token = before.groups.copy(), before.definition_groups.copy()
    for name in changes.gone:
        groups.pop(name, None)
    groups.update(dict.fromkeys(shapes.alone, _ALONE))
    for group in shapes.groups:
        groups.update(dict.fromkeys(group.names, group))
        by_token.update(dict.fromkeys(group.tokens, group))
    return replace(
        before, groups=groups, definition_groups=by_token, objects=changes.objects, users=None
    )


def regrouped(before: State, changes: Changes, findings: Findings) -> State:
    """What hangs together after what was found took the place of what was active. Its tables are
    those of before."""
    groups, users = _groups_after(before, changes.gone, findings.groups)
    by_token = before.definition_groups.copy()
    for group in findings.groups:
        by_token.update(dict.fromkeys(group.tokens, group))
    if not _uses_the_same(before, users, findings.groups):
        needed = needed_definitions(users, by_token)
        by_token = {token: group for token, group in by_token.items() if token in needed}
    return replace(
        before, groups=groups, definition_groups=by_token, objects=changes.objects, users=users
    )


def advance(
    before: State,
    changes: Changes,
    findings: Findings,
    put: Callable[[Bytes], str],
) -> State:
    """The state after what was found took the place of what was active."""
    after = regrouped(before, changes, findings)
    needed = after.definition_groups
    definitions = before.definitions.updated(
        [
            entry
            for entry in findings.definitions
            if entry.name in needed and before.definitions.get(entry.name) != entry
        ],
        before.definition_groups.keys() - needed.keys(),
        put,
    )
    variables = before.variables.updated(
        [entry for entry in findings.variables if before.variables.get(entry.name) != entry],
        changes.gone,
        put,
    )
    return replace(after, variables=variables, definitions=definitions, random=())


def _groups_after(
    before: State, gone: Iterable[str], made: Iterable[Group]
) -> tuple[dict[str, Group], Counter[str]]:
    """The groups of all variables, these being new, and how many variables use each definition."""
    groups = before.groups.copy()  # quicker than `dict`, if some went
    users = count_users(groups) if before.users is None else Counter(before.users)
    left = [groups.pop(name, None) for name in gone]
    for group in made:
        for name in group.names:
            left.append(groups.get(name))
            groups[name] = group
            users.update(group.uses)
    for was in left:
        if was is not None and was.uses:
            users.subtract(was.uses)
            for token in was.uses:
                if not users[token]:
                    del users[token]
    return groups, users


def _uses_the_same(before: State, users: Mapping[str, int], made: Iterable[Group]) -> bool:
    """Whether it is sure that the definitions needed now are those needed before."""
    if before.users is None or users.keys() != before.users.keys():
        return False
    for group in made:
        for token in group.tokens:
            known = before.definition_groups.get(token)
            if known is None or known.uses != group.uses:
                return False
    return True
