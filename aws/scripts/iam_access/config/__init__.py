"""The files people write: read, checked, and turned into typed entries that know their place."""
