"""What hangs together: from pods in progress to components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pod.podding.pods import Component, Pod, Slot
from pod.podding.progress import PodInProgress, Target


def components(
    pods: Sequence[PodInProgress],
    names: Mapping[str, Target],
    parts: Mapping[str, tuple[Target, ...]],
    links: Iterable[tuple[PodInProgress, PodInProgress]] = (),
) -> list[Component]:
    """The components of these variables and definitions, made of finished pods.

    `links`: pods that belong together without referring to each other.
    """
    return [
        _component({name: names[name] for name in group}, {token: parts[token] for token in tokens})
        for group, tokens in _groups(pods, names, parts, links)
    ]


def _groups(
    pods: Sequence[PodInProgress],
    names: Mapping[str, Target],
    parts: Mapping[str, tuple[Target, ...]],
    links: Iterable[tuple[PodInProgress, PodInProgress]],
) -> list[tuple[list[str], list[str]]]:
    """Variables, and tokens, that hang together by pods: union-find over what refers to what.

    A variable that *is* a definition goes with it; an object that merely has one as its class does
    not.
    """
    parent: dict[Any, Any] = {}

    def find(key: Any) -> Any:
        while (above := parent.setdefault(key, key)) != key:
            parent[key] = key = parent[above]
        return key

    def join(key: Any, target: Target) -> None:
        if not isinstance(target, Slot):
            parent[find(key)] = find(target[0].number)

    for pod in pods:
        for target in pod.slots:
            join(pod.number, target)
    for a, b in links:
        parent[find(a.number)] = find(b.number)
    for token, targets in parts.items():
        for target in targets:
            join(("definition", token), target)
    for name, target in names.items():
        join(("name", name), target)
        if isinstance(target, Slot) and target.kind == "definition":
            parent[find(("name", name))] = find(("definition", *target.args))
    found: dict[Any, tuple[list[str], list[str]]] = {}
    for name in names:
        found.setdefault(find(("name", name)), ([], []))[0].append(name)
    for token in parts:
        found.setdefault(find(("definition", token)), ([], []))[1].append(token)
    return list(found.values())


def _component(names: Mapping[str, Target], parts: Mapping[str, tuple[Target, ...]]) -> Component:
    """Number the pods that the roots need, children first, and resolve the slots to numbers."""
    pods = _reachable(
        [*names.values(), *(target for targets in parts.values() for target in targets)]
    )
    numbers = {pod.number: number for number, pod in enumerate(pods)}

    def resolved(target: Target) -> Slot:
        if isinstance(target, Slot):
            return target
        return Slot("pod", (numbers[target[0].number], target[1]))

    return Component(
        pods=tuple(
            Pod(
                payload=pod.payload.getvalue(),
                buffers=tuple(pod.buffers),
                slots=tuple(resolved(target) for target in pod.slots),
                modules=tuple(sorted(pod.modules)),
                place=pod.place,
            )
            for pod in pods
        ),
        names={name: resolved(target) for name, target in names.items()},
        definitions={
            token: tuple(resolved(target) for target in targets) for token, targets in parts.items()
        },
    )


def _reachable(targets: Iterable[Target]) -> list[PodInProgress]:
    """The pods needed, children first. Those left over from an abandoned parent are not."""
    todo = [target[0] for target in targets if not isinstance(target, Slot)]
    seen: dict[int, PodInProgress] = {}
    while todo:
        pod = todo.pop()
        if pod.number not in seen:
            seen[pod.number] = pod
            todo.extend(slot[0] for slot in pod.slots if not isinstance(slot, Slot))
    return [seen[number] for number in sorted(seen)]
