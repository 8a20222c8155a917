"""The approaches on one question set with one scorer, and the report on them."""
