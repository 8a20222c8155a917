"""The Acme case holds together: documents, facts, questions and house style agree."""

import difflib
import json
import re
import tomllib
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

ACME = Path(__file__).resolve().parents[2] / "data" / "acme"
VERSIONS = ("v1", "v2")
KEYS = ["id", "title", "category", "valid_from"]
CATEGORIES = {
    "product",
    "plan",
    "pricing",
    "policy",
    "how-to",
    "release-notes",
    "glossary",
    "style-guide",
    "faq",
}
KINDS = {
    "single": 70,
    "two_documents": 25,
    "changed_in_v2": 25,
    "unanswerable": 30,
    "jargon": 20,
    "how_to": 25,
}
FIELDS = {
    "id": str,
    "question": str,
    "answer": str,
    "accepted": list,
    "sources": list,
    "facts": list,
    "kind": str,
    "difficulty": str,
    "split": str,
}
OPTIONAL = {"also": list, "answer_v2": str, "accepted_v2": list}


def parse(path):
    """Split a document into its front matter, a dict in file order, and its body."""
    text = path.read_text(encoding="utf-8")
    found = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    assert found, f"{path.name}: no front matter; begin the file with a block between two '---'"
    meta = {}
    for line in found[1].splitlines():
        key, colon, value = line.partition(": ")
        assert colon, f"{path.name}: front matter line {line!r} is not 'key: value'; correct it"
        meta[key] = value
    return meta, found[2]


def normalise(text):
    """Lower case, one kind of dash, thousands without commas, no emphasis, single spaces."""
    text = text.lower().replace("’", "'").replace("–", "-")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return " ".join(re.sub(r"[*_`]", "", text).split())


def contains(text, phrase):
    """True when ``phrase`` stands in ``text`` as whole words and not inside a longer number."""
    pattern = rf"(?<![\w$.]){re.escape(normalise(phrase))}(?!\w|\.\d)"
    return re.search(pattern, normalise(text)) is not None


def satisfied(text, group):
    return any(contains(text, alternative) for alternative in group)


def correct(text, accepted):
    return bool(accepted) and all(satisfied(text, group) for group in accepted)


def words(text):
    return re.findall(r"[a-z0-9$%]+", normalise(text))


def value(fact, version):
    return fact.get("v2", fact["v1"]) if version == "v2" else fact["v1"]


def gold(question, version):
    if version == "v2" and "accepted_v2" in question:
        return question["accepted_v2"]
    return question["accepted"]


