"""What a model knew before it was tuned: general facts, none of them Acme's.

Fine-tuning can overwrite what it does not practise. Twenty sentences that have nothing to do with
the training data show it: their loss, and how many the model still completes.
"""

import re

# Beginning of a sentence → its end.
FACTS = (
    ("The capital of France is", "Paris"),
    ("The capital of Italy is", "Rome"),
    ("The capital of Japan is", "Tokyo"),
    ("The largest ocean on Earth is the", "Pacific Ocean"),
    ("The largest planet in the solar system is", "Jupiter"),
    ("The planet closest to the Sun is", "Mercury"),
    ("Water is made of hydrogen and", "oxygen"),
    ("The chemical symbol for gold is", "Au"),
    ("Plants make sugar from light in a process called", "photosynthesis"),
    ("The force that pulls objects towards the Earth is called", "gravity"),
    ("The organ that pumps blood through the body is the", "heart"),
    ("A triangle has three", "sides"),
    ("The opposite of hot is", "cold"),
    ("The days of the weekend are Saturday and", "Sunday"),
    ("The play Romeo and Juliet was written by William", "Shakespeare"),
    ("The first president of the United States was George", "Washington"),
    ("The theory of relativity was developed by Albert", "Einstein"),
    ("The longest river in South America is the", "Amazon"),
    ("The currency of the United States is the", "dollar"),
    ("Bees collect nectar and make", "honey"),
)  # fmt: skip


def knows(completion: str, end: str) -> bool:
    """True when a completion of a fact's beginning names its end.

    Args:
        completion: What the model wrote after the beginning.
        end: From ``FACTS``.
    """
    return re.search(rf"\b{re.escape(end)}\b", completion, re.IGNORECASE) is not None
