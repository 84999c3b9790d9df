"""Signed media, /e/."""
