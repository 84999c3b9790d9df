"""Audio files as they are on disk; no database."""
