"""Pods to bytes: blobs, packs and commits behind a small storage protocol.

Knows no Python objects: a commit's body is bytes here, and nothing is ever unpickled.
"""
