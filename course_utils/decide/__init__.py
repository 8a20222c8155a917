"""Which approach fits: the guide's rules, a bake-off's measurements, one recommendation."""

from course_utils.decide.engine import Reason, Recommendation, recommend
from course_utils.decide.widget import ask

__all__ = ["Reason", "Recommendation", "ask", "recommend"]
