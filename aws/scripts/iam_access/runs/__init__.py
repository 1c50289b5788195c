"""Use cases: read accounts, plan them, carry plans out, explain and verify them."""
