"""An endpoint for a class: keys, privacy, limits, everybody in turn."""

import io
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from course_utils.connection import connect
from course_utils.endpoint.access import make_keys
from course_utils.endpoint.classroom import learners
from course_utils.endpoint.order import in_turn
from course_utils.endpoint.store import Store, new_id
from course_utils.errors import CourseError

CLASS = ("--class", "--learners", "3")
IDS = {"file_id": "file", "job_id": "job", "model_id": "model"}


@pytest.fixture(scope="module")
def room(serve, trainable_home):
    """A class of three."""
    limits = {
        "COURSE_CLASS_STORED_MB": "1",
        "COURSE_CLASS_JOBS": "2",
        "COURSE_CLASS_IN_FLIGHT": "2",
    }
    with serve(trainable_home(), *CLASS, **limits) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def learner(room):
    """``learner(name)`` → a client with their key."""

    def learner(name, **options):
        options = {"max_retries": 0, **options}
        return openai.OpenAI(base_url=room.base_url, api_key=room.keys[name], **options)

    return learner


@pytest.fixture(scope="module")
def made(learner, create_job, becomes, chat_id):
    """What the first learner has: a file, a job, and the model that it trained."""
    client = learner("learner-01")
    job = create_job(client, hyperparameters={"n_epochs": 1}, suffix="mine")
    job = becomes(client, job.id, "succeeded")
    return {"file": job.training_file, "job": job.id, "model": job.fine_tuned_model}


def test_keys_are_shown_once_and_kept_as_hashes(room):
    assert list(room.keys) == ["instructor", "learner-01", "learner-02", "learner-03"]
    assert f"COURSE_PROVIDER={room.base_url}" in room.said
    stored = b"".join(p.read_bytes() for p in (room.home / "endpoint").iterdir() if p.is_file())
    assert b"learner-02" in stored
    assert not any(key.encode() in stored for key in room.keys.values())


@pytest.mark.parametrize("key", ["", "class-wrong", "local", "ключ"])
def test_without_a_key_there_is_nothing(room, key):
    bearer = {"Authorization": f"Bearer {key}".encode()} if key else {}
    for method, path in (("GET", "models"), ("GET", "files"), ("POST", "chat/completions")):
        answer = httpx.request(method, f"{room.base_url}/{path}", headers=bearer, trust_env=False)
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert error["code"] == "invalid_api_key" and "COURSE_CLASS_KEY" in error["message"]


def test_a_strangers_look_at_its_health_shows_nobodys_models(room, made):
    health = httpx.get(room.base_url.replace("/v1", "/health"), trust_env=False).json()
    assert health["status"] == "ok"
    assert made["model"] not in health["models"]


def test_the_maker_and_the_instructor_see_it(learner, made, chat_id):
    for client in (learner("learner-01"), learner("instructor")):
        assert made["file"] in [file.id for file in client.files.list()]
        assert [job.id for job in client.fine_tuning.jobs.list()] == [made["job"]]
        [results] = client.fine_tuning.jobs.retrieve(made["job"]).result_files
        assert client.files.content(results).read().startswith(b"step,train_loss")
        assert made["model"] in [model.id for model in client.models.list()]
        hello = [{"role": "user", "content": "Hello"}]
        answer = client.chat.completions.create(model=made["model"], messages=hello, max_tokens=3)
        assert answer.model == made["model"]


def test_for_another_learner_it_does_not_exist(room, learner, made):
    """Every route that takes an id, with a real id of somebody else."""
    paths = httpx.get(room.base_url.replace("/v1", "/openapi.json"), trust_env=False).json()[
        "paths"
    ]
    headers = {"Authorization": f"Bearer {room.keys['learner-02']}"}
    tried = 0
    for path, methods in paths.items():
        names = re.findall(r"{(\w+)}", path)
        for method in methods if names else ():
            url = room.base_url.removesuffix("/v1") + path
            theirs = url.format(**{name: made[IDS[name]] for name in names})
            nobodys = url.format(**dict.fromkeys(names, "nothing"))
            answer = httpx.request(method, theirs, headers=headers, trust_env=False)
            unknown = httpx.request(method, nobodys, headers=headers, trust_env=False)
            assert answer.status_code == unknown.status_code == 404, (method, path)
            # Not even the words tell that there is such a thing.
            said = answer.text.replace(theirs.rpartition("/v1/")[2].split("/", 1)[1], "nothing")
            for value in made.values():
                said = said.replace(value, "nothing")
            assert said == unknown.text, (method, path)
            tried += 1
    assert tried >= 11


