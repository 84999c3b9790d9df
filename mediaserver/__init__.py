"""A music server for the house: a folder of music in, adaptive streams to every device out."""

__version__ = "0.1.0"
