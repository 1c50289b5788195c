"""The organisation's rules: how settings.yaml writes them, and what they forbid."""
