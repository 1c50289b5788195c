"""What principals may do in an account, as it is and as a plan would leave it."""
