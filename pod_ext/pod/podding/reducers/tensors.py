"""torch: tensors as views of storages, which are objects of the graph like any other.

torch's own reduction copies the elements, once for each tensor, and forgets gradients. Ours hands
the memory of a storage over without a copy; tensors over one storage share it again when restored,
also from variable to variable, as parameters, views and an optimiser's state do.

A tensor that autograd computed is saved by its value: the graph behind it cannot be.
"""

from __future__ import annotations

import importlib
import pickle
from typing import Any

from pod.podding.atoms import ATOMIC_TYPES_OF_LIBRARIES
from pod.podding.rebuild import (
    make_parameter,
    make_storage,
    make_tensor,
    make_typed_storage,
    set_tensor_state,
)

torch: Any = importlib.import_module("torch")


def reduce_tensor(tensor: Any) -> Any:
    """As `__reduce_ex__`. What is more than a view of a storage takes torch's own way, which comes
    to plain tensors or to a storage as well."""
    if not _is_plain(tensor):
        return tensor.__reduce_ex__(5)
    kept = tensor.is_leaf
    arguments = (
        tensor.untyped_storage(),
        _name(tensor.dtype),
        tensor.storage_offset(),
        tuple(tensor.size()),
        tensor.stride(),
        tensor.requires_grad and kept,
        tensor.is_conj(),
        tensor.is_neg(),
    )
    make = make_parameter if type(tensor) is torch.nn.Parameter else make_tensor
    state: dict[str, Any] = {}
    if kept and tensor.grad is not None:
        state["grad"] = tensor.grad
    if kept and tensor._backward_hooks:
        state["_backward_hooks"] = tensor._backward_hooks
    if tensor.__dict__:
        state["__dict__"] = tensor.__dict__
    return make, arguments, state or None, None, None, set_tensor_state


def _is_plain(tensor: Any) -> bool:
    return (
        tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and not tensor.is_nested
        and not any(getattr(tensor, "names", ()))
    )


def reduce_storage(storage: Any) -> Any:
    """As `__reduce_ex__`: the memory, as it is."""
    if storage.device.type != "cpu":
        return storage.__reduce_ex__(5)
    memory = torch.empty(0, dtype=torch.uint8, device="cpu").set_(storage)
    return make_storage, (pickle.PickleBuffer(memory.numpy()), storage.is_shared())


def reduce_typed_storage(storage: Any) -> Any:
    return make_typed_storage, (storage._untyped_storage, _name(storage.dtype))


def refuse_script(module: Any) -> Any:
    """What is left of such a module without the part that is not Python's cannot even be shown."""
    raise TypeError("a scripted module is TorchScript's, keep it by torch.jit.save")


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def register() -> dict[type, Any]:
    """Reducers by type; also makes known what is no more than a name or a few numbers."""
    ATOMIC_TYPES_OF_LIBRARIES.update(
        {torch.dtype, torch.device, torch.layout, torch.memory_format, torch.qscheme, torch.Size}
    )
    return {
        torch.Tensor: reduce_tensor,
        torch.nn.Parameter: reduce_tensor,
        torch.UntypedStorage: reduce_storage,
        torch.storage.TypedStorage: reduce_typed_storage,
        torch.jit.RecursiveScriptModule: refuse_script,
    }
