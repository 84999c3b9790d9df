"""What one person sees and may do: rooms joined and permits applied, once for every door."""
