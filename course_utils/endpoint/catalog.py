"""Which models are served, under which names, and loading each one when it is first asked for."""

import asyncio
from collections.abc import Callable, Mapping

from course_utils import registry, weights
from course_utils.endpoint.access import ALONE, Person
from course_utils.endpoint.encoder import Encoder
from course_utils.endpoint.engine import Engine
from course_utils.endpoint.errors import EndpointError, ModelNotFoundError
from course_utils.errors import CourseError
from course_utils.registry import Model
from course_utils.settings import settings

# A switch to a larger model and back needs two; more would only hold memory.
MAX_LOADED_ENGINES = 2


class Catalog:
    """The models of this machine.

    One engine per model, never one engine with changing adapters: llama.cpp's prompt cache of one
    would otherwise be read by the other, with wrong answers.

    Args:
        aliases: Extra name → id of a served model. Answers still carry the real id.
        tuned_models: Says which fine-tuned models there are for somebody.
        most_engines: Chat models in memory at once.
        parallel: Requests that the base model answers at the same time; ``None``: as the settings
            say. A fine-tuned model always follows the settings.
        cache_mb: Memory for prompts that the base model has read.

    Raises:
        CourseError: An alias points nowhere, or takes the name of a real model.
    """

    def __init__(
        self,
        aliases: Mapping[str, str] | None = None,
        tuned_models: Callable[[Person], list[Model]] = lambda _person: [],
        most_engines: int = MAX_LOADED_ENGINES,
        parallel: int | None = None,
        cache_mb: int = 0,
    ) -> None:
        self.aliases = dict(aliases or {})
        self._tuned_models = tuned_models
        self._most_engines = most_engines
        self._of_base = {"parallel": parallel, "cache_mb": cache_mb}
        self.default_chat = registry.local_chat()
        self.encoder_model = registry.local_encoder()
        self._engines: dict[str, Engine] = {}
        self._encoder: Encoder | None = None
        self._loading = asyncio.Lock()
        served = self.ids()
        for name, target in self.aliases.items():
            if target not in served or name in served:
                raise CourseError(
                    f"the alias {name!r} cannot stand for {target!r}",
                    f"give it a name of its own and one of the models: {', '.join(served)}",
                )

    def models(self, person: Person = ALONE) -> list[Model]:
        """What they may ask: the default chat model and the encoder, then every other chat model
        that is prepared, the fine-tuned ones last."""
        first = [self.default_chat, self.encoder_model]
        rest = [m for m in registry.models().values() if m not in first and m.role == "chat"]
        rest += self._tuned_models(person)
        return first + [m for m in rest if m.runs == "local" and _prepared(m)]

    def ids(self, person: Person = ALONE) -> list[str]:
        """Ids of ``models()``."""
        return [model.id for model in self.models(person)]

    def find(self, name: str, role: str | None = None, person: Person = ALONE) -> Model:
        """The model that a request means by ``name``.

        Raises:
            EndpointError: There is none for this person, or it has another role (``chat``,
                ``embedding``).
        """
        wanted = self.aliases.get(name, name)
        # The usual two are found without a look at the disk.
        usual = {model.id: model for model in (self.default_chat, self.encoder_model)}
        if wanted in usual and role in (None, usual[wanted].role):
            return usual[wanted]
        served = {model.id: model for model in self.models(person)}
        model = served.get(wanted)
        if model is None:
            fit = [m.id for m in served.values() if role in (None, m.role)]
            raise ModelNotFoundError(name, [*fit, *self.aliases])
        if role not in (None, model.role):
            fit = ", ".join(m.id for m in served.values() if m.role == role)
            raise EndpointError(
                f"{model.id} is a model for {model.role}. For {role} use: {fit}.", param="model"
            )
        return model

    async def engine(self, model: Model) -> Engine:
        """The engine of a chat model, loaded when it is not yet.

        Raises:
            CourseError: Its weights are not prepared, or damaged.
        """
        if model.id not in self._engines:
            async with self._loading:
                if model.id not in self._engines:
                    self._unload(self._most_engines - 1)
                    size = {} if model.adapter else self._of_base
                    engine = await asyncio.to_thread(load_engine, model, **size)
                    self._engines[model.id] = engine
        engine = self._engines.pop(model.id)
        for other in self._engines.values():  # one model has copies, the one that is asked now
            other.drop_copies()
        self._unload(self._most_engines - 1)  # those that were busy when room was needed
        self._engines[model.id] = engine  # last in the dict = last used
        return engine

    def forget(self, model_id: str) -> None:
        """Unload a model that is no more; answers that it is just giving end in peace."""
        self._engines.pop(model_id, None)

    def unload_idle(self) -> None:
        """Free the memory of all models that nobody is asking; each loads again in half a second,
        when it is asked."""
        self._unload(0)
        self._encoder = None  # whoever is just using it keeps it until then

    async def encoder(self) -> Encoder:
        """The encoder, loaded when it is not yet.

        Raises:
            CourseError: Its weights are not prepared.
        """
        async with self._loading:
            if self._encoder is None:
                self._encoder = await asyncio.to_thread(load_encoder)
            return self._encoder

    def load(self) -> dict[str, int]:
        """Generations running and waiting, over all engines."""
        turns = [engine.turns for engine in self._engines.values()]
        return {
            "running": sum(turn.running for turn in turns),
            "waiting": sum(turn.waiting for turn in turns),
        }

    def _unload(self, most: int) -> None:
        """Keep so many engines, the last used ones; none is unloaded while it answers."""
        idle = [i for i, e in self._engines.items() if not e.turns.running + e.turns.waiting]
        while len(self._engines) > most and idle:
            del self._engines[idle.pop(0)]


