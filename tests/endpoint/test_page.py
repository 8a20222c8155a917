"""The endpoint's page: what a stranger, a learner and the instructor see, in a real browser too."""

import os
import re
import socket
import time
from pathlib import Path

import httpx
import openai
import pytest
from starlette.testclient import TestClient

from course_utils.endpoint.access import INSTRUCTOR, STRANGER, Person, make_keys
from course_utils.endpoint.app import create_app
from course_utils.endpoint.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, curve
from course_utils.endpoint.sessions import MOST, Sessions
from course_utils.endpoint.traffic import WINDOW_S, Traffic
from course_utils.settings import settings
from course_utils.teach import progress

ANN, BO, CY = "Ann O'Hara", "Bo", "李雷"
NAMES = [ANN, BO, CY, "Dee", "Eli Maximilian Vandenberghe-Smith"]
# Where page and form are kept from reaching out, or from being reached into.
LOCKED = ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'")


def within(seconds, look):
    """The first true value of ``look()``."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def room(serve, trainable_home, tmp_path_factory):
    """A class whose endpoint has a page."""
    file = tmp_path_factory.mktemp("class") / "names.txt"
    file.write_text("\n".join(NAMES), encoding="utf-8")
    with serve(trainable_home(), "--class", "--names", str(file)) as endpoint:
        endpoint.page = endpoint.base_url.removesuffix("v1")
        yield endpoint


@pytest.fixture(scope="module")
def busy(room, create_job, examples, chat_id):
    """The same class at work: one trains, one waits, one asks, and two share their progress."""
    clients = {
        name: openai.OpenAI(base_url=room.base_url, api_key=room.keys[name], max_retries=3)
        for name in NAMES
    }
    file = clients[ANN].files.create(file=("v.jsonl", examples(12)), purpose="fine-tune")
    parameters = {"hyperparameters": {"n_epochs": 50}, "validation_file": file.id}
    first = create_job(clients[ANN], suffix="tone-of-voice", **parameters)
    second = create_job(clients[BO], suffix="warranties")
    ask = {"model": chat_id, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12}
    answer = clients[CY].chat.completions.create(**ask)
    clients["Dee"].embeddings.create(model=clients[CY].models.list().data[1].id, input="a")
    items = sorted(progress.all_items())
    for name, done in ((ANN, items[:20]), ("Dee", items[:3])):
        share(room, name, done)
    within(300, lambda: room_sees(room, ANN).get("/").text.count("<polyline"))
    return {ANN: first, BO: second, CY: answer}


def share(room, name, items):
    return httpx.post(
        f"{room.base_url}/class/progress",
        json={"done": [{"kind": kind, "name": item} for kind, item in items]},
        headers={"Authorization": f"Bearer {room.keys[name]}"},
        trust_env=False,
    )


def room_sees(room, name=None):
    """A browser's worth of HTTP: it keeps cookies; logged in with the name's key."""
    http = httpx.Client(base_url=room.page, trust_env=False, follow_redirects=True)
    if name:
        assert http.post("/", data={"key": room.keys[name]}).status_code == 200
    return http


def text_of(html):
    from bs4 import BeautifulSoup

    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


# --------------------------------------------------------------------------------- who sees what


def test_a_stranger_sees_the_load_and_nobody(room, busy, chat_id):
    answer = room_sees(room).get("/")
    shown = text_of(answer.text)
    assert chat_id in shown
    assert "trainings running 1 trainings waiting 1" in shown
    secrets = [*NAMES, "ftjob-", "ft:", "tone-of-voice", "Learners", "Progress"]
    assert [word for word in secrets if word in shown] == []
    assert "<svg" not in answer.text


def test_a_learner_sees_what_is_theirs(room, busy):
    html = room_sees(room, ANN).get("/").text
    assert busy[ANN].id in html and "tone-of-voice" in html and "<svg" in html
    others = [busy[BO].id, "warranties", CY, "Dee"]
    assert [word for word in others if word in html] == []
    own = text_of(room_sees(room, BO).get("/").text)
    assert busy[BO].id in own and "Position 2 in the queue" in own
    assert busy[ANN].id not in own and "O'Hara" not in own
    assert "You do not share yours" in own


def test_the_instructor_sees_all_with_names(room, busy):
    html = room_sees(room, INSTRUCTOR).get("/").text
    shown = text_of(html)
    assert [name for name in NAMES if name not in shown] == []
    assert busy[ANN].id in html and busy[BO].id in html
    assert "2 of 5 learners share theirs" in shown
    table = html.partition("<h2>Learners</h2>")[2].partition("</table>")[0]
    rows = dict(re.findall(r'<tr><th scope="row">(.*?)</th>(.*)</tr>', table))
    asked = re.findall(r'number">([^<]*)<', rows[CY])
    tokens = busy[CY].usage.completion_tokens
    assert asked[2] == str(tokens) and int(asked[1]) >= 1  # tokens, requests
    assert "1 running" in rows["Ann O&#39;Hara"] and "1 queued" in rows[BO]
    assert room.keys[INSTRUCTOR] not in html


def test_a_wrong_key_opens_nothing(room):
    http = room_sees(room)
    for key in ("", "class-wrong", "ключ", room.keys[ANN].upper()):
        answer = http.post("/", data={"key": key})
        assert answer.status_code == 401 and "No key of this class" in answer.text
        assert not http.cookies
    assert http.post("/", content=b"key=" + b"a" * 5000).status_code == 413
    assert http.post("/", content=b"\xff\x00=%%%").status_code == 401


def test_the_browser_keeps_a_token_that_is_not_the_key_and_ends_with_leaving(room):
    http = room_sees(room)
    answer = http.post("/", data={"key": f" {room.keys[BO]}\n"}, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "httponly" in cookie.lower() and "samesite=strict" in cookie.lower()
    assert room.keys[BO] not in cookie
    token = {"Cookie": cookie.partition(";")[0]}
    assert "Trainings" in room_sees(room).get("/", headers=token).text
    # It opens the page, and not the API.
    api = room_sees(room)
    assert api.get("/v1/files", headers=token).status_code == 401
    bearer = {"Authorization": f"Bearer {token['Cookie'].partition('=')[2]}"}
    assert api.get("/v1/files", headers=bearer).status_code == 401
    assert "Trainings" not in http.post("/", data={"leave": "1"}).text
    assert "Trainings" not in room_sees(room).get("/", headers=token).text


def test_no_page_can_be_framed_or_load_anything(room):
    http = room_sees(room)
    for answer in (http.get("/"), http.get("/key"), http.post("/", data={"key": "no"})):
        policy = answer.headers["content-security-policy"]
        assert [part for part in LOCKED if part not in policy] == []
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "<script" not in answer.text and "http://" not in answer.text
    assert 'http-equiv="refresh"' in http.get("/").text
    assert 'http-equiv="refresh"' not in http.get("/?still").text
    assert 'http-equiv="refresh"' not in http.get("/key").text  # a typed key would be lost


def test_strangers_who_dawdle_keep_nobody_out(room):
    host, _, port = room.page.removeprefix("http://").rstrip("/").partition(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(8)]
    try:
        for connection in slow:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\nkey=")
        assert "Trainings" in room_sees(room, BO).get("/").text
    finally:
        for connection in slow:
            connection.close()


def test_names_and_suffixes_are_text(home):
    app = create_app(is_class=True)
    store, name, suffix = app.state.store, "<i>Ann</i>", '"><script>alert(1)</script>'
    make_keys(store, [name])
    app = create_app(is_class=True)
    values = {"model": "m", "tuned_name": f"ft:m:o:{suffix}:x", "method": "supervised"}
    values |= {"hyperparameters": "{}", "seed": 1, "training_file": "f", "owner": name}
    store.add("jobs", id="ftjob-1", status="queued", **values)
    store.event("ftjob-1", "<b>said</b>", type="metrics", data={"step": 1, "train_loss": 2.0})
    http = TestClient(app)
    app.state.sessions._open["t"] = (time.monotonic() + 60, Person("<u>me</u>", sees_all=True))
    html = http.get("/", headers={"Cookie": "course_class_page=t"}).text
    assert "&lt;i&gt;Ann" in html and "&lt;script&gt;" in html and "&lt;b&gt;said" in html
    assert not re.search(r"<(i|b|u|script)>(Ann|said|me|alert)", html)


def test_an_endpoint_for_one_needs_no_key(raw, chat_id):
    answer = raw.get("/")
    assert answer.status_code == 200 and chat_id in answer.text
    assert "Trainings" in answer.text and "Learners" not in answer.text
    assert "key" not in text_of(answer.text).lower()
    assert raw.get("/key").status_code == raw.post("/", data={"key": "x"}).status_code == 404
    assert raw.post("/v1/class/progress", json={"done": []}).status_code == 404
    assert raw.get("/", headers={"Host": "evil.example"}).status_code == 403


# ------------------------------------------------------------------------------- what is counted


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_count_whole_or_streamed(raw, client, chat_id, stream):
    def rate():
        return raw.get("/health").json()["tokens_per_s"]

    before = rate()
    ask = {"model": chat_id, "messages": [{"role": "user", "content": "Count."}], "max_tokens": 30}
    answer = client.chat.completions.create(**ask, stream=stream)
    made = sum(1 for _ in answer) if stream else answer.usage.completion_tokens
    # Those of earlier answers may have left the window meanwhile.
    assert 0 < rate() <= before + (made + 2) / WINDOW_S + 0.1
    assert f"{rate():.1f}" in raw.get("/").text


def test_old_tokens_are_forgotten(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("course_utils.endpoint.traffic.time.monotonic", lambda: now[0])
    traffic = Traffic()
    traffic.made("a", 30)
    now[0] += WINDOW_S - 1
    traffic.made("b", 60)
    assert traffic.tokens_per_s() == pytest.approx(90 / WINDOW_S)
    now[0] += 2
    assert traffic.tokens_per_s() == pytest.approx(60 / WINDOW_S)
    assert traffic.tokens == {"a": 30, "b": 60}


def test_a_token_ends_by_itself_and_there_are_not_too_many(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("course_utils.endpoint.sessions.time.monotonic", lambda: now[0])
    sessions, ann = Sessions(), Person("Ann", sees_all=False)
    tokens = [sessions.begin(ann) for _ in range(MOST + 1)]
    assert sessions.person(tokens[0]) is STRANGER and sessions.person(tokens[1]) is ann
    now[0] += 13 * 3600
    assert sessions.person(tokens[1]) is STRANGER and sessions.person("") is STRANGER


def test_a_curve_falls_from_left_to_right_within_its_frame():
    losses = [4.2, 3.0, 1.5, 0.6]
    events = [{"step": n, "total_steps": 8, "train_loss": x} for n, x in enumerate(losses, 1)]
    drawn = curve([*events, {"step": 4, "total_steps": 8, "valid_loss": 0.9}])
    across, down = zip(*drawn.train, strict=True)
    assert list(across) == sorted(across) and list(down) == sorted(down)
    assert across[0] > LEFT and across[-1] == LEFT + (WIDTH - LEFT - RIGHT) / 2  # half is done
    assert min(down) >= TOP and max(down) <= HEIGHT - BOTTOM
    assert drawn.valid[0][1] < down[-1]  # the higher loss stands higher
    assert drawn.words == (
        "Training loss 0.60 at step 4 of 8, 4.20 at step 1; validation loss 0.90"
    )
    assert [label for _, label in drawn.levels] == ["0", "2", "4", "6"]


def test_a_curve_of_nothing_of_one_and_of_very_many_steps():
    assert curve([]) is None
    assert curve([{"step": 1, "valid_loss": 1.0}]) is None
    assert curve([{"step": 1, "train_loss": float("nan")}]) is None
    assert len(curve([{"step": 1, "train_loss": 0.0}]).train) == 1
    many = curve([{"step": n, "train_loss": 1 / n} for n in range(1, 10_000)])
    assert len(many.train) <= 151 and many.train[-1][0] == WIDTH - RIGHT


# ------------------------------------------------------------------------------------- progress


def test_solved_exercises_are_told_where_that_is_wanted(room, busy, home, monkeypatch):
    def shown():
        page = room_sees(room, "Dee").get("/").text
        return re.findall(r'share"[^>]*>(\d+)<', page)

    monkeypatch.setenv("COURSE_PROVIDER", room.base_url)
    monkeypatch.setenv("COURSE_CLASS_KEY", room.keys["Dee"])
    assert shown()[1] == "0"
    progress.record("exercise", "01.1")
    time.sleep(0.5)
    assert shown()[1] == "0", "told without being asked to"
    monkeypatch.setenv("COURSE_SHARE_PROGRESS", "1")
    progress.record("exercise", "01.2")
    within(10, lambda: shown()[1] == "2")  # what was done before comes along


def test_what_cannot_be_told_disturbs_nobody(home, monkeypatch, capfd):
    monkeypatch.setenv("COURSE_SHARE_PROGRESS", "1")
    for provider, key in (
        ("http://127.0.0.1:9/v1", "class-x"),
        ("http://[", "class-x"),
        ("http://127.0.0.1:9/v1", "ключ"),
    ):
        monkeypatch.setenv("COURSE_PROVIDER", provider)
        monkeypatch.setenv("COURSE_CLASS_KEY", key)
        began = time.monotonic()
        progress.record("exercise", "00.1")
        assert time.monotonic() - began < 0.5
    time.sleep(0.5)
    assert capfd.readouterr() == ("", "")
    assert progress.report()["done"] == 1


def test_only_what_the_course_has_is_kept(room):
    items = [("exercise", "00.1"), ("exercise", "00.99"), ("quiz", "<b>"), ("exercise", "00.1")]
    assert share(room, CY, items).json() == {"object": "class.progress", "done": 1}
    assert share(room, CY, []).json()["done"] == 1
    for wrong in ([("sport", "00.1")], [("exercise", "x" * 50)], [("quiz", "00.q1")] * 1001):
        assert share(room, CY, wrong).status_code == 400
    stranger = httpx.post(f"{room.base_url}/class/progress", json={"done": []}, trust_env=False)
    assert stranger.status_code == 401


# ------------------------------------------------------------------------------ in a real browser


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_looked_at_in_a_browser(room, busy, chromium, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    artifacts = Path(os.environ.get("COURSE_ARTIFACTS") or settings().home / "artifacts")
    artifacts.mkdir(parents=True, exist_ok=True)
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def looked_at(name):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        page.screenshot(path=artifacts / f"class-{name}-{width}-{scheme}.png", full_page=True)

    page.goto(f"{room.page}?still")
    looked_at("stranger")
    page.get_by_role("link", name="Show your key").click()
    looked_at("key")
    page.get_by_label("Key", exact=True).fill("class-wrong")
    page.keyboard.press("Enter")
    assert "No key of this class" in page.get_by_role("alert").inner_text()
    said.clear()  # the browser remarks on the status 401
    for name in (BO, INSTRUCTOR):
        page.goto(f"{room.page}key")
        page.get_by_label("Key", exact=True).fill(room.keys[name])
        page.get_by_role("button").click()
        page.wait_for_url(room.page)
        page.goto(f"{room.page}?still")
        looked_at("learner" if name == BO else "instructor")
    drawn = page.get_by_role("img").first
    assert re.match(r"Training loss \d", drawn.get_attribute("aria-label"))
    assert drawn.bounding_box()["width"] > 280
    if scheme == "light":
        page.goto(room.page)  # it goes on by itself
        before = page.locator("figcaption").first.inner_text()
        page.wait_for_function(
            "before => document.querySelector('figcaption')?.innerText !== before",
            arg=before, timeout=30_000,
        )  # fmt: skip
    assert [url for url in asked if not url.startswith((room.page, "data:"))] == []
    assert said == []
    context.close()

    # axe is a script, which the page's policy rightly refuses.
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(f"{room.page}key")
    page.get_by_label("Key", exact=True).fill(room.keys[INSTRUCTOR])
    page.keyboard.press("Enter")
    page.wait_for_url(room.page)
    page.goto(f"{room.page}?still")
    result = Axe().run(page, options={"resultTypes": ["violations"]}).response
    context.close()
    assert len(result["passes"]) > 15, "axe did not run"
    assert [
        (rule["id"], node["html"]) for rule in result["violations"] for node in rule["nodes"]
    ] == []
