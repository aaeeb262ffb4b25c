"""Judges: scorers, benchmarks and their logs, one implementation shared with training."""