def test_not_by_the_body_or_by_a_list_either(learner, made, chat_id):
    other = learner("learner-02")
    hello = [{"role": "user", "content": "Hello"}]
    with pytest.raises(openai.NotFoundError) as chat:
        other.chat.completions.create(model=made["model"], messages=hello)
    # The models that it names are their own.
    assert made["model"] not in chat.value.message.split("Use one of")[1]
    for name in ("training_file", "validation_file"):
        own = other.files.create(file=("t.jsonl", b"{}"), purpose="fine-tune").id
        wanted = {"model": chat_id, "training_file": own, name: made["file"]}
        with pytest.raises(openai.BadRequestError, match="There is no such file"):
            other.fine_tuning.jobs.create(**wanted)
    with pytest.raises(openai.BadRequestError, match="Use one of"):
        other.fine_tuning.jobs.create(model=made["model"], training_file=own)
    assert made["file"] not in [file.id for file in other.files.list()]
    assert list(other.fine_tuning.jobs.list()) == []
    assert made["model"] not in [model.id for model in other.models.list()]
    for after in (made["file"], "file-nothing"):
        with pytest.raises(openai.BadRequestError, match="There is no"):
            other.files.list(after=after)


def test_more_requests_at_once_than_allowed_wait_and_succeed(learner, chat_id):
    ask = {"model": chat_id, "max_tokens": 40, "messages": [{"role": "user", "content": "Count."}]}
    patient, hasty = learner("learner-03", max_retries=10), learner("learner-03")

    def refused(_):
        try:
            hasty.chat.completions.create(**ask)
        except openai.RateLimitError as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        errors = [error for error in pool.map(refused, range(6)) if error]
        assert errors and all(e.response.headers["retry-after"] == "1" for e in errors)
        answers = list(pool.map(lambda _: patient.chat.completions.create(**ask), range(6)))
    assert len(answers) == 6


def test_stored_bytes_have_an_end_and_room_is_made_by_deleting(learner):
    client = learner("learner-03", max_retries=5)
    big = ("big.jsonl", io.BytesIO(b"x" * 700_000))
    first = client.files.create(file=big, purpose="fine-tune")
    with pytest.raises(openai.RateLimitError, match="Delete files") as full:
        client.files.create(file=("big.jsonl", b"x" * 700_000), purpose="fine-tune")
    assert full.value.response.headers["x-should-retry"] == "false"
    assert [file.id for file in client.files.list()] == [first.id]
    client.files.delete(first.id)
    client.files.create(file=("big.jsonl", b"x" * 700_000), purpose="fine-tune")


def test_unfinished_jobs_have_an_end(learner, create_job):
    client = learner("learner-02")
    jobs = [create_job(client, hyperparameters={"n_epochs": 30}) for _ in range(2)]
    with pytest.raises(openai.RateLimitError, match="2 of your jobs") as full:
        create_job(client)
    assert int(full.value.response.headers["retry-after"]) >= 1
    for job in jobs:
        client.fine_tuning.jobs.cancel(job.id)
    client.fine_tuning.jobs.cancel(create_job(client).id)


