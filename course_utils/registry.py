"""Models and prices: reads ``data/models.toml``, the only file that spells a model id."""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.settings import DATA, settings, write_atomic

REGISTRY_FILE = DATA / "models.toml"
WARN_BEFORE = timedelta(days=60)


@dataclass(frozen=True)
class WeightFile:
    """One file of a model's weights, from a package's wheel or from the Hugging Face hub.

    Attributes:
        name: What the course calls it (``gguf``, ``onnx``, ``tokenizer``).
        filename: Its name on disk.
        bytes, sha256: Size and checksum, where the registry pins them.
        package, member: Pinned package (``name==version``) and the path inside its wheel.
        hub_repo: Repository on the hub, where the file has the same name.
    """

    name: str
    filename: str
    bytes: int | None = None
    sha256: str | None = None
    package: str | None = None
    member: str | None = None
    hub_repo: str | None = None


@dataclass(frozen=True)
class Model:
    """One entry of the registry. Prices are US dollars per million tokens, memory in MB.

    ``reads_passages`` (passages that the model makes use of in one prompt) and ``rag_prompt`` (a
    key of ``bakeoff.approaches.RAG_PROMPTS``) are what the bake-off takes unless told otherwise.

    A fine-tuned model is its base's entry with another id, the ``base``'s id, and an ``adapter``
    (a GGUF file).
    """

    id: str
    name: str
    role: str
    runs: str
    license: str
    source: str
    verified_on: date
    context_tokens: int
    parameters: int | None = None
    dimensions: int | None = None
    memory_mb: int | None = None
    reads_passages: int = 5
    rag_prompt: str = "guide"
    speed: float | None = None
    max_output_tokens: int | None = None
    usd_input: float | None = None
    usd_output: float | None = None
    usd_training: float | None = None
    usd_tuned_input: float | None = None
    usd_tuned_output: float | None = None
    retires_on: date | None = None
    replacement: str | None = None
    base_repo: str | None = None
    files: tuple[WeightFile, ...] = ()
    base: str | None = None
    adapter: Path | None = None

    def cost(self, tokens_in: int, tokens_out: int = 0) -> float:
        """US dollars for a request; 0 for a model that runs on this machine and has no price.

        Raises:
            CourseError: The registry has no price for a hosted model.
        """
        if self.runs != "hosted" and not self._has_price:
            return 0.0
        self.check_price()
        return (tokens_in * self.usd_input + tokens_out * self.usd_output) / 1_000_000

    def training_cost(self, tokens: int, n_epochs: int) -> float:
        """US dollars for training at the model's host; every epoch is paid.

        Args:
            tokens: Tokens of the training file.
            n_epochs: Times that each of them is seen.

        Raises:
            CourseError: The registry has no price.
        """
        if self.usd_training is None:
            raise CourseError(
                f"no price for training {self.id} in data/models.toml",
                "add usd_training (dollars per million tokens) to its entry",
            )
        return tokens * n_epochs * self.usd_training / 1_000_000

    def check_price(self) -> None:
        """Raise a CourseError unless the registry says what the model costs."""
        if not self._has_price:
            raise CourseError(
                f"no price for {self.id} in data/models.toml",
                "add usd_input and usd_output (dollars per million tokens) to its entry",
            )

    def leaves_by(self, day: date) -> bool:
        """True when its host retires it on that day or before."""
        return self.retires_on is not None and self.retires_on <= day

    @property
    def hub_id(self) -> str:
        """The unquantised model on the Hugging Face hub, where adapters look for their base."""
        return self.base_repo or self.id

    @property
    def _has_price(self) -> bool:
        return self.usd_input is not None and self.usd_output is not None


@cache
def _registry() -> tuple[dict[str, str], dict[str, Model]]:
    with REGISTRY_FILE.open("rb") as file:
        content = tomllib.load(file)
    entries = {}
    for entry in content["model"]:
        files = tuple(WeightFile(**weights) for weights in entry.pop("file", []))
        entries[entry["id"]] = Model(**entry, files=files)
    return content["defaults"], entries


