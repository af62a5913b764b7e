"""Memory that objects of a library share, from variable to variable."""

from __future__ import annotations

from pathlib import Path

import pod
import torch

from libraries import drive


def test_tensors_of_two_variables_share_their_storage_again(tmp_path: Path) -> None:
    base = torch.arange(6.0)
    namespace = pod.new_managed_namespace(base=base, row=base.view(2, 3)[1], alone=torch.ones(2))
    del base
    with pod.open(tmp_path / ".pod") as store:
        store.save(namespace)
        namespace["row"].zero_()
        commit = drive.durable(store, store.save(namespace))
        assert set(commit.changed) == {"base", "row"}
        loaded = store.load(commit.t)
        assert loaded["base"].tolist() == [0, 1, 2, 0, 0, 0]
        loaded["base"][3] = 5
        assert loaded["row"].tolist() == [5, 0, 0]


def test_an_optimiser_goes_on_with_the_model_of_another_variable(tmp_path: Path) -> None:
    torch.manual_seed(0)
    namespace = pod.new_managed_namespace(model=torch.nn.Linear(3, 1))
    namespace["optimizer"] = torch.optim.Adam(namespace["model"].parameters())
    with pod.open(tmp_path / ".pod") as store:
        loaded = store.load(store.save(namespace))
    for each in (namespace, loaded):
        each["model"](torch.ones(3)).backward()
        each["optimizer"].step()
    assert torch.equal(loaded["model"].weight, namespace["model"].weight)
    own = {id(each) for each in loaded["model"].parameters()}
    assert {id(each) for each in loaded["optimizer"].param_groups[0]["params"]} == own


def test_a_large_tensor_is_saved_by_chunks(tmp_path: Path) -> None:
    namespace = pod.new_managed_namespace(x=torch.rand(2_000_000))
    with pod.open(tmp_path / ".pod") as store:
        store.save(namespace)
        namespace["x"][5] = 9
        assert 0 < drive.durable(store, store.save(namespace)).bytes < 400_000


def test_what_autograd_computed_keeps_its_value_and_says_that_its_graph_is_gone(
    tmp_path: Path,
) -> None:
    weight = torch.ones(2, requires_grad=True)
    with pod.open(tmp_path / ".pod") as store:
        loaded = store.load(store.save({"loss": (weight * 3).sum()}))
    assert loaded["loss"].item() == 6
    try:
        loaded["loss"].backward()
    except RuntimeError as error:
        assert "does not require grad" in str(error)
    else:
        raise AssertionError("backward() went through")
