"""Days that a build cannot build, and why; they keep no other day back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

from validation.errors import CheckFailed, NotReady, RoadsideError

Made = TypeVar("Made")
_DAY = timedelta(days=1)


@dataclass
class RefusedDays:
    """By day the error that it is refused with; several days may share one."""

    errors: dict[date, RoadsideError] = field(default_factory=dict)

    def refuse(self, days: Iterable[date], error: RoadsideError) -> None:
        """The days are not built, for this reason."""
        self.errors |= dict.fromkeys(days, error)

    def among(self, days: Iterable[date]) -> list[date]:
        """Those of the days that are not refused, in their order."""
        return [day for day in days if day not in self.errors]

    def made(
        self, days: Sequence[date], make: Callable[[Sequence[date]], Mapping[date, Made]]
    ) -> dict[date, Made]:
        """What is made of the days together; if a check stops that, of each alone, those it stops refused.

        If it stops them together and none of them alone, all are refused: it does not say which are at odds.
        """
        try:
            return dict(make(days))
        except CheckFailed as error:
            together = error
        made: dict[date, Made] = {}
        stopped = {days[0]: together} if len(days) == 1 else {}
        for day in days if len(days) > 1 else ():
            try:
                made |= make([day])
            except CheckFailed as error:
                stopped[day] = error
        if not stopped:
            self.refuse(days, together)
            return {}
        self.errors |= stopped
        return made

    def told(self, standing: Collection[date]) -> RoadsideError:
        """One error for all of them, with the days that stand; the only one as it is, where none stands.

        One that says what to wait for gives the kind: whoever tries again may then have that day.
        """
        errors = list(dict.fromkeys(self.errors[day] for day in sorted(self.errors)))
        if len(errors) == 1 and not standing:
            return errors[0]
        kind = next((type(each) for each in errors if isinstance(each, NotReady)), type(errors[0]))
        return kind(
            f"{' '.join(each.what for each in errors)} Left as they were: {spans(self.errors)}; "
            f"of the days asked for stand: {spans(standing) or 'none'}.",
            "\n".join(dict.fromkeys(each.next_step for each in errors if each.next_step)),
        )


def spans(days: Iterable[date]) -> str:
    """The days in words, those that follow each other as one span.

    >>> spans([date(2026, 3, 8), date(2026, 3, 11), date(2026, 3, 10)])
    '2026-03-08, 2026-03-10..2026-03-11'
    """
    found: list[list[date]] = []
    for day in sorted(days):
        if found and day - found[-1][-1] == _DAY:
            found[-1] = [found[-1][0], day]
        else:
            found.append([day])
    return ", ".join("..".join(map(str, span)) for span in found)
