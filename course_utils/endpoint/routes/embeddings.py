"""``POST /v1/embeddings``."""

import base64

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from course_utils.endpoint.disconnect import unless_gone
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.schemas import EmbeddingRequest

router = APIRouter()


@router.post("/v1/embeddings")
async def embeddings(body: EmbeddingRequest, request: Request) -> Response:
    """Turn texts into unit-length vectors.

    Of an input longer than the encoder reads, only the beginning counts; the answer then has a
    field ``truncated`` with the index, the length and what was read, in tokens.
    """
    catalog = request.app.state.catalog
    model = catalog.find(body.model, "embedding")
    if body.dimensions not in (None, model.dimensions):
        raise EndpointError(
            f"{model.id} has {model.dimensions} dimensions, no other number. Leave dimensions out.",
            param="dimensions",
        )
    encoder = await catalog.encoder()
    encoded = await unless_gone(request, encoder.encode(body.items()))
    if body.encoding_format == "base64":
        rows = encoded.vectors.astype("<f4")
        vectors = [base64.b64encode(row.tobytes()).decode() for row in rows]
    else:
        vectors = encoded.vectors.tolist()
    total = sum(encoded.tokens)
    answer = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "model": model.id,
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }
    if encoded.truncated:
        answer["truncated"] = [
            {"index": index, "tokens": tokens, "read": encoder.max_tokens}
            for index, tokens in encoded.truncated.items()
        ]
    return Response(to_json(answer), media_type="application/json")
