"""What must hold within and between the files of teams, beyond the form of each entry."""
