"""Requests for temporary access, from a terminal and from an issue."""
