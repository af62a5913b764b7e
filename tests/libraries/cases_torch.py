"""torch, on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

from libraries.case import Case
from libraries.same import by, same_repr

LIBRARY = "PyTorch"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.last = nn.Linear(8, 2)
        self.register_buffer("scale", torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.norm(self.first(x)))) * self.scale


class Squares(Dataset[Any]):
    def __init__(self) -> None:
        self.values = torch.arange(10.0)

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        return self.values[index], self.values[index] ** 2


def seeded(make: Any) -> Any:
    def made() -> Any:
        torch.manual_seed(0)
        return make()

    return made


BATCH = torch.linspace(-1, 1, 40).reshape(10, 4)


def step(model: nn.Module, optimizer: Any = None) -> None:
    """One step of training, or only its gradients."""
    loss = (model(BATCH) ** 2).sum()
    loss.backward()
    if optimizer is not None:
        optimizer.step()
        optimizer.zero_grad()


def training(make: Any) -> Any:
    """A model, its optimiser after two steps, and a schedule."""

    def made() -> dict[str, Any]:
        torch.manual_seed(0)
        model = Net()
        optimizer = make(model.parameters())
        schedule = StepLR(optimizer, 1, 0.5)
        for _ in range(2):
            step(model, optimizer)
            schedule.step()
        return {"model": model, "optimizer": optimizer, "schedule": schedule}

    return made


def train(run: dict[str, Any]) -> None:
    step(run["model"], run["optimizer"])
    run["schedule"].step()


def same_tensors(a: Any, b: Any) -> None:
    """Everything of one tensor, or of the tensors in a container."""
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same_tensors(one, other)
        return
    if not isinstance(a, torch.Tensor):
        assert a == b
        return
    assert (type(a), a.dtype, a.layout, a.requires_grad) == (
        type(b), b.dtype, b.layout, b.requires_grad,
    )  # fmt: skip
    if a.layout is torch.strided and not a.is_nested:
        assert a.stride() == b.stride()
    torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    assert (a.grad is None) == (b.grad is None)
    if a.grad is not None:
        same_tensors(a.grad, b.grad)


def same_modules(a: nn.Module, b: nn.Module) -> None:
    same_tensors(a.state_dict(), b.state_dict())
    same_tensors([p.grad for p in a.parameters()], [p.grad for p in b.parameters()])
    assert repr(a) == repr(b)
    assert a.training == b.training


def same_runs(a: dict[str, Any], b: dict[str, Any]) -> None:
    """The same now, and after one more step: the optimiser has the model's own parameters."""
    same_modules(a["model"], b["model"])
    same_tensors(a["optimizer"].state_dict(), b["optimizer"].state_dict())
    assert a["schedule"].state_dict() == b["schedule"].state_dict()
    assert a["schedule"].optimizer is a["optimizer"]
    for group in a["optimizer"].param_groups:
        own = {id(each) for each in a["model"].parameters()}
        assert all(id(each) in own for each in group["params"])


def views() -> dict[str, Any]:
    base = torch.arange(12.0)
    return {"base": base, "row": base.view(3, 4)[1], "turned": base.view(3, 4).T}


def same_views(a: dict[str, Any], b: dict[str, Any]) -> None:
    same_tensors(a, b)
    a["row"][0] += 5
    try:
        assert a["base"][4] == a["turned"][0, 1] == a["row"][0]
    finally:
        a["row"][0] -= 5
    assert a["base"].untyped_storage().data_ptr() == a["row"].untyped_storage().data_ptr()


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    return model


def same_tied(a: Any, b: Any) -> None:
    same_modules(a, b)
    assert a[0].weight is a[1].weight


def leaf() -> torch.Tensor:
    x = torch.arange(3.0, requires_grad=True)
    (x**2).sum().backward()
    return x


def hooked() -> nn.Module:
    model = nn.Linear(2, 2)
    model.register_forward_hook(double)
    return model


