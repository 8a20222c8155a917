from course_utils.answer import Answer, Usage
from course_utils.bakeoff.log import AnswerLog

ANSWER = Answer("It costs €49.", ("plans",), Usage(120, 8), 0.5, ("The Pro plan …",), 0.02)


def test_an_answer_is_found_again_by_what_it_depends_on(tmp_path):
    path = tmp_path / "out" / "answers.jsonl"
    AnswerLog(path).add("digest", "rag", "How much?", ANSWER)
    again = AnswerLog(path)
    assert again.get("digest", "How much?") == ANSWER
    assert again.get("other", "How much?") is None
    assert again.get("digest", "How many?") is None


def test_a_line_cut_off_in_the_middle_costs_one_answer_only(tmp_path):
    path = tmp_path / "answers.jsonl"
    log = AnswerLog(path)
    log.add("digest", "rag", "one", ANSWER)
    log.add("digest", "rag", "two", ANSWER)
    whole = path.read_bytes()
    for cut in (1, 40, len(whole.splitlines()[1])):
        path.write_bytes(whole[:-cut])
        again = AnswerLog(path)
        assert again.get("digest", "one") == ANSWER
        assert again.get("digest", "two") is None
        again.add("digest", "rag", "two", ANSWER)
        assert AnswerLog(path).get("digest", "two") == ANSWER
    path.write_bytes(whole[:30])  # the very first line
    assert AnswerLog(path).get("digest", "one") is None
