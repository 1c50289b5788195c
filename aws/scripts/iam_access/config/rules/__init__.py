"""The organisation's rules of settings.yaml, applied to entries."""
