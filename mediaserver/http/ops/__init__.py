"""Health for operators."""
