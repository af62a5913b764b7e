"""Looking at a namespace: which variables can have changed, and what they are made of now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any

from pod.history.records import Variable
from pod.history.snapshot import Group
from pod.history.state import FirstSeen, Places, State, Values
from pod.history.table import Table
from pod.podding.atoms import unchanging
from pod.podding.definitions import (
    Tokens,
    attributes_of,
    bases_of,
    is_definition,
    may_be_definition,
    may_be_kind_of_definition,
)
from pod.podding.examination import Examination
from pod.podding.memory import Holders
from pod.podding.opaque import Unavailable
from pod.podding.pods import Component
from pod.podding.policies import Policy
from pod.quiet import quiet
from pod.session.names import Versioned, rule_of
from pod.tracking import Touched
from pod.tracking.aliases import Aliases


@dataclass(frozen=True, slots=True)
class Active:
    """What a save looks at."""

    roots: dict[str, Any]
    names: frozenset[str]
    """Of the roots."""
    kinds: set[type]
    """Types of the roots."""
    definitions: dict[str, Any]
    """By token."""
    rebound: set[str]
    """Variables that are new, or have another object than at the last save."""
    gone: set[str]
    """Variables that are no longer in the namespace."""
    seeds: set[str]
    """Variables from which all others hang."""
    skipped: set[str]
    """Variables that hang together with these and are not looked at: they could not be restored."""


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
        self._places = Places()
        self.since = FirstSeen()
        self._whole = Holders()
        self._with_figures = _Shards(lambda entry: "matplotlib" in dict(entry.versions))

    def values(self) -> Values:
        """The variables that are in the namespace now."""
        space = self._namespace
        # A subclass would record being looked at.
        found = space if type(space) is dict else dict.items(space)
        return Values(found, self._rule.left_out, self._places)

    def with_figures(self, state: State) -> set[str]:
        """Variables that hold something of matplotlib's, or may, while they are being looked at."""
        under_way = {name for name, group in state.groups.items() if group.is_under_way}
        return under_way | self._with_figures.among(state.variables)

    def reached(self, state: State, values: Values, touched: Touched) -> Touched:
        """What may have been changed by ways that do not go by its name."""
        try:
            names = self.aliases.reached(touched, values, values.having)
            if self.aliases.figures_in_use(touched, values):
                names |= self.with_figures(state)
        except Exception:  # threads, modules and libraries may be in any state
            return Touched(everything=True)
        return Touched(names)

    @quiet()
    def look(
        self,
        state: State,
        values: Values,
        touched: Touched,
        t: int,
        deadline: float | None = None,
        active: Active | None = None,
    ) -> Seen:
        """What is active now, as components; and why some of it could not be saved. `active`, if
        that is known.

        `TooLongError` soon after the deadline, by `time.perf_counter`.
        """
        while True:
            active = active or self.active(state, values, touched)
            examination = Examination(
                self._namespace,
                self.tokens,
                self._policy,
                t,
                self.since.at(t),
                self._whole,
                deadline,
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
            active = None

    def active(self, state: State, values: Values, touched: Touched) -> Active:
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
        seeds = {*rebound, *gone, *looked_at}
        names, tokens = hanging_together(state, seeds)
        live = {token: self.tokens.live(token) for token in tokens}
        # There may be very many. So all that is done for each is done by the interpreter's loops.
        roots = _among(values, names)
        kinds = set(map(type, roots.values()))
        skipped = set[str]()
        if Unavailable in kinds:
            skipped = {name for name, value in roots.items() if is_unavailable(state, name, value)}
            for name in skipped:
                del roots[name]
        return Active(
            roots=roots,
            # Where there are very many, mostly a set that is kept already, and is not copied.
            names=frozenset(names if len(names) == len(roots) else roots),
            kinds=kinds,
            definitions={token: found for token, found in live.items() if found is not None},
            rebound=rebound,
            gone=gone,
            seeds=seeds,
            skipped=skipped,
        )

    def name_definitions(self, active: Active) -> None:
        """Give a token to each class and function of the session that is easily found, so that
        whoever looks elsewhere uses the same ones."""
        for kind in active.kinds:  # they are few, however many the roots are
            self._name_definition(kind)
            if may_be_kind_of_definition(kind):
                for value in active.roots.values():
                    if type(value) is kind:
                        self._name_definition(value)

    def _name_definition(self, definition: Any) -> None:
        todo = [definition]
        seen: set[int] = set()
        while todo:
            each = todo.pop()
            if id(each) in seen or not (may_be_definition(each) and is_definition(each)):
                continue
            seen.add(id(each))
            self.tokens.token_of(each)
            if issubclass(type(each), type):
                todo += attributes_of(each).values()
                todo += bases_of(each)
            else:
                todo += each.__dict__.values()


def _among(values: Values, names: Set[str]) -> dict[str, Any]:
    """Of the values, those of the names that there are."""
    if len(names) < len(values) // 2:
        return {name: values[name] for name in names & values.keys()}
    # In their own order, which is mostly that of memory: several times as fast.
    found = dict(values)
    for name in values.keys() - names:
        del found[name]
    return found


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


def hanging_together(state: State, names: Iterable[str]) -> tuple[Set[str], Set[str]]:
    """These variables, and the variables and tokens of all that share objects with one of them or
    that one of them uses."""
    names = set(names)
    groups = set(map(state.groups.get, names))
    if len(groups) == 1:
        (group,) = groups
        known = state.closures.get(group)
        if known is None:
            known = state.closures[group] = _closure(state, groups)
        found, tokens = known
    else:
        found, tokens = _closure(state, groups)
    return found if names <= found else names | found, tokens


def _closure(state: State, groups: Iterable[Group | None]) -> tuple[frozenset[str], frozenset[str]]:
    found, tokens = set[str](), set[str]()
    todo = set(groups)
    followed: set[Group | None] = {None}  # each once: all the variables may be in one
    while todo := todo - followed:
        followed |= todo
        reached, used = set[str](), set[str]()
        for group in todo:
            if group is not None:
                reached |= group.names
                used |= group.uses
        todo = set(map(state.groups.get, reached - found))
        todo |= set(map(state.definition_groups.get, used - tokens))
        found |= reached
        tokens |= used
    return frozenset(found), frozenset(tokens)