def models() -> dict[str, Model]:
    """All models of the registry by id."""
    return dict(_registry()[1])


def model(model_id: str) -> Model:
    """Look a model up.

    Raises:
        CourseError: The registry has no such id.
    """
    try:
        return _registry()[1][model_id]
    except KeyError:
        raise CourseError(
            f"no model {model_id!r} in data/models.toml",
            "`course models list` shows the ids; add an entry for a model of your own",
        ) from None


def _choice_file() -> Path:
    return settings().home / "chat_model.txt"


def local_chat() -> Model:
    """The chat model that the local endpoint answers with.

    ``COURSE_CHAT_MODEL`` counts before the choice of ``course models use``, and that before the
    registry's default.
    """
    chosen = settings().chat_model if settings().provider == "local" else None
    if chosen is None and _choice_file().exists():
        chosen = _choice_file().read_text(encoding="utf-8").strip()
    entry = model(chosen or _registry()[0]["local_chat"])
    check_local_chat(entry)
    return entry


def check_local_chat(entry: Model) -> None:
    """Raise a CourseError unless the local endpoint can answer with this model."""
    if entry.runs != "local" or entry.role != "chat":
        usable = [m.id for m in models().values() if m.runs == "local" and m.role == "chat"]
        raise CourseError(
            f"{entry.id} cannot answer on this machine",
            f"`course models use` with one of: {', '.join(usable)}",
        )


def choose_local_chat(entry: Model) -> None:
    """Remember a model as this course home's local chat model."""
    write_atomic(_choice_file(), entry.id + "\n")


def local_encoder() -> Model:
    """The embedding model of the local endpoint."""
    return model(_registry()[0]["local_embedding"])


def hosted_chat(today: date | None = None) -> Model:
    """The hosted chat model of the lessons: the guide's, or its replacement once it is retired."""
    return _not_retired(model(_registry()[0]["hosted_chat"]), today or date.today())


def hosted_encoder(today: date | None = None) -> Model:
    """The hosted embedding model of the lessons, or its replacement once it is retired."""
    return _not_retired(model(_registry()[0]["hosted_embedding"]), today or date.today())


def tunable() -> Model:
    """The hosted model that the guide fine-tunes; its prices stand for a hosted model's."""
    return next(entry for entry in models().values() if entry.usd_training)


def _not_retired(entry: Model, today: date) -> Model:
    while entry.retires_on and entry.replacement and today >= entry.retires_on:
        entry = model(entry.replacement)
    return entry


def retiring(*ids: str, today: date | None = None) -> list[str]:
    """What is to be said of those models that their host ends within 60 days, a sentence each."""
    soon = (today or date.today()) + WARN_BEFORE
    entries = (_registry()[1].get(name) for name in ids)  # a fine-tuned one is not in it
    return [
        f"its host retires {entry.id} on {entry.retires_on}, "
        + (f"{entry.replacement} replaces it" if entry.replacement else "no replacement is named")
        for entry in entries
        if entry and entry.leaves_by(soon)
    ]


def file_path(entry: Model, weights: WeightFile) -> Path:
    """Where a weight file lies once it is prepared (it need not exist yet)."""
    return settings().models_dir / (entry.base or entry.id) / weights.filename


def model_path(entry: Model, name: str) -> Path:
    """The prepared weight file of a model.

    Args:
        entry: A model with files.
        name: The file's name in the registry: ``gguf``, ``onnx`` or ``tokenizer``.

    Raises:
        CourseError: The file is not there, or has the wrong size.
    """
    weights = next(file for file in entry.files if file.name == name)
    path = file_path(entry, weights)
    cure = f"run `course models prepare {entry.base or entry.id}`"
    if not path.exists():
        raise CourseError(f"the weights of {entry.id} are not prepared ({path} is missing)", cure)
    if weights.bytes is not None and path.stat().st_size != weights.bytes:
        raise CourseError(f"{path} is damaged ({path.stat().st_size} bytes)", cure)
    return path
