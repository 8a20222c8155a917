"""What one training example must look like, by method."""

import json
from collections.abc import Callable, Iterator

from course_utils.finetune.jsonl import shown
from course_utils.finetune.problems import Problem

ROLES = ("system", "developer", "user", "assistant")
TOOL_ROLES = ("tool", "function")
TOOL_KEYS = {"tools", "parallel_tool_calls", "functions", "tool_calls", "function_call"}
MESSAGE_KEYS = {"role", "content", "name", "refusal", "weight"}
OUTPUTS = ("preferred_output", "non_preferred_output")
DPO_SHAPE = (
    '{"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}'
)
CONVERT = (
    '{"messages": [{"role": "user", "content": <prompt>}, '
    '{"role": "assistant", "content": <completion>}]}'
)
# Shapes that people bring from elsewhere: keys that give them away → name, cure.
OTHER_SHAPES = {
    ("prompt", "completion"): (
        "the old prompt/completion format, which chat models cannot be trained on",
        f"write {CONVERT}",
    ),
    ("prompt", "chosen", "rejected"): (
        "TRL's preference format",
        f'write {DPO_SHAPE} and choose the method "dpo"',
    ),
    ("conversations",): (
        "the ShareGPT format",
        'rename it to "messages", "from" to "role", "value" to "content"',
    ),
    ("instruction", "output"): (
        "the Alpaca format",
        "make the instruction a user message and the output an assistant message",
    ),
}


def check_supervised(row: dict) -> Iterator[Problem]:
    """The problems of one example ``{"messages": [...]}``; lines are not known here."""
    if "messages" not in row:
        if OUTPUTS[0] in row:
            cure = 'choose the method "dpo" (course check-data: --method dpo)'
            yield _problem("wrong_method", "this is an example for preference training", cure)
        else:
            cure = 'write {"messages": [{"role": "user", "content": "..."}, ...]}'
            yield _other_shape(row, '"messages"', cure)
        return
    yield from _check_keys(row, {"messages"})
    yield from _check_conversation(row["messages"], "messages", _check_answers)


def check_dpo(row: dict) -> Iterator[Problem]:
    """The problems of one example of preference training; lines are not known here."""
    missing = [key for key in ("input", *OUTPUTS) if key not in row]
    if missing:
        if "messages" in row:
            cure = f'choose the method "supervised", or write {DPO_SHAPE}'
            yield _problem("wrong_method", "this is an example for supervised training", cure)
        else:
            yield _other_shape(row, f'"{missing[0]}"', f"write {DPO_SHAPE}")
        return
    yield from _check_keys(row, {"input", *OUTPUTS})
    prompt = row["input"]
    if not isinstance(prompt, dict) or "messages" not in prompt:
        what = "input has no messages"
        yield _problem("no_messages", what, 'write "input": {"messages": [...]}')
        return
    yield from _check_keys(prompt, {"messages"}, "input")
    yield from _check_conversation(prompt["messages"], "input.messages", _check_prompt)
    problems = []
    for key in OUTPUTS:
        problems += _check_output(row[key], key)
    yield from problems
    if _right(problems) and _text(row[OUTPUTS[0]][0]) == _text(row[OUTPUTS[1]][0]):
        what = "preferred_output and non_preferred_output say the same"
        yield _problem("equal_outputs", what, "give two answers of which one is better")


CHECKS: dict[str, Callable[[dict], Iterator[Problem]]] = {
    "supervised": check_supervised,
    "dpo": check_dpo,
}


def plain(row: dict) -> dict:
    """A right example as training wants it.

    Every content is a string, ``developer`` is ``system``, as when the endpoint answers, and a
    message has the keys ``role``, ``content`` and, where it was given, ``weight``.
    """
    if "messages" in row:
        return {"messages": _plain_messages(row["messages"])}
    prompt = {"messages": _plain_messages(row["input"]["messages"])}
    return {"input": prompt} | {key: _plain_messages(row[key]) for key in OUTPUTS}


def conversations(row: dict) -> list[list[dict]]:
    """The message lists that a plain example puts through the model: one, or two for dpo."""
    if "messages" in row:
        return [row["messages"]]
    return [row["input"]["messages"] + row[key] for key in OUTPUTS]


def halves(row: dict) -> tuple[str, str]:
    """A plain example's prompt and answer, each as one string that can be compared."""
    if "messages" in row:
        *prompt, answer = row["messages"]
        return json.dumps(prompt), json.dumps(answer)
    return json.dumps(row["input"]["messages"]), json.dumps([row[key] for key in OUTPUTS])


def _plain_messages(messages: list[dict]) -> list[dict]:
    found = []
    for message in messages:
        role = "system" if message["role"] == "developer" else message["role"]
        entry = {"role": role, "content": _text(message)}
        if message.get("weight") is not None:
            entry["weight"] = message["weight"]
        found.append(entry)
    return found


def _text(message: dict) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _problem(code: str, what: str, cure: str) -> Problem:
    return Problem(None, code, what, cure)


def _warning(code: str, what: str, cure: str) -> Problem:
    return Problem(None, code, what, cure, "warning")


def _right(problems: list[Problem]) -> bool:
    return all(problem.severity == "warning" for problem in problems)


def _other_shape(row: dict, wanted: str, cure: str) -> Problem:
    for keys, (name, other_cure) in OTHER_SHAPES.items():
        if all(key in row for key in keys):
            return _problem("other_format", f"this is {name}", other_cure)
    keys = ", ".join(shown(key) for key in list(row)[:5])
    return _problem("no_messages", f"{wanted} is missing (found: {keys or 'nothing'})", cure)


