"""09:00 stays 09:00, and a day has as many digests as it has times, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model.recurrence import BadRecurrence, recurrence

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "UTC"]


def walls(zone: str, at: str, first: date, days: int) -> list[str]:
    found = recurrence(at, "daily", zone).between(
        datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)) - timedelta(seconds=1),
        datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)) + timedelta(days=days, seconds=-1),
    )
    return [each.at.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M") for each in found]


def test_nine_remains_nine_when_the_clocks_change() -> None:
    assert walls("Europe/Berlin", "09:00", date(2026, 3, 28), 3) == ["03-28 09:00", "03-29 09:00", "03-30 09:00"]
    assert walls("Europe/Berlin", "09:00", date(2026, 10, 24), 3) == ["10-24 09:00", "10-25 09:00", "10-26 09:00"]


def test_a_time_that_is_skipped_comes_an_hour_later_and_once() -> None:
    assert walls("Europe/Berlin", "02:30", date(2026, 3, 28), 3) == ["03-28 02:30", "03-29 03:30", "03-30 02:30"]


def test_a_time_that_is_shown_twice_comes_once() -> None:
    assert walls("Europe/Berlin", "02:30", date(2026, 10, 24), 3) == ["10-24 02:30", "10-25 02:30", "10-26 02:30"]
    (twice,) = recurrence("02:30", "sun", "Europe/Berlin").between(
        datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    )
    assert twice.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minute=st.sampled_from([0, 30, 59]),
    start=st.dates(date(2026, 1, 1), date(2027, 12, 1)),
    cut=st.floats(0, 20),
)
def test_each_window_is_met_once_wherever_the_time_is_cut(
    zone: str, hour: int, minute: int, start: date, cut: float
) -> None:
    often = recurrence(f"{hour:02}:{minute:02}", "daily", zone)
    begin = datetime(start.year, start.month, start.day, tzinfo=UTC)
    middle, end = begin + timedelta(days=cut), begin + timedelta(days=20)
    complete = list(often.between(begin, end))
    assert [*often.between(begin, middle), *often.between(middle, end)] == complete
    assert len({each.window for each in complete}) == len(complete)
    assert 19 <= len(complete) <= 21
    assert often.next(begin) == complete[0]
    last = often.last(end)
    assert last == complete[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("", "daily", "UTC"), "a digest needs"),
        (("09:00", "", "UTC"), "a digest needs"),
        (("09:00", [], "UTC"), "a digest needs"),
        (("09:00", "31 february", "UTC"), "expected days"),
        (("* * * * *", "daily", "UTC"), "expected times such as 09:00"),
        (("09:00, 09:01", "daily", "UTC"), "too often"),
        ((",".join(f"{n}:00" for n in range(10, 17)), "daily", "UTC"), "too often"),
        (("24:00", "daily", "UTC"), "is not a time of day"),
        (("13pm", "daily", "UTC"), "is not a time of day"),
        (("09:00", "daily", "Europe/Berln"), "did you mean Europe/Berlin"),
        (("09:00", "daily", "Berlin"), "did you mean Europe/Berlin?"),
        (("09:00", "daily", "../../etc/passwd"), "is not a time zone"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_would_be_right(
    words: tuple[object, object, str], message: str
) -> None:
    with pytest.raises(BadRecurrence, match=message.replace("?", r"\?")):
        recurrence(*words)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("9am", "weekdays", "europe/berlin"), "Monday to Friday at 09:00 Europe/Berlin"),
        (("9.30, 17h00", "Mon – Wed", "UTC"), "Mon, Tue, Wed at 09:30, 17:00 UTC"),
        ((["08:00", 630], ["sat", "sun"], "UTC"), "Sat, Sun at 08:00, 10:30 UTC"),
        (("12am", "fri-mon", "UTC"), "Mon, Fri, Sat, Sun at 00:00 UTC"),
    ],
)
def test_people_write_times_and_days_as_they_like(words: tuple[object, object, str], shown: str) -> None:
    assert str(recurrence(*words)) == shown
