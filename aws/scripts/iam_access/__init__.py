"""Self-serve AWS access: from YAML in a repository to IAM, and back to nothing at the deadline."""
