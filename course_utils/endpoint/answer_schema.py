"""Which JSON schemas the engine may be given for an answer's form.

llama.cpp builds a grammar of it, and looks at all of the grammar for each token: a list of 1,000
values made one token take a second, one of 5,000 most of a minute in which nothing else is
answered and nothing can be stopped. Very deep or large things it cannot convert at all.
"""

MOST_PARTS = 500
MOST_LEVELS = 40
LARGEST_INTEGER = 2**63 - 1


def check_schema(schema: dict) -> None:
    """Refuse a schema that the engine cannot take.

    Raises:
        ValueError: It is too large or too deep, with what to do.
    """
    parts, level = 0, [schema]
    for _ in range(MOST_LEVELS):
        below = []
        for value in level:
            inside = value.values() if isinstance(value, dict) else value
            parts += len(value)
            if parts > MOST_PARTS:
                raise ValueError(
                    f"The JSON schema has more than {MOST_PARTS} keys and list items, too many "
                    "for the engine: ask for less at once"
                )
            for item in inside:
                if isinstance(item, int) and abs(item) > LARGEST_INTEGER:
                    raise ValueError(
                        "The JSON schema has a number of more than 64 bits: use a smaller one"
                    )
                if isinstance(item, dict | list):
                    below.append(item)
        level = below
    if level:
        raise ValueError(
            f"The JSON schema is nested deeper than {MOST_LEVELS} levels: make it flatter"
        )
