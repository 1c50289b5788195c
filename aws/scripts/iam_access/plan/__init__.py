"""From files and a snapshot to a plan: pure functions, no I/O."""
