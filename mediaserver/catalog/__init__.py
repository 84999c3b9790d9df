"""What music exists."""
