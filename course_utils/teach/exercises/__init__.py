"""Exercises with feedback: ``check("02.1", answer)`` says what is missing, ``hint("02.1")`` helps.

Each lesson's checks stand in ``lesson_NN.py``. The worked solutions in ``notebooks/solutions`` are
the source of the notebooks in ``notebooks/exercises`` (``make exercises``).
"""

from course_utils.teach.exercises.core import check, hint

__all__ = ["check", "hint"]
