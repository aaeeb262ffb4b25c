"""Makers of training and test rows: worlds with known laws, chains, questions, traces."""