PATHS = {v: sorted((ACME / "documents" / v).glob("*.md")) for v in VERSIONS}
DOCUMENTS = {v: {path.stem: parse(path) for path in PATHS[v]} for v in VERSIONS}
FACTS = tomllib.loads((ACME / "facts.toml").read_text(encoding="utf-8"))["fact"]
FACT = {fact["id"]: fact for fact in FACTS}
QUESTIONS = [
    json.loads(line) for line in (ACME / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]
STYLE = tomllib.loads((ACME / "style.toml").read_text(encoding="utf-8"))


def changed_in(document):
    return [fact for fact in FACTS if "v2" in fact and document in fact["documents"]]


# Documents


@pytest.mark.parametrize("version", VERSIONS)
def test_front_matter(version):
    for stem, (meta, body) in DOCUMENTS[version].items():
        where = f"{version}/{stem}"
        assert list(meta) == KEYS, f"{where}: front matter has {list(meta)}; make it {KEYS}"
        assert meta["id"] == stem, f"{where}: id is {meta['id']!r}; make it the file name"
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", stem), f"{where}: rename it to kebab-case"
        assert meta["category"] in CATEGORIES, (
            f"{where}: unknown category {meta['category']!r}; use one of {sorted(CATEGORIES)}"
        )
        assert body.startswith(f"\n# {meta['title']}\n"), (
            f"{where}: begin the body with '# {meta['title']}'"
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_every_category_is_used(version):
    missing = CATEGORIES - {meta["category"] for meta, _ in DOCUMENTS[version].values()}
    assert not missing, f"{version}: no document of category {sorted(missing)}; write one"


def test_both_versions_have_the_same_documents():
    odd = set(DOCUMENTS["v1"]) ^ set(DOCUMENTS["v2"])
    assert not odd, f"only in one version: {sorted(odd)}; add them to the other"


@pytest.mark.parametrize("version", VERSIONS)
def test_size(version):
    lengths = {stem: len(body.split()) for stem, (_, body) in DOCUMENTS[version].items()}
    assert len(lengths) >= 40, f"{version}: {len(lengths)} documents; write at least 40"
    assert sum(lengths.values()) >= 12_000, (
        f"{version}: {sum(lengths.values())} words in all; write at least 12000"
    )
    for stem, length in lengths.items():
        assert 150 <= length <= 550, f"{version}/{stem}: {length} words; keep 150 to 550"


# Facts


def test_facts_are_well_formed():
    twice = [name for name, n in Counter(fact["id"] for fact in FACTS).items() if n > 1]
    assert not twice, f"facts that exist twice: {twice}; rename one of each"
    assert len(FACTS) >= 150, f"{len(FACTS)} facts; write at least 150"
    for fact in FACTS:
        missing = {"id", "subject", "attribute", "v1", "documents"} - set(fact)
        assert not missing, f"{fact['id']}: add {sorted(missing)}"
        unknown = set(fact) - {"id", "subject", "attribute", "v1", "v2", "documents"}
        assert not unknown, f"{fact['id']}: remove {sorted(unknown)}"
        assert fact["documents"], f"{fact['id']}: name at least one document"
        assert fact["id"].startswith(fact["documents"][0] + "."), (
            f"{fact['id']}: begin the id with its main document, {fact['documents'][0]}"
        )
        assert fact.get("v2") != fact["v1"], f"{fact['id']}: v2 equals v1; remove v2"


@pytest.mark.parametrize("version", VERSIONS)
def test_facts_stand_in_their_documents(version):
    for fact in FACTS:
        for document in fact["documents"]:
            assert document in DOCUMENTS[version], (
                f"{fact['id']}: there is no document {document!r}; correct 'documents'"
            )
            assert value(fact, version) in DOCUMENTS[version][document][1], (
                f"{fact['id']}: {value(fact, version)!r} does not stand in "
                f"{version}/{document}; correct the fact or the document"
            )


def test_enough_facts_change():
    changed = [fact["id"] for fact in FACTS if "v2" in fact]
    assert len(changed) >= 12, f"{len(changed)} facts change; let at least 12 change"


@pytest.mark.parametrize("document", sorted(DOCUMENTS["v1"]))
def test_versions_differ_exactly_where_said(document):
    old, new = (
        (ACME / "documents" / v / f"{document}.md").read_text(encoding="utf-8").splitlines()
        for v in VERSIONS
    )
    facts = changed_in(document)
    if not facts:
        assert old == new, f"{document}: no changed fact names it, but v1 and v2 differ"
        return
    assert "valid_from: 2026-04-15" in new, f"{document}: set valid_from in v2 to 2026-04-15"
    assert len(old) == len(new), f"{document}: v1 and v2 have different numbers of lines"
    seen = set()
    for line in difflib.ndiff(old, new):
        sign, text = line[:2], line[2:]
        if sign not in ("- ", "+ ") or text.startswith("valid_from: "):
            continue
        key = "v1" if sign == "- " else "v2"
        found = {fact["id"] for fact in facts if fact[key] in text}
        assert found, f"{document}: the line {text[:60]!r} changed without a changed fact"
        seen |= found
    unseen = {fact["id"] for fact in facts} - seen
    assert not unseen, f"{document}: {sorted(unseen)} should change here but do not"
    # With the values of the changed facts taken out, both lines are the same.
    for before, after in zip(old, new, strict=True):
        if before != after and not before.startswith("valid_from: "):
            values = [fact[key] for fact in facts for key in VERSIONS]
            assert without(before, values) == without(after, values), (
                f"{document}: more than the listed facts changed in {before[:60]!r}"
            )


def without(line, values):
    for each in sorted(values, key=len, reverse=True):
        line = re.sub(rf"(?<![\w$]){re.escape(each)}(?!\w|,\d)", "…", line)
    return line


def test_unchanged_documents_are_identical():
    for path in PATHS["v1"]:
        if not changed_in(path.stem):
            same = path.read_bytes() == (ACME / "documents" / "v2" / path.name).read_bytes()
            assert same, f"{path.stem}: copy v1 over v2, byte for byte"


# Questions


def test_questions_are_well_formed():
    twice = [name for name, n in Counter(q["id"] for q in QUESTIONS).items() if n > 1]
    assert not twice, f"question ids that exist twice: {twice}; renumber"
    assert len(QUESTIONS) >= 200, f"{len(QUESTIONS)} questions; write at least 200"
    for question in QUESTIONS:
        name = question["id"]
        for field, kind in FIELDS.items():
            assert isinstance(question.get(field), kind), f"{name}: add {field}, a {kind.__name__}"
        for field in set(question) - set(FIELDS):
            assert isinstance(question[field], OPTIONAL.get(field, ())), (
                f"{name}: field {field!r} is unknown or of the wrong type; remove it"
            )
        assert question["kind"] in KINDS, f"{name}: unknown kind {question['kind']!r}"
        assert question["difficulty"] in {"easy", "medium", "hard"}, f"{name}: correct difficulty"
        assert question["split"] in {"dev", "test"}, f"{name}: split must be dev or test"
        has_v2 = {"answer_v2", "accepted_v2"} <= set(question)
        any_v2 = {"answer_v2", "accepted_v2"} & set(question)
        changed = question["kind"] == "changed_in_v2"
        assert has_v2 if changed else not any_v2, (
            f"{name}: answer_v2 and accepted_v2 belong to changed_in_v2, and only there"
        )
        for fact in question["facts"]:
            assert fact in FACT, f"{name}: there is no fact {fact!r}; correct 'facts'"
        for document in question["sources"] + question.get("also", []):
            assert document in DOCUMENTS["v1"], f"{name}: there is no document {document!r}"
        assert not set(question["sources"]) & set(question.get("also", [])), (
            f"{name}: a document stands in sources and in also; remove it from also"
        )
        for group in question["accepted"] + question.get("accepted_v2", []):
            assert group, f"{name}: an empty group of accepted answers; fill or remove it"
            for alternative in group:
                assert not re.fullmatch(r"\d{1,3}", alternative), (
                    f"{name}: {alternative!r} is a bare number; add its unit"
                )


def test_every_kind_in_both_splits():
    count = Counter((q["kind"], q["split"]) for q in QUESTIONS)
    for kind, least in KINDS.items():
        dev, test = count[kind, "dev"], count[kind, "test"]
        assert dev + test >= least, f"{kind}: {dev + test} questions; write at least {least}"
        assert 0.25 <= dev / (dev + test) <= 0.55, f"{kind}: {dev} dev, {test} test; aim at 40:60"


def test_unanswerable():
    for question in QUESTIONS:
        empty = not (question["accepted"] or question["sources"] or question["facts"])
        if question["kind"] == "unanswerable":
            assert empty and not question.get("also"), (
                f"{question['id']}: empty accepted, sources, facts and also"
            )
            assert question["answer"] == "The documents do not say.", f"{question['id']}: answer"
        else:
            complete = question["accepted"] and question["sources"] and question["facts"]
            assert complete, f"{question['id']}: fill accepted, sources and facts"


@pytest.mark.parametrize("version", VERSIONS)
def test_gold_answers_stand_in_their_sources(version):
    texts = {stem: body for stem, (_, body) in DOCUMENTS[version].items()}
    for question in QUESTIONS:
        name, groups = question["id"], gold(question, version)
        for group in groups:
            assert any(satisfied(texts[s], group) for s in question["sources"]), (
                f"{name}: none of {group} stands in {version}/{question['sources']}; "
                "correct accepted or sources"
            )
        relevant = question["sources"] + question.get("also", [])
        for document in relevant:
            if groups:
                assert any(satisfied(texts[document], group) for group in groups), (
                    f"{name}: {version}/{document} states no part of the answer; remove it"
                )
        if question["kind"] == "two_documents":
            assert len(question["sources"]) == 2, f"{name}: name exactly two sources"
            assert len(groups) >= 2, f"{name}: needs a group for each of the two documents"
            for document in relevant:
                assert not correct(texts[document], groups), (
                    f"{name}: {version}/{document} alone answers it; it is not two_documents"
                )


@pytest.mark.parametrize("version", VERSIONS)
def test_sources_agree_with_facts(version):
    for question in QUESTIONS:
        relevant = set(question["sources"]) | set(question.get("also", []))
        stated = {d for fact in question["facts"] for d in FACT[fact]["documents"]}
        assert relevant == stated, (
            f"{question['id']}: sources and also name {sorted(relevant)}, but its facts stand in "
            f"{sorted(stated)}; make them agree"
        )


def test_gold_answers_count_as_correct():
    for question in QUESTIONS:
        name = question["id"]
        if question["kind"] == "unanswerable":
            continue
        assert correct(question["answer"], question["accepted"]), (
            f"{name}: the gold answer does not satisfy accepted; correct one of them"
        )
        if question["kind"] == "changed_in_v2":
            new = question["answer_v2"]
            assert correct(new, question["accepted_v2"]), f"{name}: answer_v2 is not accepted_v2"
            assert not correct(new, question["accepted"]), f"{name}: v1 accepts the v2 answer"
            assert not correct(question["answer"], question["accepted_v2"]), (
                f"{name}: v2 accepts the outdated answer; tighten accepted_v2"
            )


def test_only_changed_questions_change():
    for question in QUESTIONS:
        changed = any("v2" in FACT[fact] for fact in question["facts"])
        assert changed == (question["kind"] == "changed_in_v2"), (
            f"{question['id']}: kind is {question['kind']}, but the facts "
            f"{'change' if changed else 'do not change'}; choose other facts or another kind"
        )


def test_no_question_gives_its_answer_away():
    for question in QUESTIONS:
        for accepted in (question["accepted"], question.get("accepted_v2", [])):
            assert not correct(question["question"], accepted), (
                f"{question['id']}: the question already contains an accepted answer; reword it"
            )


def test_no_near_duplicates():
    tokens = {q["id"]: set(words(q["question"])) for q in QUESTIONS}
    for a, b in combinations(QUESTIONS, 2):
        one, two = tokens[a["id"]], tokens[b["id"]]
        overlap = len(one & two) / len(one | two)
        assert overlap < 0.8, f"{a['id']} and {b['id']} are nearly the same; reword one of them"


def test_splits_share_nothing():
    sides = {s: [q for q in QUESTIONS if q["split"] == s] for s in ("dev", "test")}
    texts = {s: {" ".join(words(q["question"])) for q in qs} for s, qs in sides.items()}
    shared = texts["dev"] & texts["test"]
    assert not shared, f"in dev and in test: {sorted(shared)}; remove one of each"
    facts = {s: {fact for q in qs for fact in q["facts"]} for s, qs in sides.items()}
    both = facts["dev"] & facts["test"]
    assert not both, f"facts used in dev and in test: {sorted(both)}; move the questions together"


def test_questions_are_not_copied():
    length = 8
    runs = {}
    for version in VERSIONS:
        for stem, (_, body) in DOCUMENTS[version].items():
            tokens = words(body)
            for i in range(len(tokens) - length + 1):
                runs.setdefault(tuple(tokens[i : i + length]), stem)
    for question in QUESTIONS:
        tokens = words(question["question"])
        for i in range(len(tokens) - length + 1):
            run = tuple(tokens[i : i + length])
            assert run not in runs, (
                f"{question['id']}: {' '.join(run)!r} is copied from {runs[run]}; reword it"
            )


# House style


def examples():
    body = DOCUMENTS["v1"]["house-style"][1]
    return re.findall(r"```text\n(.*?)\n```", body, re.DOTALL)


def test_house_style_names_its_rules():
    body = DOCUMENTS["v1"]["house-style"][1]
    stated = [STYLE["greeting"], STYLE["next_step_prefix"], STYLE["sign_off"]]
    stated += [str(STYLE["max_words"]), *STYLE["forbidden"][1:]]
    for each in stated:
        assert each in body, f"house-style does not state {each!r}; make it agree with style.toml"
    assert len(examples()) >= 2, "house-style: give at least two worked examples"
    for rule in STYLE["rule"]:
        assert set(rule) == {"id", "description"}, f"style.toml: rule {rule} needs id, description"


@pytest.mark.parametrize("reply", examples())
def test_house_style_examples_keep_the_rules(reply):
    lines = reply.splitlines()
    assert lines[0] == STYLE["greeting"], f"begin the example with the greeting: {reply}"
    assert lines[-1] == STYLE["sign_off"], f"end the example with the sign-off: {reply}"
    steps = [line for line in lines if line.startswith(STYLE["next_step_prefix"])]
    assert steps == [lines[-2]], f"exactly one next step, before the sign-off: {reply}"
    sentences = re.findall(r"[.?](?:\s|$)", " ".join(lines[1:-2]))
    assert 1 <= len(sentences) <= 3, f"one to three sentences of answer: {reply}"
    assert len(reply.split()) <= STYLE["max_words"], f"shorten the example: {reply}"
    for each in STYLE["forbidden"]:
        assert each.lower() not in reply.lower(), f"remove {each!r} from the example: {reply}"
    for each in STYLE["forbidden_first_person"]:
        assert not re.search(rf"\b{each}\b", reply), f"say 'we' and not {each!r}: {reply}"
