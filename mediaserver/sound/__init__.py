"""What is known of a track's sound: packet index and sound digest."""
