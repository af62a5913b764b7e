"""Looking at a namespace: which variables can have changed, what they are made of now, and what is
known once that took the place of what was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pod.compare.describe import describe
from pod.history.manifest import Manifest
from pod.history.records import Variable
from pod.history.snapshot import Group, definition_entries, group_of, variable_entries
from pod.history.state import FirstSeen, State, Values, count_users, needed_definitions
from pod.history.table import Table
from pod.podding.atoms import unchanging
from pod.podding.definitions import Tokens
from pod.podding.examination import Examination
from pod.podding.memory import Holders
from pod.podding.opaque import Unavailable
from pod.podding.pods import Bytes, Component
from pod.podding.policies import Policy
from pod.session.names import Versioned, rule_of
from pod.tracking import Touched
from pod.tracking.aliases import Aliases


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
        self._rule = rule_of(versioned)
        self._since = FirstSeen()
        self._whole = Holders()
        self._with_figures = _Shards(lambda entry: "matplotlib" in dict(entry.versions))

    def values(self) -> Values:
        """The variables that are in the namespace now."""
        space = self._namespace
        # A subclass would record being looked at.
        return Values(space if type(space) is dict else dict.items(space), self._rule.left_out)

    def reached(self, state: State, values: Values, touched: Touched) -> Touched:
        """What may have been changed by ways that do not go by its name."""
        try:
            names = self.aliases.reached(touched, values, values.having)
            if self.aliases.figures_in_use(touched, values):
                names |= self._with_figures.among(state.variables)
        except Exception:  # threads, modules and libraries may be in any state
            return Touched(everything=True)
        return Touched(names)

    def look(self, state: State, values: Values, touched: Touched, t: int) -> Seen:
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
                    for name in examination.names_met(values, values.having) - active.roots.keys()
                    if not unchanging(values[name])
                    and not is_unavailable(state, name, values[name])
                }
                if not met and not examination.has_parted():
                    return Seen(active, examination.failures, examination.components())
            finally:
                examination.close()
            # An active variable got hold of another one's object in a way that no tracker saw.
            touched |= Touched(frozenset(met))

    def _active(self, state: State, values: Values, touched: Touched) -> Active:
        """Variables and definitions that can have changed: those touched, and all that hang
        together with one of them."""
        rebound, gone = state.objects.changes(values)
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
        values: Values,
        active: Active,
        manifests: Mapping[str, Manifest],
        put: Callable[[Bytes], str],
    ) -> State:
        """The state after these components took the place of what was active."""
        made = [group_of(digest, manifest) for digest, manifest in manifests.items()]
        groups, users = _regrouped(before, active.gone, made)
        by_token = before.definition_groups.copy()
        for group in made:
            by_token.update(dict.fromkeys(group.tokens, group))
        no_more: Iterable[str] = ()
        if not _uses_the_same(before, users, made):
            needed = needed_definitions(users, by_token)
            by_token = {token: group for token, group in by_token.items() if token in needed}
            no_more = before.definitions.keys() - needed

        definitions = definition_entries(manifests, lambda token: describe(self.tokens.live(token)))
        definition_table = before.definitions.updated(
            [e for e in definitions if e.name in by_token and before.definitions.get(e.name) != e],
            no_more,
            put,
        )
        variables = variable_entries(manifests, lambda name: describe(values[name]), definitions)
        table = before.variables.updated(
            [entry for entry in variables if before.variables.get(entry.name) != entry],
            active.gone,
            put,
        )
        objects = before.objects.updated(values, active.rebound, active.gone)
        return State(table, definition_table, groups, by_token, objects, users=users)


def _regrouped(
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


class _Shards:
    """Finds variables by what their table entries say, looking only into shards that are new."""

    def __init__(self, is_one: Callable[[Variable], bool]) -> None:
        self._is_one = is_one
        self._known: dict[str, frozenset[str]] = {}

    def among(self, table: Table) -> frozenset[str]:
        known: dict[str, frozenset[str]] = {}
        for shard, digest in zip(table.shards, table.digests, strict=True):
            found = self._known.get(digest)
            if found is None:
                found = frozenset(n for n, entry in shard.items() if self._is_one(entry))
            known[digest] = found
        self._known = known
        return frozenset[str]().union(*known.values())


def is_unavailable(state: State, name: str, value: object) -> bool:
    """Whether it could not be restored, so that its saved pods are to be kept as they are."""
    return type(value) is Unavailable and state.objects.is_held(name, value)


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
