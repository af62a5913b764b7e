"""One namespace over one store."""

from pod.session.looks import WAYS
from pod.session.names import Versioned, every_name
from pod.session.outcomes import Cell, CheckedOut, Missed, Saved
from pod.session.session import Session

__all__ = [
    "WAYS", "Cell", "CheckedOut", "Missed", "Saved", "Session", "Versioned", "every_name",
]  # fmt: skip
