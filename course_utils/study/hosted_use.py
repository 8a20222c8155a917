"""How many tokens do the lessons ask a host for? Counted between the notebooks and the local model.

A hosted model has another tokenizer and writes answers of other lengths, so the counts are close
and not exact; ``most_out`` bounds what it can write.
"""

import json
import os
import socket
import tempfile
import threading
from collections import Counter

import httpx
import nbformat
import uvicorn
from nbclient import NotebookClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from course_utils import registry
from course_utils.endpoint.process import ensure_running
from course_utils.study.results import save_result
from course_utils.teach.run import CELL_TIMEOUT_S, QUIET, lessons

COMMAND = "course study hosted-use"
# The others stay on this machine whatever the provider: a host trains for nobody new.
ASKING = ("00", "01", "02", "06")
JUDGE = "judged_faithfulness"  # cells that a model as small as the local one cannot run
JSON = {"content-type": "application/json"}
JUDGED, JUDGE_OUT = 10, 400  # replies; tokens of a verdict: each sentence again, with a reason


def run() -> dict:
    """Run the lessons that ask a host, count, and store the result.

    Returns:
        ``{"lessons": {number: {"calls", "tokens_in", "tokens_out", "most_out", "embedded"}}}``;
        ``02 judge`` is the part of lesson 02 that only a hosted model can run.
    """
    counted = {}
    for path in lessons(ASKING):
        counted[path.name[:2]] = _count(path)
    counted["02 judge"] = _judge()
    result = {"lessons": counted}
    save_result("hosted-use", result, COMMAND, ("openai", "langchain-openai", "ragas"))
    return result


def _count(path) -> dict[str, int]:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if JUDGE not in cell.source]
    counts = Counter(calls=0, tokens_in=0, tokens_out=0, most_out=0, embedded=0)
    server, address = _start(_counting(ensure_running().base_url, counts))
    environment = QUIET | {
        "COURSE_PROVIDER": address,
        "COURSE_CHAT_MODEL": registry.local_chat().id,
        "COURSE_EMBEDDING_MODEL": registry.local_encoder().id,
        "OPENAI_API_KEY": "none",
    }
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        ).execute(env=os.environ | environment)
    server.should_exit = True
    return dict(counts)


def _counting(upstream: str, counts: Counter) -> Starlette:
    """Passes requests on to the endpoint, and adds up what they cost in tokens."""
    client = httpx.AsyncClient(base_url=upstream + "/", timeout=600)

    async def forward(request: Request) -> Response:
        body = await request.body()
        path = request.path_params["path"]
        answer = await client.request(request.method, path, content=body, headers=JSON)
        if request.method == "POST":
            _add(counts, path, json.loads(body), answer.content)
        kind = answer.headers["content-type"]
        return Response(answer.content, answer.status_code, media_type=kind)

    return Starlette(routes=[Route("/v1/{path:path}", forward, methods=["GET", "POST"])])


def _add(counts: Counter, path: str, asked: dict, answered: bytes) -> None:
    usage = {}
    for line in answered.splitlines():  # a stream has a line for each piece, the last with counts
        text = line.removeprefix(b"data:").strip()
        if text.startswith(b"{"):
            usage = json.loads(text).get("usage") or usage
    if path == "embeddings":
        counts["embedded"] += usage["prompt_tokens"]
        return
    counts["calls"] += 1
    counts["tokens_in"] += usage["prompt_tokens"]
    counts["tokens_out"] += usage["completion_tokens"]
    counts["most_out"] += asked.get("max_completion_tokens") or asked["max_tokens"]


def _start(app: Starlette) -> tuple[uvicorn.Server, str]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    listener = socket.create_server(("127.0.0.1", 0))  # takes requests from now on
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    return server, f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def _judge() -> dict[str, int]:
    """The prompts of RAGAS's judge, on gold answers and the documents that they stand in."""
    from ragas.metrics.collections.faithfulness import metric, util
    from tokenizers import Tokenizer

    from course_utils.evaluate.grounding import sentences
    from course_utils.evaluate.questions import load_questions
    from course_utils.knowledge.passages import acme_chunks

    path = registry.model_path(registry.local_encoder(), "tokenizer")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    by_source = {chunk.metadata["source"]: chunk.page_content for chunk in acme_chunks("v1")}
    asked = [q for q in load_questions("test") if q.answerable][::2][:JUDGED]
    prompts = []
    for q in asked:
        split = util.StatementGeneratorInput(question=q.question, answer=q.answer)
        judge = util.NLIStatementInput(
            context=by_source[q.sources[0]], statements=sentences(q.answer)
        )
        prompts.append(metric.StatementGeneratorPrompt().to_string(split))
        prompts.append(metric.NLIStatementPrompt().to_string(judge))
    written = len(prompts) * JUDGE_OUT
    return {
        "calls": len(prompts),
        "tokens_in": sum(len(tokenizer.encode(prompt).ids) for prompt in prompts),
        "tokens_out": written,
        "most_out": written,
        "embedded": 0,
    }
