"""GitHub's REST API, with the standard library alone."""
