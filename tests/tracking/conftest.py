"""Tests of monitoring are for interpreters that have it."""

from pod.tracking.monitoring import is_available

collect_ignore = [] if is_available() else ["test_monitoring_tracker.py"]
