"""Use cases: read and plan accounts, carry plans out, explain and verify them, ask about access."""
