"""``course prepare``: builds beforehand what lessons build on first use, so any starts cold."""

from collections.abc import Callable

from course_utils import registry, weights
from course_utils.errors import CourseError
from course_utils.settings import settings

INDEX = "lesson-05"


def prepare(say: Callable[[str], None] = print) -> None:
    """Build what is absent: weights, training base, fine-tuned models, the combined lesson's index.

    Run again it only looks. Without the training packages the base is left out, and said so.

    Args:
        say: Called with a line per step.

    Raises:
        CourseError: A step failed.
    """
    for model in (registry.local_chat(), registry.local_encoder()):
        weights.prepare(model, say=say)
        say(f"weights of {model.name}: ready")
    say(f"training base: {_base()}")
    say(f"fine-tuned models: {_adapters(say)}")
    say(f"index {INDEX}: {_index()}")
    say("Everything is prepared: any lesson starts at once.")


def _base() -> str:
    from course_utils.finetune.base import prepare_base, require_train_extra

    try:
        require_train_extra()
    except CourseError as error:  # the core install does without
        return f"left out, {error.what} (lessons 03 and 04 need them)"
    prepare_base(registry.local_chat())
    return "ready"


def _adapters(say: Callable[[str], None]) -> str:
    from course_utils.finetune.prepared import RECIPES, found, prepared_adapter

    names = [prepared_adapter(name, say) for name in RECIPES]
    for adapter in found():
        if adapter.model_id in names:
            adapter.gguf()
    return ", ".join(names)


def _index() -> str:
    if (settings().indexes_dir / INDEX).exists():
        return "built already"  # perhaps open in a notebook, and one process at a time may use it
    from langchain_openai import OpenAIEmbeddings

    from course_utils.connection import connect
    from course_utils.knowledge.index import update_index
    from course_utils.knowledge.passages import acme_chunks
    from course_utils.knowledge.store import open_store

    model = connect().embedding_model
    store = open_store(INDEX, OpenAIEmbeddings(model=model, check_embedding_ctx_length=False))
    return str(update_index(store, acme_chunks("v1")))
