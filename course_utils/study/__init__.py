"""Measurements too long for a lesson: run by ``course study``, kept in ``data/results/``."""
