"""All that calls AWS: sessions, the readers of an account, and the executor of changes."""
