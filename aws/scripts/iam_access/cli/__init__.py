"""The command line: one function per script in `commands`, and a module with its work."""
