"""The command line: options, what a command runs on, and one function per script."""
