"""What a learner has done so far: a file in the course home, no account.

Nothing is sent, unless a learner of a class sets ``COURSE_SHARE_PROGRESS=1``.
"""

import contextlib
import json
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape

from course_utils.settings import NOTEBOOKS, Settings, settings
from course_utils.teach.cells import lesson_files, title

KINDS = ("exercise", "quiz")
SHARE_S = 2.0
COUNTED = "Counted: exercises done and quiz questions answered right."


@dataclass(frozen=True)
class Lesson:
    """How far a learner is in a lesson.

    Attributes:
        number: Such as ``02``.
        title: The notebook's heading.
        notebook: File name.
        done: Exercises solved and quiz questions answered right.
        total: Exercises and quiz questions that there are.
    """

    number: str
    title: str
    notebook: str
    done: int
    total: int


def record(kind: str, name: str) -> None:
    """Remember that an exercise is solved or a quiz question answered right.

    Args:
        kind: One of ``KINDS``.
        name: An id that begins with the lesson, such as ``02.1`` or ``02.q3``.

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    chosen = settings()
    if not chosen.record_progress:
        return
    if (kind, name) not in _recorded():
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        # A line is appended whole, so that two notebooks can record at the same time.
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "name": name, "at": now}) + "\n")
    if chosen.share_progress and chosen.class_key and chosen.provider.startswith("http"):
        # All of it each time, so that what did not arrive comes with the next; and aside, so that
        # no exercise waits for it.
        threading.Thread(target=_share, args=(chosen, _recorded()), daemon=True).start()


def lessons() -> list[Lesson]:
    """All lessons, in order, with what is done of each."""
    done = _recorded()
    found = []
    for path in lesson_files(NOTEBOOKS):
        number = path.name[:2]
        items = _items(number)
        heading = title(json.loads(path.read_text(encoding="utf-8")))
        found.append(Lesson(number, heading, path.name, len(items & done), len(items)))
    return found


def report() -> dict:
    """For scripts: ``{"done", "total", "next", "lessons": [{"number", "title", …}]}``.

    ``next`` is the first lesson that is not finished, ``None`` when all are.
    """
    found = lessons()
    return {
        "done": sum(lesson.done for lesson in found),
        "total": sum(lesson.total for lesson in found),
        "next": _next(found),
        "lessons": [asdict(lesson) for lesson in found],
    }


def as_text() -> str:
    """A line with a bar for each lesson, and where to go on."""
    found = lessons()
    width = max(len(lesson.title) for lesson in found)
    lines = []
    for lesson in found:
        filled = round(20 * lesson.done / max(lesson.total, 1))
        bar = "#" * filled + "." * (20 - filled)
        lines.append(f"{lesson.title:{width}}  [{bar}] {lesson.done:2} of {lesson.total}")
    return "\n".join([*lines, COUNTED, _advice(found)])


def show() -> None:
    """Display the bars in a notebook."""
    from IPython.display import display

    display({"text/html": _as_html(), "text/plain": as_text()}, raw=True)


def reset() -> None:
    """Forget everything."""
    _path().unlink(missing_ok=True)


def _share(chosen: Settings, done: set[tuple[str, str]]) -> None:
    import httpx

    with contextlib.suppress(Exception):  # whatever is wrong with the class, the lesson goes on
        httpx.post(
            f"{chosen.provider.rstrip('/')}/class/progress",
            json={"done": [{"kind": kind, "name": name} for kind, name in sorted(done)]},
            headers={"Authorization": f"Bearer {chosen.class_key.get_secret_value()}"},
            timeout=SHARE_S,
        )


def _path():
    return settings().home / "progress.jsonl"


def _recorded() -> set[tuple[str, str]]:
    try:
        text = _path().read_text(encoding="utf-8")
    except FileNotFoundError:
        return set()
    found = set()
    for line in text.splitlines():
        try:
            row = json.loads(line)
            found.add((row["kind"], row["name"]))
        except (ValueError, KeyError, TypeError):
            continue  # a line cut off by a full disk costs that one item, not the rest
    return found


def all_items() -> set[tuple[str, str]]:
    """Kind and name of all exercises and quiz questions."""
    return set().union(*(_items(path.name[:2]) for path in lesson_files(NOTEBOOKS)))


def _items(lesson: str) -> set[tuple[str, str]]:
    from course_utils.teach.exercises.core import exercises_of
    from course_utils.teach.quiz import load_quiz

    tasks = {("exercise", task.id) for task in exercises_of(lesson)}
    return tasks | {("quiz", question.id) for question in load_quiz(lesson).questions}


def _next(found: list[Lesson]) -> str | None:
    """The first lesson that is not finished."""
    return next((lesson.number for lesson in found if lesson.done < lesson.total), None)


def _advice(found: list[Lesson]) -> str:
    following = _next(found)
    if following is None:
        return "All done. The capstone: your own documents, at the end of lesson 06."
    return f"Go on with lesson {following}."


def _as_html() -> str:
    found = lessons()
    rows = "".join(
        f"<tr><td>{escape(lesson.title)}</td>"
        f'<td><progress max="{lesson.total}" value="{lesson.done}" '
        f'aria-label="{escape(lesson.title)}"></progress></td>'
        f"<td>{lesson.done} of {lesson.total}</td></tr>"
        for lesson in found
    )
    return f"<table>{rows}</table><p>{COUNTED} {escape(_advice(found))}</p>"
