"""Who may: people, sessions, tokens, permits, signed addresses."""
