"""What a hosted request can cost at most, before it is sent."""

import json
from dataclasses import replace

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.registry import Model

DEFAULT_MAX_OUTPUT = 16_384
# These change what a token costs, or add tokens that the request's length does not bound; in
# brackets the values that do neither.
UNBOUNDED: dict[str, tuple] = {
    "audio": (),
    "modalities": (["text"],),
    "service_tier": ("default", "flex"),
    "web_search_options": (),
}


def priced(model_id: object) -> Model:
    """A model with prices; of a fine-tuned one (``ft:...``) its base's entry with the tuned prices.

    Raises:
        CourseError: It is unknown, or nobody has noted what it costs.
    """
    if not str(model_id).startswith("ft:"):
        entry = registry.model(str(model_id))
        entry.check_price()
        return entry
    base = registry.model(str(model_id).split(":")[1])
    if base.usd_tuned_input is None or base.usd_tuned_output is None:
        raise CourseError(
            f"no price for fine-tuned models of {base.id} in data/models.toml",
            "add usd_tuned_input and usd_tuned_output (dollars per million tokens) to its entry",
        )
    return replace(base, usd_input=base.usd_tuned_input, usd_output=base.usd_tuned_output)


def most_usd(body: dict) -> float:
    """The most that a chat or embeddings request can cost, in US dollars.

    Raises:
        CourseError: The model has no price, or the request could cost more than can be known.
    """
    entry = priced(body.get("model"))
    _check_bounded(body)
    # No token is shorter than a byte, so the request's length bounds its tokens in any language.
    tokens_in = len(json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass"))
    if entry.role == "embedding":
        return entry.cost(tokens_in)
    limit = max(_count(body, "max_completion_tokens"), _count(body, "max_tokens"))
    tokens_out = limit or entry.max_output_tokens or DEFAULT_MAX_OUTPUT
    return entry.cost(tokens_in, tokens_out * max(1, _count(body, "n")))


def _count(body: dict, name: str) -> int:
    value = body.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CourseError(f"{name} is {value!r}", f"make {name} a whole number of at least 1")
    return value


def _check_bounded(body: dict) -> None:
    for name, harmless in UNBOUNDED.items():
        value = body.get(name)
        if value is not None and value not in harmless:
            raise CourseError(
                f"{name}={value!r} changes the price in a way that the course does not know",
                f"leave {name} out",
            )
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        parts = message.get("content") if isinstance(message, dict) else None
        for part in parts if isinstance(parts, list) else ():
            kind = part.get("type") if isinstance(part, dict) else None
            if kind not in {"text", "refusal"}:
                raise CourseError(
                    f"a message holds a part of type {kind!r}, whose price cannot be bounded",
                    "send text only",
                )
