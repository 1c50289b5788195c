"""YAML as plain values with the place of each, and what is wrong with a file's form."""
