"""Vectors: their form, their meaning, and that they depend on their text alone."""

import base64

import numpy as np
import openai
import pytest
from tokenizers import Tokenizer

from course_utils import registry

TEXTS = ["How do I get my money back?", "Our refund policy", "The weather in Oslo " * 20, "x"]


@pytest.fixture(scope="module")
def embed(client, encoder_id):
    def embed(given, **parameters):
        return client.embeddings.create(model=encoder_id, input=given, **parameters)

    return embed


@pytest.fixture(scope="module")
def tokenizer():
    found = Tokenizer.from_file(str(registry.model_path(registry.local_encoder(), "tokenizer")))
    found.no_truncation()
    found.no_padding()
    return found


def vectors(answer):
    return np.array([item.embedding for item in answer.data])


def test_shape_and_length(embed, encoder_id):
    answer = embed(TEXTS)
    assert answer.model == encoder_id
    assert [item.index for item in answer.data] == list(range(len(TEXTS)))
    assert vectors(answer).shape == (len(TEXTS), registry.local_encoder().dimensions)
    assert np.allclose(np.linalg.norm(vectors(answer), axis=1), 1, atol=1e-5)


def test_meaning_counts(embed):
    question, policy, weather, _ = vectors(embed(TEXTS))
    assert question @ policy > question @ weather + 0.2


def test_a_vector_depends_on_its_text_alone(embed):
    together = vectors(embed(TEXTS + ["filler " * n for n in range(1, 40)]))[: len(TEXTS)]
    alone = np.vstack([vectors(embed(text)) for text in TEXTS])
    assert np.all((together * alone).sum(axis=1) >= 0.999)


def test_texts_of_one_length_are_read_together_and_do_not_mix(embed, tokenizer):
    texts = [f"Room {n} is {'very ' * (n % 3)}cold" for n in range(10, 40)]
    assert len({len(tokenizer.encode(text).ids) for text in texts}) == 3
    alone = np.vstack([vectors(embed(text)) for text in texts])
    assert np.allclose(vectors(embed(texts)), alone, atol=1e-6)
    assert len(np.unique(alone.round(4), axis=0)) == len(texts)


def test_base64_is_float(raw, encoder_id):
    def post(encoding):
        body = {"model": encoder_id, "input": TEXTS, "encoding_format": encoding}
        return [item["embedding"] for item in raw.post("/v1/embeddings", json=body).json()["data"]]

    decoded = [np.frombuffer(base64.b64decode(item), "<f4") for item in post("base64")]
    assert np.array_equal(np.array(decoded), np.array(post("float"), np.float32))


def test_usage_is_the_tokenizers_count(embed, tokenizer):
    expected = sum(len(tokenizer.encode(text).ids) for text in TEXTS)
    usage = embed(TEXTS).usage
    assert usage.prompt_tokens == usage.total_tokens == expected


def test_token_ids_of_the_encoder_mean_their_text(embed, tokenizer):
    text = TEXTS[0]
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    marked = tokenizer.encode(text).ids
    expected = vectors(embed(text))[0]
    assert np.allclose(vectors(embed(plain))[0], expected)
    assert np.allclose(vectors(embed([plain, marked])), expected)


def test_foreign_token_ids_are_refused(embed, tokenizer):
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        embed([[tokenizer.get_vocab_size() + 5]])


def test_only_the_beginning_of_a_long_text_counts_and_it_says_so(embed, tokenizer):
    limit = registry.local_encoder().context_tokens
    long = "river " * (limit + 100)
    answer = embed(["short", long])
    length = len(tokenizer.encode(long).ids)
    assert answer.truncated == [{"index": 1, "tokens": length, "read": limit}]
    assert answer.usage.prompt_tokens == len(tokenizer.encode("short").ids) + limit
    other_end = vectors(embed(long + "volcano"))[0]
    assert np.allclose(other_end, vectors(answer)[1])


def test_nothing_is_said_where_nothing_is_cut(raw, encoder_id):
    body = {"model": encoder_id, "input": "short"}
    assert "truncated" not in raw.post("/v1/embeddings", json=body).json()


def test_dimensions(embed, encoder_id):
    own = registry.local_encoder().dimensions
    assert vectors(embed("x", dimensions=own)).shape == (1, own)
    with pytest.raises(openai.BadRequestError, match=str(own)):
        embed("x", dimensions=own // 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "empty"),
        ([], "empty"),
        (["a", ""], "empty"),
        ([[]], "empty"),
        ([1, "a"], "token ids"),
        ({"a": 1}, "token ids"),
        (["x"] * 2049, "2048"),
        ([[1.5]], "integer"),
    ],
)
def test_bad_input(raw, encoder_id, given, words):
    answer = raw.post("/v1/embeddings", json={"model": encoder_id, "input": given})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"].startswith("input")
    assert words in error["message"]


def test_a_chat_model_does_not_embed(client, chat_id, encoder_id):
    with pytest.raises(openai.BadRequestError, match=encoder_id):
        client.embeddings.create(model=chat_id, input="x")


def test_langchain(endpoint, encoder_id, chat_id):
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    where = {"base_url": endpoint.base_url, "api_key": "unused"}
    embeddings = OpenAIEmbeddings(model=encoder_id, check_embedding_ctx_length=False, **where)
    assert len(embeddings.embed_documents(TEXTS)) == len(TEXTS)
    chat = ChatOpenAI(model=chat_id, temperature=0, max_tokens=8, **where)
    answer = chat.invoke("Hi")
    assert answer.content == "".join(chunk.content for chunk in chat.stream("Hi"))
    assert answer.usage_metadata["output_tokens"] <= 8
