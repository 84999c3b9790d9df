"""SQL without domain: the only room that knows a dialect."""
