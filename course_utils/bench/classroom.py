"""A room of learners at one endpoint, all at once, while a fine-tuning job trains.

Everybody asks with a key of their own and waits for each answer before the next question, as in
class. The questions are the case's, each with its passage, so that prompts differ in length and
only the system prompt is shared; every second answer is streamed. First one learner asks alone,
beside the same kind of training: what the others are compared with.

Learners begin seven questions apart, so each question is asked by three of them, at other times: a
class that follows one lesson repeats itself more. On two cores all together get 2.2 times one's
tokens; without the prompts that the endpoint keeps for a class it was 1.2 times. For four fifths of
the tokens are prompt, which is read no faster for many, and one alone leaves a core to the
training, many take both.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openai

from course_utils import registry
from course_utils.bench.home import own_home
from course_utils.endpoint.classroom import hand_out, learners
from course_utils.evaluate.questions import load_questions
from course_utils.finetune.base import require_train_extra
from course_utils.finetune.dataset import as_example, load_replies, write_jsonl
from course_utils.knowledge.documents import load_documents
from course_utils.settings import REPO

LEARNERS, REQUESTS, ALONE = 30, 20, 20
SYSTEM = (
    "You are a customer support agent for Acme Corp. Answer from the context, in two sentences."
)
# Of the passage that goes with a question, so many characters: 100 to 400 tokens in all.
PASSAGE = (300, 600, 1000, 1400)
NEW_TOKENS = (40, 60, 80)
EPOCHS = 20
APART = 7  # questions between the first ones of two learners
READY_S = 120


@dataclass(frozen=True)
class _Asked:
    """One request: who asked, what it took, and what came."""

    who: str
    seconds: float
    first_token_s: float | None
    tokens: int
    prompt_tokens: int
    error: str | None = None


def measure(people: int = LEARNERS, requests: int = REQUESTS, alone: int = ALONE) -> dict:
    """Run the benchmark; with the usual numbers it takes 10 to 20 minutes on two cores.

    Args:
        people: Learners who ask at the same time.
        requests: Questions of each.
        alone: Questions of the single learner before.

    Returns:
        ``requests``, ``errors``, ``fairness`` (the slowest learner's median time to an answer over
        the fastest's), ``batching_ratio`` (tokens per second of all over those of one alone),
        ``tokens_per_s``, ``single_tokens_per_s``, ``ttft_p50_ms`` and ``ttft_p95_ms`` (streamed
        answers, waiting in the queue included), ``seconds_p50``, ``seconds_p95``,
        ``prompt_tokens`` (least, median, most), ``job`` (whether it still trains at the end, and
        how far it came while all asked), ``kinds_of_error``.

    Raises:
        CourseError: The training packages are not installed.
    """
    require_train_extra()
    names = learners(people, None)
    with _class_endpoint(names) as (url, keys), _training(url, keys["instructor"]) as progress:
        # Other questions than the class's first ones, whose prompts would be kept by then.
        after_theirs = APART * (people - 1) + requests
        single = _ask_all(url, {names[0]: keys[names[0]]}, alone, after_theirs)
        before, _ = progress()
        started = time.perf_counter()
        asked = _ask_all(url, {name: keys[name] for name in names}, requests)
        seconds = time.perf_counter() - started
        after, status = progress()
    medians = [statistics.median(a.seconds for a in asked if a.who == name) for name in names]
    first = 1000 * np.array([a.first_token_s for a in asked if a.first_token_s is not None])
    rate = sum(a.tokens for a in asked) / seconds
    single_rate = sum(a.tokens for a in single) / sum(a.seconds for a in single)
    times = [a.seconds for a in asked]
    prompts = [a.prompt_tokens for a in asked if a.error is None]
    errors = [a.error for a in single + asked if a.error]
    return {
        "learners": people,
        "requests": len(asked),
        "errors": len(errors),
        "fairness": round(max(medians) / min(medians), 2),
        "batching_ratio": round(rate / single_rate, 2),
        "tokens_per_s": round(rate, 1),
        "single_tokens_per_s": round(single_rate, 1),
        "ttft_p50_ms": round(float(np.percentile(first, 50))),
        "ttft_p95_ms": round(float(np.percentile(first, 95))),
        "seconds_p50": round(float(np.percentile(times, 50)), 1),
        "seconds_p95": round(float(np.percentile(times, 95)), 1),
        "prompt_tokens": [min(prompts), round(statistics.median(prompts)), max(prompts)],
        "job": f"{status}, {after - before} steps meanwhile",
        "kinds_of_error": sorted(set(errors)),
    }


@contextmanager
def _class_endpoint(names: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """A class's endpoint in a course home of its own: its base URL, and everybody's key."""
    with own_home():
        # Made here, so that they need not be read off the server's sheet.
        keys = dict(hand_out(names))
        command = [sys.executable, "-m", "course_utils.cli", "serve", "--class"]
        process = subprocess.Popen(
            [*command, "--learners", str(len(names))], stdout=subprocess.PIPE, text=True, cwd=REPO
        )
        try:
            marker = "answers at "
            line = next(line for line in process.stdout if marker in line)
            yield line.partition(marker)[2].strip(), keys
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def _training(url: str, key: str) -> Iterator[Callable[[], tuple[int, str]]]:
    """One long training, begun before the block; yields what asks for its step and status."""
    client = openai.OpenAI(base_url=url, api_key=key)
    jobs, chat = client.fine_tuning.jobs, client.models.list().data[0].id
    with tempfile.TemporaryDirectory() as folder:
        rows = [as_example(reply.question, reply.reply) for reply in load_replies("train")]
        path = write_jsonl(Path(folder) / "training.jsonl", rows)
        file = client.files.create(file=path, purpose="fine-tune")
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": EPOCHS}}}
    job = jobs.create(model=chat, training_file=file.id, method=method)

    def progress() -> tuple[int, str]:
        steps = [e.data["step"] for e in jobs.list_events(job.id, limit=10).data if e.data]
        return max(steps, default=0), jobs.retrieve(job.id).status

    deadline = time.monotonic() + READY_S
    while not progress()[0] and time.monotonic() < deadline:
        time.sleep(0.5)
    try:
        yield progress
    finally:
        with suppress(openai.APIError):
            jobs.cancel(job.id)


def _ask_all(url: str, keys: dict[str, str], requests: int, first: int = 0) -> list[_Asked]:
    """Everybody asks so many questions, all at the same time; the first learner from ``first``."""
    prompts = _prompts()
    chat = registry.local_chat().id
    together = threading.Barrier(len(keys))

    def learner(place: int, who: str, key: str) -> list[_Asked]:
        client = openai.OpenAI(base_url=url, api_key=key, timeout=600)
        start = first + APART * place
        mine = itertools.islice(itertools.cycle(prompts), start, start + requests)
        together.wait()
        return [
            _ask(client, chat, who, prompt, NEW_TOKENS[number % 3], streamed=bool(number % 2))
            for number, prompt in enumerate(mine)
        ]

    with ThreadPoolExecutor(len(keys)) as pool:
        rounds = [pool.submit(learner, at, *item) for at, item in enumerate(keys.items())]
        return [asked for one in rounds for asked in one.result()]


def _prompts() -> list[str]:
    """A question with a part of the document that answers it, in four lengths."""
    texts = {document.metadata["source"]: document.page_content for document in load_documents()}
    found = []
    for number, question in enumerate(load_questions()):
        text = next((texts[source] for source in question.sources if source in texts), "")
        passage = text[: PASSAGE[number % len(PASSAGE)]]
        found.append(f"Context:\n{passage}\n\nQuestion: {question.question}")
    return found


def _ask(
    client: openai.OpenAI, chat: str, who: str, prompt: str, tokens: int, streamed: bool
) -> _Asked:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    body = {"model": chat, "messages": messages, "max_tokens": tokens, "temperature": 0.7}
    started, first = time.perf_counter(), None
    try:
        if streamed:
            options = {"stream": True, "stream_options": {"include_usage": True}}
            for chunk in client.chat.completions.create(**body, **options):
                if first is None and chunk.choices and chunk.choices[0].delta.content:
                    first = time.perf_counter() - started
                usage = chunk.usage
        else:
            usage = client.chat.completions.create(**body).usage
    except openai.APIError as error:
        took = time.perf_counter() - started
        return _Asked(who, took, None, 0, 0, f"{type(error).__name__}: {error}"[:200])
    took = time.perf_counter() - started
    return _Asked(who, took, first, usage.completion_tokens, usage.prompt_tokens)
