"""One namespace over one store."""

from pod.session.looks import WAYS
from pod.session.outcomes import Cell, CheckedOut, Missed, Saved
from pod.session.session import Session
from pod.session.survey import Versioned, every_name

__all__ = [
    "WAYS", "Cell", "CheckedOut", "Missed", "Saved", "Session", "Versioned", "every_name",
]  # fmt: skip
