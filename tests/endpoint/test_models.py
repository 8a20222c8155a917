"""What is served, under which name, and in what state."""

import re

import openai
import pytest

from course_utils import registry
from course_utils.endpoint.app import create_app
from course_utils.errors import CourseError


def test_models(client, chat_id, encoder_id):
    listed = {model.id: model for model in client.models.list()}
    assert {chat_id, encoder_id} <= set(listed)
    assert all(model.object == "model" and model.created > 0 for model in listed.values())
    assert client.models.retrieve(chat_id).id == chat_id
    with pytest.raises(openai.NotFoundError, match=chat_id):
        client.models.retrieve("no/such-model")


def test_health(raw, endpoint, chat_id, encoder_id):
    before = raw.get("/health").json()
    assert before["status"] == "ok"
    assert before["pid"] == endpoint.pid
    assert {chat_id, encoder_id} <= set(before["models"])
    assert before["rss_mb"] > 50 and before["uptime_s"] > 0 and before["version"]
    raw.get("/v1/models")
    after = raw.get("/health").json()
    assert after["requests"] == before["requests"] + 1
    assert after["engine"] == {"running": 0, "waiting": 0}


def test_root_says_what_this_is(raw):
    assert "/docs" in raw.get("/").text
    assert raw.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("target", ["no-such-model", registry.hosted_chat().id])
def test_an_alias_needs_a_served_model(home, target):
    with pytest.raises(CourseError, match="alias"):
        create_app(aliases={"name": target})


def test_an_alias_cannot_take_a_models_name(home):
    with pytest.raises(CourseError, match="alias"):
        create_app(aliases={registry.local_encoder().id: registry.local_chat().id})


def test_its_description_is_shown_without_a_network(raw):
    page = raw.get("/docs")
    assert page.status_code == 200 and "http" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 2
    assert all(raw.get(address).status_code == 200 for address in loaded)
