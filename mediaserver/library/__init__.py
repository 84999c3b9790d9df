"""Folders of files into the catalogue."""