def _check_keys(row: dict, known: set[str], at: str = "the example") -> Iterator[Problem]:
    for key in [key for key in row if key not in known and row[key] is not None]:
        if key in TOOL_KEYS:
            yield _no_tools(f"{at} has {key}")
        else:
            what = f"the key {shown(key)} of {at} is not used"
            yield _warning("unused_key", what, "remove it; OpenAI may refuse the file for it")


def _no_tools(what: str) -> Problem:
    cure = "train on text answers; local models cannot call tools"
    return _problem("tools", what, cure)


def _check_conversation(
    messages: object, at: str, check_order: Callable[[list[dict], str], Iterator[Problem]]
) -> Iterator[Problem]:
    if not isinstance(messages, list) or not messages:
        what = f"{at} is {shown(messages)}"
        yield _problem("no_messages", what, 'make it a list of {"role": ..., "content": ...}')
        return
    wrong = False
    for index, message in enumerate(messages):
        for problem in _check_message(message, f"{at}[{index}]"):
            wrong = wrong or problem.severity == "error"
            yield problem
    if wrong:
        return  # what follows would be guesses
    for index, message in enumerate(messages[1:], start=1):
        if message["role"] in ("system", "developer"):
            what = f"{at}[{index}] is a {message['role']} message in the middle"
            yield _problem("system_not_first", what, "put it first, once")
    yield from check_order(messages, at)


def _check_message(message: object, at: str) -> Iterator[Problem]:
    if not isinstance(message, dict):
        what = f"{at} is {shown(message)}, not an object"
        yield _problem("not_a_message", what, 'write {"role": ..., "content": ...}')
        return
    role = message.get("role")
    used = [key for key in message if key in TOOL_KEYS and message[key] is not None]
    if role in TOOL_ROLES or used:
        yield _no_tools(f"{at} has {used[0] if used else f'the role {role}'}")
        return
    if role not in ROLES:
        what = f"{at} has no role" if role is None else f"{at}.role is {shown(role)}"
        yield _problem("role", what, f"use one of {', '.join(ROLES)}")
        return
    for key in message:
        if key not in MESSAGE_KEYS | TOOL_KEYS and message[key] is not None:
            cure = f"remove it; a message has {', '.join(sorted(MESSAGE_KEYS))}"
            yield _problem("unknown_key", f"{at} has the unknown key {shown(key)}", cure)
    yield from _check_weight(message, at)
    yield from _check_content(message, at)


def _check_weight(message: dict, at: str) -> Iterator[Problem]:
    weight = message.get("weight")
    if weight is None:
        return
    if message["role"] != "assistant":
        what = f"{at}.weight stands on a {message['role']} message"
        yield _problem("weight", what, "only assistant messages are trained: remove it")
    elif isinstance(weight, bool) or not isinstance(weight, int) or weight not in (0, 1):
        what = f"{at}.weight is {shown(weight)}"
        yield _problem("weight", what, "use 1 (train on it) or 0 (do not)")


def _check_content(message: dict, at: str) -> Iterator[Problem]:
    content, role = message.get("content"), message["role"]
    if isinstance(content, list):
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind != "text" or not isinstance(part.get("text"), str):
                what = f"{at}.content has a part that is not text ({shown(kind)})"
                yield _problem("content", what, 'use {"type": "text", "text": "..."} or a string')
                return
    elif not (content is None or isinstance(content, str)):
        what = f"{at}.content is {shown(content)}"
        yield _problem("content", what, "make it a string")
        return
    text = "" if content is None else _text(message)
    if not text.strip():
        code = "empty_assistant" if role == "assistant" else "empty_content"
        what = f"{at} has the role {role} and no text"
        yield _problem(code, what, "write its text, or remove the example")
    elif role == "assistant" and text != text.strip():
        what = f"{at} begins or ends with white space, and the model would learn that"
        yield _warning("white_space", what, "strip() the answer")


def _check_answers(messages: list[dict], at: str) -> Iterator[Problem]:
    roles = [message["role"] for message in messages]
    answers = [message for message in messages if message["role"] == "assistant"]
    if not answers:
        what = f"{at} has no assistant message, so there is nothing to learn"
        yield _problem("no_assistant", what, "end the example with the answer you want")
    elif roles[-1] != "assistant":
        what = f"{at} ends with a {roles[-1]} message"
        yield _problem("last_not_assistant", what, "end with the assistant's answer")
    elif "user" not in roles:
        what = f"{at} has no user message"
        yield _problem("no_user", what, "put the question before the answer")
    elif roles[0] == "assistant" and messages[0].get("weight") != 0:
        what = f"{at}[0] is an assistant message with nothing before it"
        cure = "put the question before it, or give it weight 0 (it is not trained then)"
        yield _problem("assistant_first", what, cure)
    elif all(message.get("weight") == 0 for message in answers):
        what = f"every assistant message of {at} has weight 0, so there is nothing to learn"
        yield _problem("no_weight", what, "give one of them weight 1, or remove the example")


def _check_prompt(messages: list[dict], at: str) -> Iterator[Problem]:
    if messages[-1]["role"] != "user":
        what = f"{at} ends with a {messages[-1]['role']} message"
        yield _problem("last_not_user", what, "end with the user's question")


def _check_output(output: object, at: str) -> list[Problem]:
    if not isinstance(output, list) or len(output) != 1:
        what = (
            f"{at} is {f'a list of {len(output)}' if isinstance(output, list) else shown(output)}"
        )
        return [_problem("output", what, "make it a list of one assistant message")]
    problems = list(_check_message(output[0], f"{at}[0]"))
    if _right(problems) and output[0]["role"] != "assistant":
        what = f"{at}[0].role is {shown(output[0]['role'])}"
        problems.append(_problem("output", what, "make it an assistant message"))
    return problems
