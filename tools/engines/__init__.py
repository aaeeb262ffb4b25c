"""Symbolic-regression engines behind one function, each run in a child process with a hard kill."""
