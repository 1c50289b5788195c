"""What a change means: permissions gained and lost, and escalation paths that it opens."""
