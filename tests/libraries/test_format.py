"""What payloads with objects of torch name is on the page of the format."""

from __future__ import annotations

import importlib
import pickletools
import re
from pathlib import Path

import pod
import torch
from support.foreign_reader import ForeignReader

PAGE = (Path(__file__).parents[2] / "pod_ext" / "README.md").read_text()


def test_the_functions_for_tensors_are_those_on_the_page(tmp_path: Path) -> None:
    leaf = torch.ones(3, requires_grad=True)
    leaf.sum().backward()
    kinds = [leaf, torch.nn.Parameter(torch.ones(2)), torch.ones(1).storage()]
    with pod.open(tmp_path / ".pod") as store:
        t = store.save({"kinds": kinds})
    reader = ForeignReader(tmp_path / ".pod")
    manifest = reader.manifest(reader.variables(t)["kinds"]["manifest"])
    named = set()
    for payload, *_ in manifest["pods"]:
        strings = [
            argument
            for _, argument, _ in pickletools.genops(bytes(reader.content(payload)))
            if isinstance(argument, str)
        ]
        named |= {each for each in strings if re.fullmatch(r"make_\w+|set_\w+", each)}
    section = PAGE.partition("**Tensors.**")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `pod\.podding\.rebuild\.(\w+)` \|", section, re.MULTILINE))
    assert named == listed
    rebuild = importlib.import_module("pod.podding.rebuild")
    assert all(hasattr(rebuild, name) for name in listed)


def test_a_foreign_reader_loads_tensors_that_share_a_storage(tmp_path: Path) -> None:
    base = torch.arange(5000.0)
    with pod.open(tmp_path / ".pod") as store:
        t = store.save({"base": base, "part": base[10:20]})
    found = ForeignReader(tmp_path / ".pod").load(t)
    assert torch.equal(found["base"], base)
    found["part"].fill_(7)
    assert found["base"][10:21].tolist() == [7.0] * 10 + [20.0]
