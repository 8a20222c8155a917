"""Notebook tooling: run, check and open the lessons."""
