"""A real ipykernel in a process of its own, driven over its protocol as a notebook drives one."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pod
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

POD_SOURCE = Path(pod.__file__).parent
TRACKING = os.environ.get("POD_TEST_TRACKING", "auto")
"""How the kernels of the tests follow their namespaces; `auto` is monitoring where there is any."""
SNAPSHOT = os.environ.get("POD_TEST_SNAPSHOT", "auto")
"""Where they look at them."""
MONITORED = TRACKING == "monitoring" or (TRACKING == "auto" and sys.version_info >= (3, 12))
PATIENCE = 60.0
"""Seconds after which a kernel that has not answered counts as hanging."""


def wait_until(holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Return as soon as something holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


@dataclass
class Ran:
    """What came back for one cell."""

    reply: dict[str, Any] = field(default_factory=dict)
    """Content of the execute_reply."""
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Kind and content of all it sent out, in order, without the kernel's state."""

    def _contents(self, *kinds: str) -> list[dict[str, Any]]:
        return [content for kind, content in self.messages if kind in kinds]

    def _stream(self, name: str) -> str:
        return "".join(part["text"] for part in self._contents("stream") if part["name"] == name)

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    def _shown(self, mime: str) -> str:
        shown = self._contents("display_data", "execute_result")
        return "\n".join(part["data"][mime] for part in shown if mime in part["data"])

    @property
    def text(self) -> str:
        """What it displayed or gave as its result, as text."""
        return self._shown("text/plain")

    @property
    def html(self) -> str:
        return self._shown("text/html")

    @property
    def error(self) -> str:
        """`ZeroDivisionError: division by zero`, or '' if it raised nothing."""
        return "".join(f"{e['ename']}: {e['evalue']}" for e in self._contents("error"))

    @property
    def traceback(self) -> str:
        lines = [line for error in self._contents("error") for line in error["traceback"]]
        return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))

    @property
    def said(self) -> list[str]:
        """Pod's own lines, trouble first."""
        lines = [*self.stderr.splitlines(), *self.stdout.splitlines()]
        return [line for line in lines if line.startswith("pod: ")]

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.stdout, self.stderr, self.text, self.error)))


class Kernel:
    """A kernel of this Python in a directory, without any configuration of the tester's.

    A context manager; fails at its end if Pod left a traceback where no cell shows it.
    """

    snapshot = SNAPSHOT

    def __init__(self, cwd: Path, env: dict[str, str] | None = None) -> None:
        self.cwd = cwd
        self._log_path = cwd.parent / f"{cwd.name}-kernel.log"
        home = cwd.parent / f"{cwd.name}-ipython"
        home.mkdir(exist_ok=True)
        plain = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("POD_", "JPY_", "PYTEST_"))
        }
        self._env = plain | {
            "IPYTHONDIR": str(home),
            "PYTHONPATH": str(POD_SOURCE.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(env or {}),
        }
        self.start()

    def start(self) -> None:
        """A new process."""
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=[
                sys.executable,
                "-m",
                "ipykernel_launcher",
                "-f",
                "{connection_file}",
                f"--PodExtension.tracking={TRACKING}",
                f"--PodExtension.snapshot={self.snapshot}",
            ],
            display_name="test",
            language="python",
        )
        with self._log_path.open("ab") as log:
            self.manager.start_kernel(cwd=str(self.cwd), env=self._env, stdout=log, stderr=log)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def shut_down(self) -> None:
        """Ask the process to end, as a notebook server does, and wait until it has."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    def kill(self) -> None:
        """End the process without warning."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def restart(self) -> None:
        self.shut_down()
        self.start()

    def interrupt(self) -> None:
        """What the stop button does."""
        self.manager.interrupt_kernel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shut_down()
        if error is None:
            assert str(POD_SOURCE) not in self.console()

    def console(self) -> str:
        """What the process printed outside of any cell."""
        return self._log_path.read_text()

    def run(self, code: str, **options: Any) -> Ran:
        """Run a cell to its end. Fails on a traceback that shows code of Pod's."""
        return self.finish(self.send(code, **options))

    def send(self, code: str, **options: Any) -> str:
        """Begin to run a cell."""
        return self.client.execute(code, allow_stdin=False, **options)

    def finish(self, request: str) -> Ran:
        """Wait for a cell that was sent."""
        ran = Ran()
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind not in ("status", "execute_input"):
                ran.messages.append((kind, content))
        ran.reply = self._answer(request)
        # The stop button may be pressed while a cell looks a name up, which is Pod's code.
        traceback = "" if ran.error == "KeyboardInterrupt: " else ran.traceback
        assert str(POD_SOURCE) not in traceback + ran.stderr + ran.stdout, traceback or str(ran)
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    def _answer(self, request: str) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def value(self, expression: str) -> Any:
        """A plain value, looked at without running a cell."""
        request = self.send("", silent=True, user_expressions={"value": expression})
        content = self._answer(request)["user_expressions"]["value"]
        assert content["status"] == "ok", f"{expression}: {content}"
        return ast.literal_eval(content["data"]["text/plain"])

    def complete(self, code: str) -> list[str]:
        """What the tab key offers at the end of `code`."""
        return self._answer(self.client.complete(code))["matches"]


class PodKernel(Kernel):
    """A kernel with Pod loaded."""

    loaded: Ran
    """What `%load_ext pod` had to say."""

    def start(self) -> None:
        super().start()
        self.loaded = self.run("%load_ext pod")

    @property
    def pod_dir(self) -> Path:
        return self.cwd / ".pod"

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    def durable(self) -> list[int]:
        """The times that are on disk, without asking the kernel."""
        return sorted(int(each.name) for each in (self.pod_dir / "commits").glob("[0-9]*"))

    def newest(self) -> int:
        """The newest time, on disk or on its way there, likewise."""
        claims = (int(each.name) for each in (self.pod_dir / "claims").glob("[0-9]*"))
        return max([*self.durable(), *claims])

    def log(self, arguments: str = "--all") -> list[dict[str, Any]]:
        """The commits that `%pod_log` has to show, newest first."""
        return json.loads(self.run(f"%pod_log --json {arguments}").stdout)

    @property
    def head(self) -> dict[str, Any]:
        """The commit of HEAD: nearly always the newest."""
        newest = self.log("--all -n 1")
        [head] = [commit for commit in newest if commit["head"]] or [
            commit for commit in self.log() if commit["head"]
        ]
        return head

    def cell(self, code: str) -> int:
        """Run a cell that must go well and quietly, and give the time id that it got."""
        ran = self.run(code)
        assert (ran.error, ran.stderr) == ("", "")
        head = self.head
        assert head["code"] == code
        return head["t"]

    def heard(self, code: str) -> list[str]:
        """Run a cell, and what Pod has to say of it. Where it is looked at elsewhere, that is told
        after the cell that comes next."""
        ran = self.run(code)
        if ran.said:
            return ran.said
        return self.run("%pod_status").said  # waits until it has been looked at

    def checkout(self, what: object) -> Ran:
        """`%pod_checkout`, which must go well."""
        ran = self.run(f"%pod_checkout {what}")
        assert (ran.error, ran.stderr) == ("", ""), str(ran)
        return ran


class ForkingKernel(PodKernel):
    """Looks at everything in a child."""

    snapshot = "fork"


class LateKernel(PodKernel):
    """A kernel in which Pod is loaded when a test says so."""

    start = Kernel.start
