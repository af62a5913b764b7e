"""Classes that a notebook derives from those of a library."""

from __future__ import annotations

from pathlib import Path

import pod
from support.forms import evaluate, new_namespace, run

TORCH = """
import torch
scale = 2
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.register_buffer('seen', torch.zeros(1))
        self.hook = self.layer.register_forward_hook(lambda module, args, out: out * scale)
    def forward(self, x):
        return self.layer(x) + self.seen
class Data(torch.utils.data.Dataset):
    def __len__(self): return 3
    def __getitem__(self, n): return torch.ones(2) * n
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, grad): return grad * 2
net, data = Net(), Data()
optimizer = torch.optim.Adam(net.parameters())
loader = torch.utils.data.DataLoader(data, batch_size=2)
"""
SKLEARN = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
scale = 2
class Add(TransformerMixin, BaseEstimator):
    def __init__(self, k=1): self.k = k
    def fit(self, X, y=None): return self
    def transform(self, X): return X + self.k * scale
pipe = Pipeline([('add', Add(3)), ('times', FunctionTransformer(lambda X: X * scale))])
pipe.fit(np.ones((1, 1)))
"""
CHECKS = {
    TORCH: (
        "net(torch.ones(2)).item(), type(net) is Net, Net()(torch.ones(2)).shape",
        "optimizer.param_groups[0]['params'][0] is net.layer.weight",
        "[len(batch) for batch in loader], loader.dataset is data",
        "Twice.apply(torch.ones(1)).item(), sorted(net.state_dict())",
    ),
    SKLEARN: (
        "pipe.transform(np.ones((1, 1))).tolist(), Add(2).get_params()",
        "type(pipe['add']) is Add, pipe['add'].k, pipe.get_params()['add__k']",
    ),
}

MAPPED = """
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
class Base(DeclarativeBase): pass
class User(Base):
    __tablename__ = 'users'
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
user = User(id=1, name='a')
held = [1, user, {'rows': [2]}]
def names(session): return [each.name for each in session.scalars(select(User))]
"""


def test_they_are_as_they_were(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        for cell, checks in CHECKS.items():
            live = new_namespace()
            run(cell, live)
            before = evaluate(checks, live)
            loaded = store.load(store.save(live))
            assert evaluate(checks, loaded) == before == evaluate(checks, live)


def test_what_sqlalchemy_maps_is_a_placeholder_that_says_so(tmp_path: Path) -> None:
    live = new_namespace()
    run(MAPPED, live)
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        loaded = store.load(store.save(live))
    assert loaded["held"][0] == 1 and loaded["held"][2] == {"rows": [2]}
    for placeholder in (loaded["Base"], loaded["User"], loaded["user"], loaded["held"][1]):
        assert "SQLAlchemy maps it to a table when its cell runs" in repr(placeholder)
    assert loaded["names"].__name__ == "names"
