"""Checks within and between the files of teams, on entries that are well formed."""
