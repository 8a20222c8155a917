"""Fine-tuned models: those that jobs made, and those that are prepared in files."""

from dataclasses import replace
from pathlib import Path

from course_utils import registry, weights
from course_utils.endpoint.access import Person
from course_utils.endpoint.store import Store
from course_utils.finetune.prepared import prepared_models
from course_utils.registry import Model


def models(store: Store, person: Person) -> list[Model]:
    """The fine-tuned models that they may ask, each an entry like its base's."""
    entries = registry.models()
    made = [
        _tuned(entries[row["base"]], row["id"], store.folder / row["adapter"])
        for row in store.all("models", **person.only)
        if row["base"] in entries
    ]
    return made + prepared_models()


def delete(store: Store, name: str) -> bool:
    """Remove a model that a job made; the job and its PEFT folder stay.

    Returns:
        False when no job made it.
    """
    row = store.get("models", name)
    if row is None:
        return False
    store.delete("models", name)
    weights.remove(store.folder / row["adapter"])
    return True


def _tuned(base: Model, name: str, adapter: Path) -> Model:
    named = {"id": name, "name": f"{base.name}, fine-tuned"}
    return replace(base, **named, base=base.id, adapter=adapter)
