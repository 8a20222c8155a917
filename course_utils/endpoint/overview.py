"""What the endpoint does just now, as far as somebody may see it: for its page."""

import functools
import time
from collections import Counter, defaultdict
from typing import Any

import psutil
from starlette.datastructures import State

from course_utils.endpoint.access import STRANGER, Person, stored_bytes
from course_utils.endpoint.catalog import Catalog
from course_utils.endpoint.curve import curve
from course_utils.endpoint.order import in_turn
from course_utils.endpoint.store import Row, Store
from course_utils.registry import Model

MIB, GIB = 2**20, 2**30
# Trainings that have ended, curves, models of trainings: the latest ones.
MOST_ENDED, MOST_CURVES, MOST_MADE = 5, 4, 20
RENEWED_S = 60


def overview(state: State, person: Person) -> dict[str, Any]:
    """All that the page shows.

    Args:
        state: The endpoint's.
        person: Who looks. A stranger sees nothing that anybody made.
    """
    stranger = person is STRANGER
    names_all = state.is_class and person.sees_all
    line = in_turn(state.store)
    places = {job["id"]: place for place, job in enumerate(line, 1)}
    jobs = [] if stranger else _jobs(state.store, person, places)
    prepared = _prepared_models(state.catalog, int(time.monotonic() / RENEWED_S))
    made = [] if stranger else [row["id"] for row in state.store.all("models", **person.only)]
    return {
        "stranger": stranger,
        "names_all": names_all,
        "ready": state.ready.is_set(),
        "figures": _figures(state, line),
        "models": [model for model in prepared if not (stranger and model.adapter)],
        "made": made[::-1][:MOST_MADE],
        "made_count": len(made),
        "jobs": [_job(state.store, job, places) for job in jobs],
        "curves": [] if stranger else _curves(state.store, jobs),
        "learners": _learners(state, places) if names_all else [],
        "progress": _progress(state, person) if state.is_class and not stranger else None,
    }


@functools.lru_cache(maxsize=1)
def _prepared_models(catalog: Catalog, _period: int) -> list[Model]:
    """Those that are everybody's. Kept for a while: a look at the disk takes 50 ms, and thirty
    browsers ask every few seconds."""
    return catalog.models(STRANGER)


def _figures(state: State, line: list[Row]) -> list[tuple[str, str]]:
    load = state.catalog.load()
    running = sum(job["status"] == "running" for job in line)
    memory = psutil.Process().memory_info().rss / MIB
    free = psutil.virtual_memory().available / GIB
    return [
        ("tokens a second, last 30 s", f"{state.traffic.tokens_per_s():,.1f}"),
        ("answers being made", f"{load['running']}"),
        ("requests waiting", f"{load['waiting']}"),
        ("trainings running", f"{running}"),
        ("trainings waiting", f"{len(line) - running}"),
        ("requests so far", f"{state.activity.requests:,}"),
        ("MB of memory used", f"{memory:,.0f}"),
        ("GB of memory free", f"{free:,.1f}"),
        ("running for", _duration(time.monotonic() - state.started)),
    ]


def _duration(seconds: float) -> str:
    minutes = int(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _jobs(store: Store, person: Person, places: dict[str, int]) -> list[Row]:
    """Theirs: first the line, then those that do not stand in it, then the last that ended."""
    jobs = store.all("jobs", **person.only)
    ended = [job for job in jobs if job["finished_at"]]
    others = [job for job in jobs if not job["finished_at"]]
    others.sort(key=lambda job: places.get(job["id"], len(places) + 1))
    return others + sorted(ended, key=lambda job: -job["finished_at"])[:MOST_ENDED]


def _job(store: Store, job: Row, places: dict[str, int]) -> dict[str, Any]:
    last = store.page("events", limit=1, job=job["id"]).rows[0]
    return {**_named(job), "place": places.get(job["id"]), "said": last["message"]}


def _named(job: Row) -> dict[str, Any]:
    suffix = job["tuned_name"].split(":")[-2]
    return {**{name: job[name] for name in ("id", "owner", "status")}, "suffix": suffix}


def _curves(store: Store, jobs: list[Row]) -> list[dict[str, Any]]:
    found = []
    for job in jobs:
        events = store.all("events", job=job["id"], type="metrics")
        drawn = curve([event["data"] for event in events])
        if drawn:
            found.append({**_named(job), "curve": drawn})
        if len(found) == MOST_CURVES:
            break
    return found


def _learners(state: State, places: dict[str, int]) -> list[dict[str, Any]]:
    stored = stored_bytes(state.store, Person("", sees_all=True))
    states: dict[str, Counter[str]] = defaultdict(Counter)
    place: dict[str, int] = {}
    for job in state.store.all("jobs"):
        states[job["owner"]][job["status"]] += 1
        if job["id"] in places:
            first = place.get(job["owner"], places[job["id"]])
            place[job["owner"]] = min(first, places[job["id"]])
    return [
        {
            "name": name,
            "requests": state.traffic.requests[name],
            "in_flight": state.traffic.in_flight[name],
            "tokens": state.traffic.tokens[name],
            "stored": stored[name] / MIB,
            "jobs": ", ".join(f"{n} {what}" for what, n in sorted(states[name].items())),
            "place": place.get(name),
        }
        for name in state.keys.learners
    ]


def _progress(state: State, person: Person) -> dict[str, Any]:
    """Of those who share it: lesson by lesson, how much is done."""
    done: dict[str, Counter[str]] = defaultdict(Counter)
    for row in state.store.all("solved", **person.only):
        if (row["kind"], row["name"]) in state.items:
            done[row["owner"]][row["name"][:2]] += 1
    totals = Counter(name[:2] for _, name in state.items)
    names = state.keys.learners if person.sees_all else [person.name]
    return {
        "totals": dict(sorted(totals.items())),
        "people": [{"name": name, "done": done[name]} for name in names if name in done],
        "learners": len(names),
    }