def load_encoder() -> Encoder:
    """The encoder, as the settings want it; takes half a second.

    Raises:
        CourseError: Its weights are not prepared.
    """
    model = registry.local_encoder()
    return Encoder(
        model.id,
        weights.sound_path(model, "onnx"),
        weights.sound_path(model, "tokenizer"),
        max_tokens=model.context_tokens,
        threads=settings().threads,
    )


def load_engine(model: Model, parallel: int | None = None, cache_mb: int = 0) -> Engine:
    """An engine for a chat model, as the settings want it; takes a second or so.

    Args:
        model: An entry of the registry, or a fine-tuned one.
        parallel: Requests answered at the same time, if not as many as the settings say.
        cache_mb: Memory for prompts that were read.

    Raises:
        CourseError: Its weights are not prepared, damaged, or llama.cpp cannot read them.
    """
    chosen = settings()
    gguf = weights.sound_path(model, "gguf")
    # llama.cpp would answer with most damaged files, in gibberish.
    if model.adapter and weights.is_damaged(model.adapter):
        raise _broken_adapter(model, "its checksum is wrong")
    try:
        return Engine(
            model.id,
            gguf,
            context_tokens=min(chosen.context_tokens, model.context_tokens),
            parallel=parallel or chosen.parallel,
            threads=chosen.threads,
            adapter=model.adapter,
            cache_mb=cache_mb,
        )
    except RuntimeError as error:
        if model.adapter:
            raise _broken_adapter(model, f"llama.cpp says: {error}") from error
        raise CourseError(
            f"{model.id} cannot be loaded ({error})",
            "`course doctor` looks at weights and memory; close other programs and try again",
        ) from error


def _broken_adapter(model: Model, reason: str) -> CourseError:
    cure = "delete it with client.models.delete(id) and train it again"
    if not model.adapter.is_relative_to(settings().endpoint_dir):  # it came with the course
        cure = f"delete {model.adapter}: it is made anew from the course's data"
    return CourseError(f"the adapter of {model.id} cannot be used: {reason}", cure)


def _prepared(model: Model) -> bool:
    if model.adapter and not model.adapter.exists():
        return False
    return bool(model.files) and all(registry.file_path(model, f).exists() for f in model.files)
