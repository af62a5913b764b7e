"""Classes that a notebook derives from those of a library."""

from __future__ import annotations

import json
import subprocess
import sys
import time
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
KERAS = """
import os
os.environ['KERAS_BACKEND'] = 'torch'
import keras, numpy as np
from keras import layers
class Twice(layers.Layer):
    def __init__(self, units=3, **given):
        super().__init__(**given)
        self.units, self.inner = units, layers.Dense(units)
    def build(self, shape):
        self.inner.build(shape)
        self.built = True
    def call(self, x): return 2 * self.inner(x)
    def get_config(self): return {**super().get_config(), 'units': self.units}
class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None): return keras.ops.ones(shape, dtype)
    def get_config(self): return {}
class Net(keras.Model):
    def __init__(self, k=2, **given):
        super().__init__(**given)
        self.k, self.first, self.last = k, Twice(k), layers.Dense(1)
    def call(self, x): return self.last(self.first(x))
    def get_config(self): return {'k': self.k}
class Off(keras.metrics.MeanSquaredError): pass
@keras.saving.register_keras_serializable('mine')
def bend(x): return keras.ops.tanh(x)
def loss(t, p): return keras.ops.mean((t - p) ** 2)
last = layers.Dense(1, bend, kernel_initializer=Ones())
plain = keras.Sequential([layers.Input((4,)), Twice(5), layers.Dropout(0.5), last])
plain.compile('adam', loss=loss, metrics=['mae', Off()])
x = np.ones((8, 4), 'f4')
done = plain.fit(x, x[:, :1], verbose=0)
net = Net(3)
net.compile('sgd', 'mse')
_ = net.fit(x, x[:, :1], verbose=0)
mean = keras.metrics.Mean()
_ = mean.update_state([1.0, 2.0])
late = [keras.metrics.F1Score()]
_ = late[0].update_state(np.eye(2, dtype='f4'), np.eye(2, dtype='f4'))
"""
CHECKS = {
    KERAS: (
        "plain.predict(x, verbose=0).tolist(), net.predict(x, verbose=0).tolist()",
        "type(plain.layers[0]) is Twice, type(net) is Net, net.first.units, plain.loss is loss",
        "plain.layers[-1].activation is bend, type(plain.layers[-1].kernel_initializer) is Ones",
        "done.model is plain, done.history, float(mean.result())",
        "[variable.numpy().tolist() for variable in plain.optimizer.variables]",
    ),
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


def test_a_model_of_keras_is_as_it_was_in_another_process(tmp_path: Path) -> None:
    live = new_namespace()
    run(KERAS, live)
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        t = store.save(live)
        assert "metrics.F1Score" in repr(store.load(t)["late"][0])  # a placeholder
        # Looking at it is no change, whenever that is.
        time.sleep(1.1)
        live.values()
        store.save(live)
        assert store.log()[0].changed == ("late",)
    code = f"""
import json, pod
from support.forms import evaluate
loaded = pod.open({str(tmp_path / ".pod")!r}).load({t})
print(json.dumps(evaluate({CHECKS[KERAS]!r}, loaded)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == evaluate(CHECKS[KERAS], live)


def test_what_sqlalchemy_maps_is_a_placeholder_that_says_so(tmp_path: Path) -> None:
    live = new_namespace()
    run(MAPPED, live)
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        loaded = store.load(store.save(live))
    assert loaded["held"][0] == 1 and loaded["held"][2] == {"rows": [2]}
    for placeholder in (loaded["Base"], loaded["User"], loaded["user"], loaded["held"][1]):
        assert "SQLAlchemy maps it to a table when its cell runs" in repr(placeholder)
    assert loaded["names"].__name__ == "names"