def with_attribute() -> torch.Tensor:
    made = torch.ones(2)
    made.label = [1]  # type: ignore[attr-defined]
    return made


def double(module: Any, inputs: Any, output: Any) -> Any:
    return output * 2


def same_hooked(a: Any, b: Any) -> None:
    same_modules(a, b)
    same_tensors(a(torch.ones(1, 2)).detach(), b(torch.ones(1, 2)).detach())


def shuffled() -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(7)
    return DataLoader(Squares(), batch_size=4, shuffle=True, generator=generator)


def same_loaders(a: Any, b: Any) -> None:
    """The batches of the next round; drawing them is what moves a loader's generator."""
    states = a.generator.get_state(), b.generator.get_state()
    same_tensors(*states)
    for one, other in zip(a, b, strict=True):
        same_tensors(one, other)
    a.generator.set_state(states[0])
    b.generator.set_state(states[1])


def grow(x: torch.Tensor) -> None:
    with torch.no_grad():
        x += 1


def change_data(x: Any) -> None:
    x.tensors[0].add_(1)


def case(name: str, make: Any, change: Any = grow, same: Any = same_tensors, **more: Any) -> Case:
    more.setdefault("look", lambda x: (str(x), x.shape, x.mean() if x.is_floating_point() else 0))
    return Case(library=LIBRARY, name=name, make=make, change=change, same=same, **more)


def any_case(name: str, make: Any, change: Any, same: Any, **more: Any) -> Case:
    return Case(library=LIBRARY, name=name, make=seeded(make), change=change, same=same, **more)


DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128", "float8_e4m3fn", "uint16", "uint32", "uint64",
]  # fmt: skip


def each_dtype() -> dict[str, torch.Tensor]:
    return {
        name: torch.tensor([1, 0, 3]).to(torch.complex64 if "complex" in name else torch.float32)
        .to(getattr(torch, name)) for name in DTYPES
    }  # fmt: skip


def same_bytes(a: Any, b: Any) -> None:
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert a[name].view(torch.uint8).tolist() == b[name].view(torch.uint8).tolist()


def forward(model: Any) -> Any:
    """Predicting, as one does with a trained model."""
    mode = model.training
    with torch.no_grad():
        model.eval()(BATCH)
    model.train(mode)


OPTIMIZERS = {
    "SGD with momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "Adagrad": torch.optim.Adagrad,
    "RMSprop": torch.optim.RMSprop,
    "Adadelta": torch.optim.Adadelta,
    "NAdam": torch.optim.NAdam,
}

