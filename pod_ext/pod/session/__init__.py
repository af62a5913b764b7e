"""One namespace over one store."""

from pod.session.names import Versioned
from pod.session.outcomes import Cell, CheckedOut, Missed, Saved
from pod.session.session import Session

__all__ = ["Cell", "CheckedOut", "Missed", "Saved", "Session", "Versioned"]
