"""One module per kind of AWS resource."""
