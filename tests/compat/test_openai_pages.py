"""Lists that come in parts, walked by the ``openai`` package, sync and async."""

import time

import openai
import pytest

LABELS = {"made-by": "pages"}


@pytest.fixture(scope="module")
def where(endpoint_of, trainable_home):
    """An endpoint that can train, and so checks a file at once."""
    with endpoint_of(trainable_home()) as endpoint:
        yield {"base_url": endpoint.base_url, "api_key": "unused", "max_retries": 0}


@pytest.fixture(scope="module")
def client(where):
    return openai.OpenAI(**where)


@pytest.fixture(scope="module")
def made(client, chat_id):
    """Five jobs with no training file: what each list has, newest first, and what it is asked."""
    files = [
        client.files.create(file=(f"{number}.jsonl", b"no json\n"), purpose="fine-tune")
        for number in range(5)
    ]
    api = client.fine_tuning.jobs
    jobs = [api.create(model=chat_id, training_file=f.id, metadata=LABELS) for f in files]
    deadline = time.monotonic() + 60
    while {job.status for job in api.list(metadata=LABELS)} != {"failed"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    events = api.list_events(jobs[0].id, limit=100).data
    return {
        "files": ([file.id for file in reversed(files)], {}),
        "jobs": ([job.id for job in reversed(jobs)], {"metadata": LABELS}),  # kept in each part
        "events": ([event.id for event in events], {"fine_tuning_job_id": jobs[0].id}),
    }


def listing(client, kind):
    return {
        "files": client.files.list,
        "jobs": client.fine_tuning.jobs.list,
        "events": client.fine_tuning.jobs.list_events,
    }[kind]


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("kind", ["files", "jobs", "events"])
def test_walked_in_parts(client, made, kind, limit):
    ids, arguments = made[kind]
    first = listing(client, kind)(limit=limit, **arguments)
    found = [item.id for item in first]
    assert found == ids
    sizes = [len(page.data) for page in first.iter_pages()]
    assert sum(sizes) == len(ids) and set(sizes[:-1]) == {limit}


@pytest.mark.parametrize("kind", ["files", "jobs", "events"])
async def test_walked_in_parts_async(where, made, kind):
    ids, arguments = made[kind]
    async with openai.AsyncOpenAI(**where) as client:
        found = [item.id async for item in listing(client, kind)(limit=2, **arguments)]
        assert found == ids
        page = await listing(client, kind)(limit=2, **arguments)
        following = await page.get_next_page()
        assert [item.id for item in [*page.data, *following.data]] == ids[:4]
