"""Moments: commits, manifests, the log, differences between moments."""
