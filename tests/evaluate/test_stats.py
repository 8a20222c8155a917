import numpy as np
import pytest

from course_utils.evaluate.stats import Interval, mean_interval, paired_difference, paired_p


def test_covers_the_true_mean_about_95_percent_of_the_time():
    random = np.random.default_rng(7)
    true_mean, trials = 0.6, 200
    inside = 0
    for _ in range(trials):
        found = mean_interval(random.random(60) < true_mean)
        inside += found.low <= true_mean <= found.high
    assert 0.91 <= inside / trials <= 0.98


def test_a_lower_level_gives_a_narrower_interval():
    values = np.random.default_rng(1).random(50)
    wide, narrow = mean_interval(values, level=0.95), mean_interval(values, level=0.5)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_pairing_narrows_what_the_questions_difficulty_widens():
    random = np.random.default_rng(3)
    difficulty = random.random(100)
    ours = difficulty + 0.1 + random.normal(0, 0.02, 100)
    theirs = difficulty + random.normal(0, 0.02, 100)
    paired = paired_difference(ours, theirs)
    assert paired.mean == pytest.approx(0.1, abs=0.02)
    assert paired.low > 0
    unpaired = mean_interval(ours).high - mean_interval(ours).low
    assert paired.high - paired.low < unpaired / 4


def test_is_the_same_on_every_run():
    values = [True, False, True, True]
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values, seed=1) != mean_interval([False, *values[1:]], seed=1)


def test_none_or_all_of_few_is_not_certainty():
    none, every = mean_interval([0] * 10), mean_interval([1] * 10)
    # Clopper-Pearson for 0 of 10 at 95 %, from any table.
    assert (none.mean, none.low) == (0, 0) and none.high == pytest.approx(0.3085, abs=1e-4)
    assert (every.mean, every.high) == (1, 1) and every.low == pytest.approx(0.6915, abs=1e-4)
    assert mean_interval([0] * 100).high < none.high


def test_equal_scores_in_between_and_equal_differences_have_no_width():
    assert mean_interval([0.5, 0.5]) == Interval(0.5, 0.5, 0.5, 2)
    assert paired_difference([1, 0], [1, 0]) == Interval(0.0, 0.0, 0.0, 2)


def test_reads_as_a_sentence_and_as_error_bars():
    interval = Interval(0.5, 0.4, 0.75, 20)
    assert str(interval) == "50% [40%, 75%], n=20"
    assert interval.errors == pytest.approx((0.1, 0.25))


def test_refuses_what_cannot_be_averaged():
    with pytest.raises(ValueError, match="nothing was scored"):
        mean_interval([])
    with pytest.raises(ValueError, match="2 and 1"):
        paired_difference([1, 0], [1])


def test_p_of_a_paired_difference():
    ours, theirs = [1] * 20 + [0] * 10, [0] * 20 + [0] * 10
    assert paired_p(ours, theirs) < 0.001
    assert paired_p([1, 0] * 15, [0, 1] * 15) > 0.8
    assert paired_p([1, 1], [1, 1]) == 1
    with pytest.raises(ValueError):
        paired_p([1], [1, 0])
