"""Helpers that know nothing of learning: checks, files, images, HTML, random numbers."""
