"""How the server is found in the house: its names by multicast DNS, and the search for others."""
