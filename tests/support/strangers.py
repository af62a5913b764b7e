"""A pod directory that somebody else made, whose pickles run code when they are loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
import pod
from pod import PodStore

class Bomb:
    def __init__(self, n): self.n = n
    def __reduce__(self): return os.makedirs, (sys.argv[2], 511, True)

with PodStore(sys.argv[1]) as store:
    ns = pod.new_managed_namespace(__name__="__main__")
    exec("class Held: pass", ns)
    ns["Held"].bomb = Bomb(0)  # loaded with the class, whatever instance is asked for
    ns["held"] = ns["Held"]()
    ns["harmless"] = [1, 2, 3]
    ns["bomb"] = [Bomb(1)]
    store.save(ns, code="bomb = [1]")
    ns["bomb"].append(2)
    ns["harmless"].append(4)
    ns["held"].n = 3
    store.save(ns, code="bomb.append(2)")
    store.tag("release", 2)
"""


def stranger_environment(home: Path) -> dict[str, str]:
    """That of a user with another key."""
    return os.environ | {"XDG_DATA_HOME": str(home)}


def make_strange(directory: Path, work: Path) -> Path:
    """Makes a pod directory with times 1 and 2 (tagged `release`), and three variables that change:
    `harmless`, `bomb` and `held`. Gives the path at which loading either of the last two makes a
    directory."""
    gone_off = work / "gone off"
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(directory), str(gone_off)],
        env=stranger_environment(work / "stranger"),
        check=True,
    )
    assert (work / "stranger" / "pod" / "key").exists()
    assert not gone_off.exists()
    return gone_off
