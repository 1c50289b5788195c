"""IAM policy documents: canonical form, size, expiry, checks and the offline evaluator."""
