"""Measuring Pod on this machine. Needs the `bench` extra."""