def test_connect_takes_a_class_key(room, home, clean_environment, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROVIDER", room.base_url)
    monkeypatch.setenv("COURSE_CLASS_KEY", room.keys["learner-01"])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-of-value")
    course = connect()
    assert course.is_local and course.provider == "class"
    assert "your class's endpoint" in capsys.readouterr().out
    assert course.chat_model in [model.id for model in openai.OpenAI().models.list()]
    monkeypatch.setenv("COURSE_CLASS_KEY", "class-wrong")
    with pytest.raises(CourseError, match="refuses this key") as caught:
        connect()
    assert "COURSE_CLASS_KEY" in caught.value.cure and "class-wrong" not in str(caught.value)
    monkeypatch.setenv("COURSE_PROVIDER", "http://127.0.0.1:9/v1")
    with pytest.raises(CourseError, match="no class's endpoint"):
        connect()


def test_on_the_class_machine_itself_connect_asks_for_a_key(
    room, home, clean_environment, monkeypatch
):
    monkeypatch.setenv("COURSE_HOME", str(room.home))
    with pytest.raises(CourseError, match="serves a class") as caught:
        connect()
    assert "COURSE_CLASS_KEY" in caught.value.cure
    monkeypatch.setenv("COURSE_CLASS_KEY", room.keys["instructor"])
    assert connect().base_url == room.base_url


def test_an_endpoint_for_one_answers_no_other_site_and_no_other_name(raw):
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        answer = raw.get("/v1/models", headers=headers)
        assert answer.status_code == 403, headers
        assert "--class" in answer.json()["error"]["message"]
    assert raw.get("/v1/models", headers={"Origin": "http://localhost:8888"}).status_code == 200


def test_beyond_loopback_only_with_keys(home):
    from course_utils.endpoint.serve import serve

    with pytest.raises(CourseError, match="without keys") as caught:
        serve(host="0.0.0.0")
    assert "--class" in caught.value.cure


# ----------------------------------------------------------------------------- without a server


def test_keys_stay_until_they_are_made_anew(tmp_path):
    store = Store(tmp_path)
    first = make_keys(store, ["Ann", "Bo"])
    assert set(first) == {"instructor", "Ann", "Bo"}
    assert set(make_keys(store, ["Ann", "Bo", "Cy"])) == {"Cy"}
    again = make_keys(store, ["Ann"], renew=True)
    assert set(again) == {"instructor", "Ann"} and again["Ann"] != first["Ann"]
    assert {row["id"] for row in store.all("people")} == {"instructor", "Ann"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("Ann\nAnn\n", ":2"), ("Ann\n<b>\n", ":2"), ("instructor\n", ":1"), ("\n\n", "0 names")],
)
def test_a_class_list_with_a_mistake_is_refused_with_its_line(tmp_path, text, line):
    file = tmp_path / "names.txt"
    file.write_text(text)
    with pytest.raises(CourseError) as caught:
        learners(None, file)
    assert line in caught.value.what


def test_names_may_be_anybodys(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("Zoë O'Hara-Smith\n\n李雷\nJ. R. Doe\n", encoding="utf-8")
    assert learners(None, file) == ["Zoë O'Hara-Smith", "李雷", "J. R. Doe"]
    assert learners(2, None) == ["learner-01", "learner-02"]
    with pytest.raises(CourseError, match="1 to 500"):
        learners(0, None)


def test_what_one_asked_is_not_read_again_for_the_next(learner, chat_id):
    def read(name, topic, **more):
        messages = [{"role": "user", "content": f"{topic}: " + f"all about {topic}. " * 40}]
        usage = (
            learner(name)
            .chat.completions.create(model=chat_id, messages=messages, max_tokens=1, **more)
            .usage
        )
        return usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens

    assert read("learner-01", "refunds") > 100
    for topic in ("prices", "returns", "invoices"):
        assert read("learner-02", topic) > 100
    assert read("learner-03", "refunds") < 10
    assert read("learner-03", "refunds", seed=1) > 100  # exact: read anew


def test_trainings_go_round(tmp_path):
    store = Store(tmp_path)

    def add(owner, status="queued", turn=0):
        names = {"model": "m", "tuned_name": "t", "method": "supervised", "hyperparameters": "{}"}
        names |= {"seed": 1, "training_file": "f", "owner": owner, "status": status, "turn": turn}
        return store.add("jobs", id=new_id("j"), **names)["id"]

    add("a", "succeeded", turn=1)
    a1, a2, a3, b1, b2 = (add(owner) for owner in "aaabb")
    running = add("c", "running", turn=2)
    c1 = add("c")
    # The running one; b, who had no turn yet; a, whose turn is longest ago; c, who has it now.
    assert [job["id"] for job in in_turn(store)] == [running, b1, a1, c1, b2, a2, a3]


def test_a_home_from_before_there_were_classes_is_taken_over(tmp_path):
    from course_utils.endpoint import store as module
    from course_utils.endpoint.tables import MIGRATIONS

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", MIGRATIONS[:1])
        old = Store(tmp_path)
        old.add("files", id="file-1", bytes=1, filename="f", purpose="fine-tune")
        old.close()
    store = Store(tmp_path)
    assert store.get("files", "file-1", owner="")["bytes"] == 1
    assert store.all("people") == []