CASES = [
    case("tensor", lambda: torch.arange(6.0).reshape(2, 3)),
    case("tensor of 4 MB", lambda: torch.ones(1_000_000)),
    case("transposed and strided tensor", lambda: torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)[::2]),
    case("expanded tensor", lambda: torch.arange(3.0).expand(4, 3), lambda x: x[0].add_(1)),
    case("empty and scalar tensors", lambda: [torch.empty(0, 3), torch.tensor(5)],
         lambda x: x[1].add_(1), look=repr),
    case("every dtype", each_dtype, lambda x: x["int8"].add_(1), same_bytes, look=repr),
    case("conjugated and negated view", lambda: [torch.tensor([1 + 2j]).conj(), torch.tensor([1 + 2j]).conj().imag],
         lambda x: x[0].add_(1), look=repr),
    case("leaf with a gradient", leaf, lambda x: x.grad.add_(1), look=lambda x: x.grad.sum()),
    case("channels-last tensor", lambda: torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)),
    case("views of one storage", views, lambda x: x["row"].add_(1), same_views, look=repr),
    case("sparse COO tensor", lambda: torch.eye(3).to_sparse(), lambda x: x.mul_(2),
         look=lambda x: x.to_dense()),
    case("sparse CSR tensor", lambda: torch.eye(3).to_sparse_csr(), lambda x: x.values().mul_(2),
         look=lambda x: x.to_dense()),
    case("quantised tensor", lambda: torch.quantize_per_tensor(torch.arange(4.0), 0.5, 0, torch.quint8),
         lambda x: x.copy_(torch.zeros(4)), look=lambda x: x.dequantize(), same=by(lambda x: (x.int_repr().tolist(), x.q_scale()))),
    case("storage", lambda: torch.arange(3.0).untyped_storage(), lambda x: x.fill_(7), by(lambda x: x.tolist()), look=len),
    case("tensor with an attribute", lambda: with_attribute(), lambda x: x.label.append(2), by(lambda x: x.label), look=repr),
    any_case("Parameter", lambda: nn.Parameter(torch.ones(3)), grow, same_tensors, look=lambda x: x.data.sum()),
    any_case("Module", Net, step, same_modules, look=forward),
    any_case("Module in evaluation", lambda: Net().eval(), lambda x: x.scale.add_(1), same_modules, look=forward),
    any_case("Sequential, Conv2d, Dropout", lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(), nn.MaxPool2d(2)),
             lambda x: x[0].weight.data.add_(1), same_modules, look=lambda x: x(torch.ones(1, 1, 8, 8))),
    any_case("Embedding, LSTM", lambda: nn.ModuleDict({"e": nn.Embedding(5, 4), "l": nn.LSTM(4, 3)}),
             lambda x: x["e"].weight.data.add_(1), same_modules, look=lambda x: x["l"](x["e"](torch.tensor([[1]])))),
    any_case("Transformer layer", lambda: nn.TransformerEncoderLayer(8, 2, 16), lambda x: x.linear1.weight.data.add_(1), same_modules,
             look=lambda x: x(torch.ones(2, 1, 8))),
    any_case("module with tied weights", tied, lambda x: x[0].weight.data.add_(1), same_tied),
    any_case("module with a hook", hooked, lambda x: x.weight.data.add_(1), same_hooked),
    any_case("state_dict", lambda: Net().state_dict(), lambda x: x["scale"].add_(1), same_tensors),
    any_case("loss function", lambda: nn.CrossEntropyLoss(torch.ones(3)), lambda x: x.weight.add_(1), same_modules),
    *(any_case(f"training with {name}", training(make), train, same_runs, look=lambda x: forward(x["model"]))
      for name, make in OPTIMIZERS.items()),
    any_case("TensorDataset", lambda: TensorDataset(torch.arange(6.0), torch.ones(6)), change_data,
             by(lambda x: [[v.item() for v in row] for row in x]), look=lambda x: x[0]),
    any_case("random_split", lambda: random_split(Squares(), [0.5, 0.5]), lambda x: x[0].indices.reverse(),
             by(lambda x: [[v.item() for v in row] for part in x for row in part])),
    any_case("DataLoader", shuffled, lambda x: next(iter(x)), same_loaders, look=lambda x: len(x)),
    any_case("Generator", lambda: torch.Generator().manual_seed(3), lambda x: torch.rand(1, generator=x),
             by(lambda x: x.get_state().tolist())),
    any_case("dtype, device, Size", lambda: [torch.float32, torch.device("cpu"), torch.Size([1, 2])],
             lambda x: x.append(torch.strided), same_repr),
    any_case("distribution", lambda: torch.distributions.Normal(torch.zeros(2), torch.ones(2)),
             lambda x: x.loc.add_(1), by(lambda x: (x.loc.tolist(), x.scale.tolist())), look=lambda x: x.log_prob(torch.ones(2))),
    Case(library=LIBRARY, name="iterator of a DataLoader", make=lambda: iter(shuffled()), change=next, same=same_repr,
         opaque="DataLoaderIter"),
    Case(library=LIBRARY, name="scripted module", make=lambda: torch.jit.script(nn.Linear(2, 2)),
         change=lambda x: x.weight.data.add_(1), same=same_repr, opaque="ScriptModule"),
]  # fmt: skip
