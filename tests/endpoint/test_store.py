"""The database of files and jobs, by itself."""

import pytest

from course_utils.endpoint.store import Store, new_id


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def add_file(store, name="a.jsonl", purpose="fine-tune"):
    return store.add("files", id=new_id("file-"), bytes=1, filename=name, purpose=purpose)["id"]


def add_job(store, **values):
    defaults = {"status": "queued", "model": "m", "tuned_name": "t", "method": "supervised"}
    defaults |= {"hyperparameters": {"n_epochs": "auto"}, "seed": 1, "training_file": "f"}
    return store.add("jobs", id=new_id("ftjob-"), **{**defaults, **values})["id"]


def test_what_was_committed_is_there_again(store, tmp_path):
    file_id = add_file(store, name="../ü\n.jsonl")
    job_id = add_job(store, metadata={"a": "b"})
    store.event(job_id, "Hello", data={"step": 1})
    again = Store(tmp_path)
    assert again.get("files", file_id)["filename"] == "../ü\n.jsonl"
    assert again.get("jobs", job_id)["metadata"] == {"a": "b"}
    assert again.page("events", limit=1, job=job_id).rows[0]["data"] == {"step": 1}
    assert again.get("jobs", "no-such-job") is None
    again.close()


def test_a_transaction_is_all_or_nothing(store):
    job_id = add_job(store)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.advance(job_id, ("queued",), "running")
        store.event(job_id, "started")
        _ = 1 / 0
    assert store.get("jobs", job_id)["status"] == "queued"
    assert store.page("events", limit=5).rows == []


def test_a_job_advances_only_from_the_states_named(store):
    job_id = add_job(store)
    assert store.advance(job_id, ("queued",), "running")
    assert not store.advance(job_id, ("queued",), "cancelled", finished_at=1)
    job = store.get("jobs", job_id)
    assert (job["status"], job["finished_at"]) == ("running", None)
    assert [row["id"] for row in store.in_state("running", "queued")] == [job_id]


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_the_parts_of_a_list_make_the_whole(store, limit, ascending):
    ids = [add_file(store) for _ in range(5)]
    add_file(store, purpose="fine-tune-results")
    seen, after = [], None
    while True:
        page = store.page(
            "files", limit=limit, after=after, ascending=ascending, purpose="fine-tune"
        )
        seen += [row["id"] for row in page.rows]
        if not page.has_more:
            break
        after = seen[-1]
    assert seen == (ids if ascending else ids[::-1])
    with pytest.raises(KeyError):
        store.page("files", limit=1, after="no-such-file")


def test_jobs_are_found_by_their_metadata(store):
    plain, none = add_job(store), add_job(store, metadata={})
    one = add_job(store, metadata={'a"b': "1", "c": "2"})
    two = add_job(store, metadata={'a"b': "1"})

    def found(metadata):
        return [row["id"] for row in store.page("jobs", limit=9, metadata=metadata).rows]

    assert found({'a"b': "1"}) == [two, one]
    assert found({'a"b': "1", "c": "2"}) == [one]
    assert found({"c": "3"}) == []
    assert found({}) == [none, plain]
    assert len(found(None)) == 4


def test_sweeping_takes_only_what_was_just_being_made_or_deleted(store):
    known, job, deleted, restored = (
        add_file(store),
        add_job(store),
        add_file(store),
        add_file(store),
    )
    for name in (known, deleted, restored, "file-half", "file-of-a-lost-row"):
        store.file_path(name).write_text("bytes")
    # Killed within an upload; after the row was gone; before.
    for name in ("file-half", "file-not-begun", deleted, restored):
        (store.folder / "unsettled" / name).touch()
    store.delete("files", deleted)
    for name in (job, "ftjob-empty", "ftjob-of-a-lost-row"):
        store.job_folder(name).mkdir()
    (store.job_folder("ftjob-of-a-lost-row") / "adapter.gguf").touch()
    store.sweep()
    left = {path.name for path in store.files.iterdir()}
    assert left == {known, restored, "file-of-a-lost-row"}
    assert {path.name for path in store.jobs.iterdir()} == {job, "ftjob-of-a-lost-row"}
    assert not any((store.folder / "unsettled").iterdir())


def test_a_file_is_there_with_its_row_or_not_at_all(store):
    with store.making("file-kept") as path:
        path.touch()
        store.add("files", id="file-kept", bytes=0, filename="a", purpose="fine-tune")
    with pytest.raises(ZeroDivisionError), store.making("file-failed") as path:
        path.touch()
        _ = 1 / 0
    assert [path.name for path in store.files.iterdir()] == ["file-kept"]
    store.delete_file("file-kept")
    assert not any(store.files.iterdir()) and not store.all("files")
    assert not any((store.folder / "unsettled").iterdir())
