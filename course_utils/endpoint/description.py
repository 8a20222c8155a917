"""``/openapi.json``: what FastAPI reads from the routes, and what only people know about them."""

from typing import Any

from fastapi import FastAPI

from course_utils.endpoint.uploads import LONGEST_NAME

ERROR = {
    "title": "Error",
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string", "minLength": 1},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
UPLOAD = {
    "type": "object",
    "required": ["purpose", "file"],
    "additionalProperties": False,
    "properties": {
        "purpose": {"enum": ["fine-tune"]},
        "file": {
            "type": "string",
            "format": "binary",
            "description": f"With a file name of at most {LONGEST_NAME} characters.",
        },
    },
}
METADATA = {
    "name": "metadata",
    "in": "query",
    "description": "Only jobs with these pairs: `metadata[key]=value`.",
    "style": "deepObject",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 16},
}


def install(app: FastAPI) -> None:
    """Let ``app`` describe its errors, its upload form and its answers that are no JSON."""
    read_from_routes = app.openapi

    def described() -> dict[str, Any]:
        if not app.openapi_schema:
            _complete(read_from_routes())
        return app.openapi_schema

    app.openapi = described


def _complete(found: dict[str, Any]) -> None:
    """Write the rest into FastAPI's own description, which it keeps."""
    schemas = found["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    paths = found["paths"]
    for operations in paths.values():
        for operation in operations.values():
            answers = operation["responses"]
            answers.pop("422", None)
            answers["4XX"] = {"description": "The request cannot be answered", "content": content}
            answers["503"] = {"description": "Not ready, or too busy", "content": content}
    paths["/v1/files"]["post"]["requestBody"] = {
        "required": True,
        "content": {"multipart/form-data": {"schema": UPLOAD}},
    }
    paths["/v1/fine_tuning/jobs"]["get"]["parameters"].append(METADATA)
    streamed = {"text/event-stream": {"schema": {"type": "string"}}}
    paths["/v1/chat/completions"]["post"]["responses"]["200"]["content"] |= streamed
    paths["/v1/files/{file_id}/content"]["get"]["responses"]["200"]["content"] = {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }
    starting = {"application/json": {"schema": {"type": "object"}}}
    paths["/health"]["get"]["responses"]["503"] = {"description": "Starting", "content": starting}
