"""Trackers, one a file, behind one function: a video in, `Track` values out."""
