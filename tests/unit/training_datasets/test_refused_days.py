"""What becomes of the days beside one that cannot be built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from training_datasets.refused_days import RefusedDays
from validation.errors import CheckFailed, NotReady, RoadsideError

MON, TUE, WED, THU = (date(2026, 3, day) for day in (9, 10, 11, 12))


def stopping(*bad: date, calls: list[list[date]]) -> Callable[[Sequence[date]], dict[date, str]]:
    """Makes days, unless one of the bad is among them."""

    def make(days: Sequence[date]) -> dict[date, str]:
        calls.append([*days])
        if {*bad} & {*days}:
            raise CheckFailed(f"{days[0]} is bad." if len(days) == 1 else "Some day is bad.", "Look.")
        return {day: f"{day} of {len(days)}" for day in days}

    return make


def test_days_are_made_together_and_only_if_that_is_stopped_alone() -> None:
    refused, calls = RefusedDays(), list[list[date]]()
    assert refused.made([MON, TUE], stopping(WED, calls=calls)) == {
        MON: "2026-03-09 of 2",
        TUE: "2026-03-10 of 2",
    }
    assert refused.made([MON, TUE, WED], stopping(TUE, calls=calls)) == {
        MON: "2026-03-09 of 1",
        WED: "2026-03-11 of 1",
    }
    assert calls == [[MON, TUE], [MON, TUE, WED], [MON], [TUE], [WED]]
    assert {day: str(error) for day, error in refused.errors.items()} == {TUE: "2026-03-10 is bad.\nLook."}
    assert refused.among([MON, TUE, WED]) == [MON, WED]


def test_a_day_that_was_made_alone_is_not_made_twice() -> None:
    refused, calls = RefusedDays(), list[list[date]]()
    assert refused.made([TUE], stopping(TUE, calls=calls)) == {}
    assert (calls, [*refused.errors]) == ([[TUE]], [TUE])


def test_what_stops_days_together_and_none_alone_refuses_all_of_them_and_no_other() -> None:
    def twice(days: Sequence[date]) -> dict[date, str]:
        if len(days) > 1:
            raise CheckFailed("A row is in two days.")
        return {days[0]: "alone"}

    refused = RefusedDays({THU: YOUNG})
    assert refused.made([MON, TUE], twice) == {}
    assert refused.made([WED], twice) == {WED: "alone"}
    assert {day: str(error) for day, error in refused.errors.items()} == {
        THU: "It is young.\nWait.",
        MON: "A row is in two days.",
        TUE: "A row is in two days.",
    }


def told(standing: Sequence[date], *errors: tuple[Sequence[date], RoadsideError]) -> RoadsideError:
    refused = RefusedDays()
    for days, error in errors:
        refused.refuse(days, error)
    return refused.told(standing)


STOPPED, YOUNG = CheckFailed("A gate stops it.", "Mend it."), NotReady("It is young.", "Wait.")


def test_one_error_tells_of_all_and_names_the_days() -> None:
    alone = told([], ([TUE], STOPPED))
    assert alone is STOPPED
    beside = told([MON, WED, THU], ([TUE], STOPPED))
    assert (type(beside), str(beside)) == (
        CheckFailed,
        "A gate stops it. Left as they were: 2026-03-10; of the days asked for stand: 2026-03-09, "
        "2026-03-11..2026-03-12.\nMend it.",
    )


def test_a_day_to_wait_for_gives_the_kind_for_it_may_be_tried_again() -> None:
    both = told([], ([MON, TUE], STOPPED), ([WED], YOUNG))
    assert (type(both), str(both)) == (
        NotReady,
        "A gate stops it. It is young. Left as they were: 2026-03-09..2026-03-11; of the days asked for "
        "stand: none.\nMend it.\nWait.",
    )
