"""Conversations as the base model sees them: its chat template, its tokens, and which are answers.

Torch-free, so that the endpoint and ``course check-data`` can count without it.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError

Messages = list[dict[str, Any]]
NO_LABEL = -100  # what PyTorch's cross-entropy leaves out


class TokenCounter:
    """The chat format of one base model.

    Args:
        folder: Where its ``tokenizer.json`` and ``chat_template.jinja`` lie (``base_folder``).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def count(self, messages: Messages) -> int:
        """Tokens of a conversation, template included."""
        return len(self._tokenizer.encode(self.render(messages), add_special_tokens=False).ids)

    def encode(self, messages: Messages) -> dict[str, list[int]]:
        """A conversation as token ids, with labels for the tokens that the model shall learn.

        Those are the assistant's, up to and with the token that ends its turn; a message with
        ``weight`` 0 is left out, as OpenAI does.

        Returns:
            ``{"input_ids": [...], "labels": [...]}``, labels being ``NO_LABEL`` or the token id.
        """
        text = self.render(messages)
        spans = []
        for place, message in enumerate(messages):
            if message["role"] != "assistant" or message.get("weight", 1) == 0:
                continue
            before = self.render(messages[:place], answer_next=True)
            until = self.render(messages[: place + 1]).rstrip()
            if not (place and text.startswith(until) and until.startswith(before)):
                raise CourseError(
                    "the chat template rewrites earlier turns, so its answers cannot be told apart",
                    "begin each conversation with a system or user message, and end it with the "
                    "only assistant message",
                )
            spans.append((len(before), len(until)))
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        labels = [
            token if any(start <= a and b <= end for start, end in spans) else NO_LABEL
            for token, (a, b) in zip(encoded.ids, encoded.offsets, strict=True)
        ]
        return {"input_ids": encoded.ids, "labels": labels}

    def render(self, messages: Messages, answer_next: bool = False) -> str:
        """A conversation as text, in the base model's chat template.

        Args:
            messages: The conversation; parts of a message are joined.
            answer_next: End where the assistant begins to speak.
        """
        plain = [{"role": m["role"], "content": message_text(m)} for m in messages]
        return self._template.render(messages=plain, add_generation_prompt=answer_next)

    @cached_property
    def _tokenizer(self):
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self.folder / "tokenizer.json"))

    @cached_property
    def _template(self):
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        # The way transformers compiles chat templates.
        compile_with = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        special = json.loads((self.folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        separate = self.folder / "chat_template.jinja"  # older models have it in the configuration
        source = separate.read_text("utf-8") if separate.exists() else special["chat_template"]
        template = compile_with.from_string(source)
        names = ("bos_token", "eos_token", "pad_token")
        template.globals.update({name: special.get(name) or "" for name in names})
        return template


def message_text(message: dict[str, Any]) -> str:
    """The text of a message, whose content may be a list of text parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
