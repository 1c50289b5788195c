"""GitHub's REST API: the only importer of an HTTP client besides `cloud`."""
