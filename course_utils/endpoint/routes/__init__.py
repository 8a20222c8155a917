"""One module per resource; each route only checks, asks and answers."""
