"""What a change means: permissions gained and lost, and the ways to escalate that it opens."""
