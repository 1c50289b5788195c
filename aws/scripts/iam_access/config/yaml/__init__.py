"""Parse YAML to plain values with the place of each."""
