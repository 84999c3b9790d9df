"""Floor 0: errors, events, clock, text, supervisor and workers. Imports no other room."""
