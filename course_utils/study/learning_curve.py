"""How many examples does a style need? Jobs on 10 to 500 of them, scored on products never seen.

Lesson 03 shows the result and trains two of its points again.
"""

from dataclasses import asdict
from pathlib import Path

from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from openai import OpenAI
from tqdm.auto import tqdm

from course_utils import connect
from course_utils.answer import answer_all
from course_utils.evaluate.stats import mean_interval
from course_utils.evaluate.style import score_style
from course_utils.finetune.config import n_epochs_auto
from course_utils.finetune.dataset import SYSTEM, Reply, as_example, load_replies, write_jsonl
from course_utils.finetune.follow import follow, metrics
from course_utils.settings import settings
from course_utils.study.results import save_result

# Examples → how many different draws of them: a small set is a matter of luck.
SIZES = {10: 3, 25: 2, 50: 2, 100: 1, 250: 1, 500: 1}
HELD_OUT, SEEN, VALIDATION = 40, 10, 24
MAX_TOKENS = 90


def run() -> dict:
    """Measure every size and store the result.

    Returns:
        ``{"about", "questions": [ids], "sizes": [{"n", "n_epochs", "draws", "held_out", "seen",
        "train_loss", "valid_loss"}]}``; ``held_out`` and ``seen`` are intervals of the share of
        replies that keep every rule, over all draws.
    """
    base = connect().chat_model
    client = OpenAI()
    train = load_replies("train")
    held_out = [r for r in load_replies("test") if r.kind in ("fact", "how_to")][:HELD_OUT]
    folder = settings().home / "studies" / "learning-curve"
    folder.mkdir(parents=True, exist_ok=True)
    valid = _upload(client, folder / "validation.jsonl", load_replies("validation")[:VALIDATION])
    sizes = []
    for n, draws in tqdm(SIZES.items(), desc="sizes"):
        kept: dict[str, list[bool]] = {"held_out": [], "seen": []}
        losses: dict[str, list[float]] = {"train_loss": [], "valid_loss": []}
        for draw in range(draws):
            rows = train[draw * n : (draw + 1) * n]
            suffix = f"curve-{n}-{draw}"
            job = client.fine_tuning.jobs.create(
                model=base,
                training_file=_upload(client, folder / f"{suffix}.jsonl", rows),
                validation_file=valid,
                method={"type": "supervised"},
                suffix=suffix,
                seed=0,
            )
            job = follow(client, job, quiet=True)
            kept["held_out"] += _keeps_all_rules(job.fine_tuned_model, held_out)
            kept["seen"] += _keeps_all_rules(job.fine_tuned_model, rows[:SEEN])
            curve = metrics(client, job)
            for name, found in losses.items():
                found.append([point[name] for point in curve if name in point][-1])
        sizes.append(
            {"n": n, "n_epochs": n_epochs_auto(n), "draws": draws}
            | {name: asdict(mean_interval(scores)) for name, scores in kept.items()}
            | {name: sum(found) / len(found) for name, found in losses.items()}
        )
    result = {"questions": [reply.id for reply in held_out], "sizes": sizes}
    packages = ("torch", "transformers", "peft", "trl", "xllamacpp")
    save_result("learning-curve", result, "course study learning-curve", packages)
    return result


def _upload(client: OpenAI, path: Path, rows: list[Reply]) -> str:
    write_jsonl(path, (as_example(row.question, row.reply) for row in rows))
    with path.open("rb") as file:
        return client.files.create(file=file, purpose="fine-tune").id


def _keeps_all_rules(model: str, rows: list[Reply]) -> list[bool]:
    llm = ChatOpenAI(model=model, temperature=0, seed=0, max_tokens=MAX_TOKENS)
    chain = ChatPromptTemplate([("system", SYSTEM), ("human", "{question}")]) | llm
    questions = [{"question": row.question} for row in rows]
    answers = answer_all(chain, questions, progress=None, together=2)
    return [score_style(answer.text).perfect for answer in answers]
