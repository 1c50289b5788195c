"""AWS's policy evaluation: from a request and the policies that apply to a decision."""
