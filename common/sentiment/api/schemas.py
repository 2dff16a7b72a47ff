"""What goes in and out of the service: the schemas that /docs shows."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from common.sentiment.settings import Settings


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prediction(Schema):
    """What the model says of one text."""

    label: Literal["negative", "positive"] = Field(
        description="positive if the probability reaches the model's threshold"
    )
    probability: float = Field(ge=0, le=1, description="that the text is positive")


class Predictions(Schema):
    """The answer: one prediction for each text, in their order."""

    predictions: list[Prediction]
    model: str = Field(description="the kind of model")
    manifest_sha256: str = Field(description="which model answered, exactly")


class Alive(Schema):
    """The process lives."""

    status: Literal["alive"] = "alive"


class Ready(Schema):
    """A verified model serves."""

    ready: Literal[True] = True
    model: str
    manifest_sha256: str
    warning: str | None = Field(
        None, description="why the files now in the folder are not the served ones"
    )


class Version(Schema):
    """What runs here."""

    api: str
    ready: bool
    model: dict[str, Any] | None = Field(
        description="kind, threshold, temperature and making of the served model"
    )
    manifest_sha256: str | None
    warning: str | None
    limits: dict[str, int | float | None]
    software: dict[str, str]


class Detail(Schema):
    """One thing that is wrong with a request."""

    where: str = Field(examples=["texts[3]"])
    what: str = Field(examples=["String should have at most 20000 characters"])


class Problem(Schema):
    """Why there is no prediction; every refusal has this form."""

    error: str = Field(examples=["overloaded"])
    message: str = Field(examples=["All places are taken; try again in 1 s."])
    request_id: str
    details: list[Detail] = []


def request_schemas(settings: Settings) -> Any:
    """Build the type of /predict's body: `{"text": …}` or `{"texts": […]}`.

    The limits stand in the schema, so that /docs tells them.
    """
    one = Annotated[str, Field(min_length=1, max_length=settings.max_characters)]

    class OneText(Schema):
        """One text."""

        text: one  # type: ignore[valid-type]

    class ManyTexts(Schema):
        """A batch: cheaper for each text than a request for each."""

        texts: Annotated[
            list[one],  # type: ignore[valid-type]
            Field(min_length=1, max_length=settings.max_texts),
        ]

    def form_of(body: Any) -> str | None:
        if isinstance(body, OneText):
            return "one"
        if isinstance(body, ManyTexts):
            return "many"
        if not isinstance(body, Mapping):
            return None
        return "many" if "texts" in body else "one"

    return Annotated[
        Annotated[OneText, Tag("one")] | Annotated[ManyTexts, Tag("many")],
        Discriminator(
            form_of,
            custom_error_type="not_an_object",
            custom_error_message='Input should be {"text": …} or {"texts": […]}',
        ),
        Body(
            openapi_examples={
                "one text": {"value": {"text": "One of the best films of the year."}},
                "a batch": {
                    "value": {"texts": ["A waste of two hours.", "I laughed a lot."]}
                },
            }
        ),
    ]
