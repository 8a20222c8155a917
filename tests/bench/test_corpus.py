from course_utils.bench import corpus


def test_texts_differ_and_stay_the_same():
    texts = [corpus.text(number) for number in range(2000)]
    assert len(set(texts)) == 2000
    assert texts == [corpus.text(number) for number in range(2000)]
    assert all(12 <= len(text.split()) <= 40 for text in texts)


def test_the_planted_text_alone_answers_the_question():
    for planted in corpus.questions(400, 60):
        product = corpus.name(planted.answer // len(corpus.FACTS))
        said, asked, *_ = corpus.FACTS[planted.answer % len(corpus.FACTS)]
        assert planted.question == asked.format(product)
        answers = [
            number
            for number in range(400)
            if product.lower() in corpus.text(number).lower() and said in corpus.text(number)
        ]
        assert answers == [planted.answer]


def test_a_larger_corpus_holds_the_smaller():
    assert corpus.questions(50, 500) == corpus.questions(50, 50)
    assert {planted.answer for planted in corpus.questions(50, 50)} == set(range(50))
