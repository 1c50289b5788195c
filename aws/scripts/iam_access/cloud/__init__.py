"""What talks to AWS: sessions, the account reader and the executor."""
