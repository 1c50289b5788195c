"""Benchmarks: how many calls, how long, and how far that is from what is possible."""
