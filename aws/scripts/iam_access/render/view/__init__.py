"""What outputs show of a report: order, grouping, what is left out, and words; no format."""
