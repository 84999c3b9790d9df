"""What all doors share: server, sign-in check, errors, parameters."""
