"""Benchmarks: the number of calls, the time, and the least time that is possible."""
