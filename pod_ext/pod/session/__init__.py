"""One namespace over one store."""

from pod.session.outcomes import Cell, CheckedOut, Missed, Saved
from pod.session.session import Session
from pod.session.survey import Versioned

__all__ = ["Cell", "CheckedOut", "Missed", "Saved", "Session", "Versioned"]
