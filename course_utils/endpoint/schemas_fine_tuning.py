"""What a request for a fine-tuning job may contain."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from course_utils.endpoint.schemas import Metadata, _Strict

Auto = Literal["auto"]
MOST_PAIRS = 16  # of metadata
Hyperparameter = dict[str, int | float | str]


class Hyperparameters(_Strict):
    """How to train; "auto" lets the endpoint choose by the number of examples."""

    n_epochs: Annotated[int, Field(ge=1, le=50)] | Auto = "auto"
    batch_size: Annotated[int, Field(ge=1, le=256)] | Auto = "auto"
    learning_rate_multiplier: Annotated[float, Field(gt=0, le=100)] | Auto = "auto"


class DpoHyperparameters(Hyperparameters):
    """The same, and how strongly the tuned model is held to the base."""

    beta: Annotated[float, Field(gt=0, le=2)] | Auto = "auto"


class Supervised(_Strict):
    """Learn to answer as the examples do."""

    hyperparameters: Hyperparameters | None = None


class Dpo(_Strict):
    """Learn to prefer one answer to another."""

    hyperparameters: DpoHyperparameters | None = None


class Method(_Strict):
    """The way of training."""

    type: Literal["supervised", "dpo"]
    supervised: Supervised | None = None
    dpo: Dpo | None = None
    reinforcement: Any = None

    @field_validator("type", mode="before")
    @classmethod
    def _no_reinforcement(cls, given: object) -> object:
        if given == "reinforcement":
            raise ValueError(
                "Reinforcement fine-tuning is not offered here: it needs a grader and a far "
                "larger model. Use the method 'supervised', or 'dpo' for pairs of answers"
            )
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> "Method":
        for other in {"supervised", "dpo", "reinforcement"} - {self.type}:
            if getattr(self, other) is not None:
                raise ValueError(f"method.{other} is given, but method.type is {self.type!r}")
        return self

    def hyperparameters(self) -> Hyperparameters:
        """Those of the chosen type."""
        given = getattr(self, self.type)
        default = {"supervised": Hyperparameters, "dpo": DpoHyperparameters}[self.type]
        return given.hyperparameters if given and given.hyperparameters else default()


class JobRequest(_Strict):
    """Body of ``POST /v1/fine_tuning/jobs``."""

    model: str
    training_file: str
    validation_file: str | None = None
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None  # deprecated, and still in many a tutorial
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    suffix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    metadata: Metadata | None = None
    integrations: list[Any] | None = None

    @field_validator("suffix", mode="before")
    @classmethod
    def _suffix(cls, given: object) -> object:
        if isinstance(given, str) and (len(given) > 64 or not given):
            raise ValueError(f"suffix has {len(given)} characters: use 1 to 64")
        return given

    @field_validator("integrations")
    @classmethod
    def _no_integrations(cls, given: list[Any] | None) -> list[Any] | None:
        if given:
            raise ValueError("Integrations would send data elsewhere. Leave integrations out")
        return given

    @field_validator("metadata")
    @classmethod
    def _small(cls, given: dict[str, str] | None) -> dict[str, str] | None:
        if len(given or {}) > MOST_PAIRS:
            raise ValueError(f"metadata has {len(given)} pairs: at most {MOST_PAIRS} are allowed")
        for key, value in (given or {}).items():
            if len(key) > 64 or len(value) > 512:
                raise ValueError(
                    f"metadata {key[:20]!r} is too long: 64 characters of key, 512 of value"
                )
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> "JobRequest":
        if self.method is not None and self.hyperparameters is not None:
            raise ValueError("hyperparameters is deprecated: put them into method, not into both")
        if self.validation_file == self.training_file:
            raise ValueError("validation_file must be another file than training_file")
        return self

    def chosen_method(self) -> Method:
        """The method, with the deprecated hyperparameters where they were sent."""
        supervised = Supervised(hyperparameters=self.hyperparameters)
        return self.method or Method(type="supervised", supervised=supervised)
