"""What a request may contain. Unknown names and wrong types are refused, never guessed at."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from course_utils.endpoint.answer_schema import check_schema

MOST_KEYS = 100


def _few_keys(given: object) -> object:
    # Before each of them is looked at: a report on a million wrong ones takes a gigabyte. For the
    # same reason lists stop at the first wrong item.
    if isinstance(given, dict) and len(given) > MOST_KEYS:
        raise ValueError(f"An object has {len(given):,} keys, and {MOST_KEYS} are the most")
    return given


class _Strict(BaseModel):
    # Strict: "0.5" is no temperature. OpenAI refuses it too, and so a bug shows here already.
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    _few_keys = model_validator(mode="before")(_few_keys)


Metadata = Annotated[dict[str, str], BeforeValidator(_few_keys)]


class TextPart(_Strict):
    """One text part of a message."""

    type: Literal["text"]
    text: str


class Message(_Strict):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(fail_fast=True)] | None = None
    name: str | None = None
    # A client that sends an earlier answer back includes these; only their empty forms fit here.
    refusal: str | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None
    tool_calls: Annotated[list[Any], Field(max_length=0)] | None = None

    @field_validator("role", mode="before")
    @classmethod
    def _no_tools(cls, role: object) -> object:
        if role in ("tool", "function"):
            raise ValueError(f"Role {role!r} needs tools, and the local models cannot use tools")
        return role

    @field_validator("content", mode="before")
    @classmethod
    def _text_only(cls, content: object) -> object:
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") not in ("text", None):
                kind = str(part["type"])[:40]
                raise ValueError(
                    f"A part of type {kind!r} cannot be read here: send text parts only"
                )
        return content

    @model_validator(mode="after")
    def _has_content(self) -> "Message":
        if self.content is None:
            raise ValueError(f"A message with role {self.role!r} needs content")
        return self

    def text(self) -> str:
        """The message as one string."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or ())


class StreamOptions(_Strict):
    """What a stream contains besides the text."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


def _usable_schema(schema: dict[str, Any]) -> dict[str, Any]:
    check_schema(schema)
    return schema


class JsonSchema(_Strict):
    """A named JSON schema that the answer must follow."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema_: Annotated[dict[str, Any], AfterValidator(_usable_schema)] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(_Strict):
    """The form of the answer: free text, any JSON object, or JSON that follows a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _schema_where_needed(self) -> "ResponseFormat":
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError(
                "response_format.json_schema goes with type 'json_schema', only and always"
            )
        return self


_StopText = Annotated[str, StringConstraints(min_length=1)]


class ChatRequest(_Strict):
    """Body of ``POST /v1/chat/completions``. Where it is silent, OpenAI's defaults hold."""

    model: str
    messages: Annotated[list[Message], Field(fail_fast=True, min_length=1, max_length=2048)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: _StopText | Annotated[list[_StopText], Field(fail_fast=True, max_length=4)] | None = None
    n: Annotated[int, Field(ge=1, le=8)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    # Refused unless empty: they would change the answer, and the local models cannot do them.
    tools: list[Any] | None = None
    tool_choice: Any = None
    functions: list[Any] | None = None
    function_call: Any = None
    logit_bias: Annotated[dict[str, float], BeforeValidator(_few_keys)] | None = None
    modalities: Annotated[list[Literal["text"]], Field(fail_fast=True)] | None = None
    # Accepted and ignored: they change nothing in an answer here.
    user: str | None = None
    metadata: Metadata | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    parallel_tool_calls: bool | None = None
    prediction: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None

    @field_validator("tools", "functions")
    @classmethod
    def _no_tools(cls, given: list[Any] | None) -> list[Any] | None:
        if given:
            raise ValueError(
                "The local models cannot call tools. Leave tools out, or use response_format"
            )
        return given

    @field_validator("tool_choice", "function_call")
    @classmethod
    def _no_choice(cls, given: object) -> object:
        if given not in (None, "none", "auto"):
            raise ValueError(
                "The local models cannot call tools. Leave tool_choice and function_call out"
            )
        return given

    @field_validator("logit_bias")
    @classmethod
    def _no_bias(cls, given: dict[str, float] | None) -> dict[str, float] | None:
        if given:
            raise ValueError(
                "Token ids of another tokenizer would move the wrong words. Leave logit_bias out"
            )
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> "ChatRequest":
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs=true")
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options needs stream=true")
        limits = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(limits) > 1:
            raise ValueError("max_tokens and max_completion_tokens differ: send one of them")
        return self

    def limit(self) -> int | None:
        """The asked-for greatest number of new tokens."""
        return self.max_completion_tokens or self.max_tokens


class EmbeddingRequest(_Strict):
    """Body of ``POST /v1/embeddings``."""

    model: str
    input: (
        str
        | Annotated[list[str], Field(fail_fast=True)]
        | Annotated[list[int], Field(fail_fast=True)]
        | Annotated[list[Annotated[list[int], Field(fail_fast=True)]], Field(fail_fast=True)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _usable(cls, given: object) -> object:
        items = given if isinstance(given, list) else [given]
        if not items or any(item in ("", []) for item in items):
            raise ValueError("Nothing to embed: input is empty or has an empty string in it")
        if len(items) > 2048 and not all(isinstance(item, int) for item in items):
            raise ValueError(f"{len(items)} inputs are too many for one request: send at most 2048")
        kinds = {type(item) for item in items}
        if len(kinds) > 1 or not kinds <= {str, int, list}:
            raise ValueError("input must be a string, a list of strings, or lists of token ids")
        return given

    def items(self) -> list[str] | list[list[int]]:
        """The inputs, one vector each."""
        if isinstance(self.input, str):
            return [self.input]
        return [self.input] if isinstance(self.input[0], int) else self.input
