"""Messages to people outside of GitHub."""
