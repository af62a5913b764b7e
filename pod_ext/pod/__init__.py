"""Pod: a memory for a running Jupyter kernel, and for any namespace.

%load_ext pod                      in a notebook: every cell is saved from here on

import pod
ns = pod.new_managed_namespace()   as a library
t = pod.save(ns)
pod.load(t)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pod.errors import PodError, UntrustedError
from pod.library import PodStore, load, new_managed_namespace, open, save
from pod.podding.reducers import register_reducer

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"
__all__ = [
    "PodError",
    "PodStore",
    "UntrustedError",
    "load",
    "load_ipython_extension",
    "new_managed_namespace",
    "open",
    "register_reducer",
    "save",
    "unload_ipython_extension",
]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext pod` calls."""
    from pod.jupyter.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What `%unload_ext pod` calls."""
    from pod.jupyter.extension import unload

    unload(shell)
