"""Answers → scores with confidence intervals: one scorer for every approach."""
