"""``/v1/models``."""

from typing import Any

from fastapi import APIRouter, Request

from course_utils import registry
from course_utils.endpoint import jobs, tuned
from course_utils.endpoint.access import who
from course_utils.endpoint.errors import EndpointError
from course_utils.registry import Model

router = APIRouter()


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """All names under which something answers here."""
    catalog = request.app.state.catalog
    served = {model.id: model for model in catalog.models(who(request))}
    named = served | {name: served[target] for name, target in catalog.aliases.items()}
    return {"object": "list", "data": [_entry(name, model) for name, model in named.items()]}


@router.get("/v1/models/{model_id:path}")
async def retrieve_model(model_id: str, request: Request) -> dict[str, Any]:
    """One of them."""
    catalog = request.app.state.catalog
    return _entry(model_id, catalog.find(model_id, person=who(request)))


@router.delete("/v1/models/{model_id:path}")
async def delete_model(model_id: str, request: Request) -> dict[str, Any]:
    """Remove a model that a job made here."""
    state = request.app.state
    model = state.catalog.find(model_id, person=who(request))
    if not tuned.delete(state.store, model_id):
        raise EndpointError(
            f"{model.id} came with the course. Only models made by fine-tuning jobs are deleted.",
            param="model",
        )
    state.catalog.forget(model_id)
    return {"id": model_id, "object": "model", "deleted": True}


def _entry(name: str, model: Model) -> dict[str, Any]:
    owner = jobs.ORGANISATION if model.adapter else "local"
    entry = {"id": name, "object": "model", "created": _created(model), "owned_by": owner}
    if name != model.id:
        entry["alias_of"] = model.id
    return entry


def _created(model: Model) -> int:
    """When its weights were put here, in seconds since 1970."""
    path = model.adapter or registry.file_path(model, model.files[0])
    return int(path.stat().st_mtime) if path.exists() else 0
