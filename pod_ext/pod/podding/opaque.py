"""Placeholders for objects that could not be saved, or not be restored.

A placeholder says what it stands for and raises a clear error when it is used. It survives being
saved again, as itself.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from pod.errors import OpaqueObjectError, one_line

ALWAYS_OPAQUE = {
    "IPython.core.interactiveshell.InteractiveShell",
    "ipykernel.kernelbase.Kernel",
    "traitlets.config.application.Application",
    "_io._IOBase",
    "threading.Thread",
    "threading.Event",
    "threading.Condition",
    "threading.Semaphore",
    "threading.Barrier",
    "queue.Queue",
    "subprocess.Popen",
    "socket.socket",
    "concurrent.futures._base.Executor",
    "concurrent.futures._base.Future",
    "multiprocessing.process.BaseProcess",
    "asyncio.events.AbstractEventLoop",
    "asyncio.mixins._LoopBoundMixin",
    "multiprocessing.connection._ConnectionBase",
    "multiprocessing.connection.Listener",
    "multiprocessing.managers.BaseManager",
    "multiprocessing.managers.BaseProxy",
    "multiprocessing.shared_memory.SharedMemory",
    "selectors.BaseSelector",
    "tarfile.TarFile",
    "tempfile.TemporaryDirectory",
    "tempfile._TemporaryFileWrapper",
    "zipfile.ZipFile",
    "io.IOBase",
    "botocore.client.BaseClient",
    "boto3.resources.base.ServiceResource",
    "boto3.session.Session",
    "distributed.client.Client",
    "distributed.client.Future",
    "distributed.deploy.cluster.Cluster",
    "httpx.Client",
    "httpx.AsyncClient",
    "ipywidgets.widgets.widget.Widget",
    "openai._base_client.BaseClient",
    "anthropic._base_client.BaseClient",
    "py4j.java_gateway.GatewayClient",
    "py4j.java_gateway.JavaGateway",
    "py4j.java_gateway.JavaObject",
    "pymongo.synchronous.mongo_client.MongoClient",
    "pyspark.context.SparkContext",
    "pyspark.core.context.SparkContext",
    "pyspark.sql.dataframe.DataFrame",
    "pyspark.sql.session.SparkSession",
    "redis.client.Redis",
    "sqlalchemy.engine.base.Connection",
    "sqlalchemy.engine.base.Engine",
    "sqlalchemy.orm.session.Session",
    "tornado.ioloop.IOLoop",
    "xgboost.core.DMatrix",
}
"""Qualified names of classes whose instances are handles to something outside the object graph.

`io.StringIO` and `io.BytesIO` are exempt: they hold their content themselves.
"""

_IN_MEMORY = {"_io.StringIO", "_io.BytesIO"}


HANDLE = "it is a handle to something outside this namespace"
"""Why it is not saved."""


def is_handle(kind: type) -> bool:
    """Whether instances of `kind` must not be pickled even if some reducer would try."""
    names = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    return not names.isdisjoint(ALWAYS_OPAQUE) and names.isdisjoint(_IN_MEMORY)


class Mark:
    """Stands, in a pickle being written, where an opaque object is; becomes a slot."""

    __slots__ = ("args",)

    def __init__(self, type_name: str, reason: str, since: int, serial: str) -> None:
        self.args = (type_name, reason, since, serial)


class Opaque:
    """A placeholder for an object that could not be saved. Any use raises `OpaqueObjectError`."""

    def __init__(self, type_name: str, reason: str, since: int, serial: str) -> None:
        # Through the instance dictionary, because attribute access is what this class refuses.
        self.__dict__.update(_type=type_name, _reason=reason, _since=since, _serial=serial)

    def slot_args(self) -> tuple[Any, ...]:
        state = self.__dict__
        return state["_type"], state["_reason"], state["_since"], state["_serial"]

    def __repr__(self) -> str:
        kind, reason, since, _ = self.slot_args()
        return f"<not saved: {kind}, seen since time {since}: {reason}>"

    def _message(self) -> str:
        kind, reason, since, _ = self.slot_args()
        return (
            f"this is a placeholder for a {kind} that could not be saved ({reason}), "
            f"seen since time {since}; run the cell that makes it again, or have that done by: "
            "%pod_checkout T --replay NAME"
        )

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise OpaqueObjectError(self._message())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            # Protocol probes (copy, display, numpy, ...) ask for these, and see a plain object.
            raise AttributeError(name)
        self._refuse()

    __call__ = __iter__ = __next__ = __len__ = __enter__ = __exit__ = __contains__ = _refuse
    __getitem__ = __setitem__ = __delitem__ = __setattr__ = __delattr__ = _refuse
    __await__ = __aiter__ = __anext__ = __aenter__ = __aexit__ = __reversed__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __matmul__ = (
        _refuse
    )
    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __float__ = __int__ = __index__ = _refuse


class Unavailable(Opaque):
    """A placeholder for a variable whose pods are there but could not be turned into objects.

    It remembers which commit holds the variable, so that saving it again keeps the original.
    """

    def __init__(self, name: str, type_name: str, reason: str, t: int) -> None:
        self.__dict__.update(_name=name, _type=type_name, _reason=reason, _t=t)

    def __repr__(self) -> str:
        state = self.__dict__
        return (
            f"<not restored: {state['_name']} ({state['_type']}) of time {state['_t']}: "
            f"{state['_reason']}>"
        )

    def _message(self) -> str:
        state = self.__dict__
        return (
            f"`{state['_name']}` could not be restored from time {state['_t']}: "
            f"{state['_reason']}. Its saved data is kept; mend the cause, then: "
            f"%pod_checkout {state['_t']} {state['_name']}"
        )


class RefusedError(Exception):
    """Something cannot be saved, for the reason that this says."""


def reason_of(error: BaseException) -> str:
    """One line that says why, without addresses: the same cause must give the same bytes."""
    if isinstance(error, RefusedError):
        return str(error)
    return re.sub(r" at 0x[0-9a-f]+", "", one_line(error))[:200]
