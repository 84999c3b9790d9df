"""Whether the machine and the data are fit to serve: each module looks at one thing, and judges it apart from that."""
