"""A training's loss as a drawing for the endpoint's page. No library: it is drawn every few
seconds, in the process that answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 38, 10, 10, 34
MOST_POINTS = 150

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """What the template draws, in units of the picture, and the words beside it.

    Attributes:
        train, valid: Points of the two losses, from left to right.
        levels: (height, label) of the horizontal lines.
        last_step: The end of the lower axis.
        words: What the curve says, for those who do not see it.
    """

    train: list[Point]
    valid: list[Point]
    levels: list[tuple[float, str]]
    last_step: int
    words: str


def curve(events: Sequence[dict[str, Any]]) -> Curve | None:
    """The curve of a training.

    Args:
        events: Data of its metric events, in order.

    Returns:
        ``None`` while no loss is known.
    """
    # A step trained twice, before and after a restart, counts once.
    train, valid = (_series(events, name) for name in ("train_loss", "valid_loss"))
    if not train:
        return None
    steps = max(events[-1].get("total_steps") or 0, *train, *valid)
    highest = max([*train.values(), *valid.values()])
    level = _level(highest)
    count = max(1, math.ceil(highest / level))

    def place(step: int, loss: float) -> Point:
        right = LEFT + (WIDTH - LEFT - RIGHT) * step / steps
        return round(right, 1), _down(loss / (level * count))

    first, last = min(train), max(train)
    words = f"Training loss {train[last]:.2f} at step {last} of {steps}"
    if first != last:
        words += f", {train[first]:.2f} at step {first}"
    if valid:
        words += f"; validation loss {valid[max(valid)]:.2f}"
    return Curve(
        train=[place(*pair) for pair in _thinned(train)],
        valid=[place(*pair) for pair in _thinned(valid)],
        levels=[(_down(n / count), f"{level * n:g}") for n in range(count + 1)],
        last_step=steps,
        words=words,
    )


def _series(events: Sequence[dict[str, Any]], name: str) -> dict[int, float]:
    found = {data["step"]: data[name] for data in events if math.isfinite(data.get(name, math.inf))}
    return dict(sorted(found.items()))


def _thinned(series: dict[int, float]) -> list[tuple[int, float]]:
    pairs = list(series.items())
    every = math.ceil(len(pairs) / MOST_POINTS) or 1
    return pairs[:-1:every] + pairs[-1:]


def _level(highest: float) -> float:
    """A round distance between lines, for two to five of them."""
    power = 10 ** math.floor(math.log10(max(highest, 1e-6) / 2))
    return next(power * n for n in (1, 2, 5, 10) if highest / (power * n) <= 4)


def _down(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)
