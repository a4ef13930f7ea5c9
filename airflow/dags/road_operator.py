"""The operator of every task: one `roadside` command, and an asset event for each table it published."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from airflow.sdk import Asset, BaseOperator

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow before 3.2
    from airflow.exceptions import AirflowException, AirflowFailException

from road_answers import answer, failed_runs, failed_steps, published
from road_commands import (
    ROADSIDE,
    Attempt,
    CannotRun,
    Ended,
    Place,
    as_typed,
    is_final,
    place_of,
    why,
    words_of,
)


class CommandFailed(AirflowException):
    """The command ended with an error that trying again may mend."""

    exit_code: int | None = None
    run_ids: Sequence[str] = ()
    steps: Sequence[str] = ()


class CommandFailedForGood(AirflowFailException):
    """The command ended with an error that trying again does not mend, or could not be started."""

    exit_code: int | None = None
    run_ids: Sequence[str] = ()
    steps: Sequence[str] = ()


class RoadsideCommand(BaseOperator):
    """Runs one `roadside` command and fails as it fails.

    Busy (4), unreachable (6), an error of ours (70) and a death by signal are tried again. What the user
    must mend (2), a check that stopped the data (3) and a refusal (5) fail at once. So does exit code 1,
    "something due is missing": of a check that is the answer, and the next run asks again. A command that
    waits for what is due later (`waits=True`) is tried again.

    `outlets` are all tables that the command may publish. Those that it did publish get an event, with
    snapshot id, run id, interval and rows. A later try counts what stood already as well: an earlier try may
    have published it and failed over another table. (A tick that finds none due tells of the last.)

    A command that is asked for JSON and ends well without any has lost its answer, and with it the events:
    it is tried again, for nothing is made twice.

    Args:
        command: words, templated; never a shell line. A word that renders to lines is so many words.
        arguments: more words, for tasks mapped over them.
        returns: makes what the task returns of the JSON answer; else it returns what was published.
        waits: whether what is due may come while it is tried again.
    """

    template_fields: Sequence[str] = ("command", "arguments")
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        command: Sequence[str],
        arguments: Sequence[str] = (),
        returns: Callable[[Any], Any] | None = None,
        waits: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.arguments = arguments
        self.returns = returns
        self.waits = waits
        self._place: Place | None = None

    def execute(self, context: Any) -> Any:
        """Run the command; log what it says, raise if it fails, tell what it published."""
        words = words_of([*self.command, *self.arguments])
        if words[:1] != [ROADSIDE]:
            raise CommandFailedForGood(f"A command begins with {ROADSIDE}: {as_typed(words)}")
        ti = context["ti"]
        attempt = Attempt(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, ti.try_number)
        self.log.info("%s", as_typed(words))
        try:
            self._place = place_of(os.environ)
            ended = self._place.run(words, attempt, lambda line: self.log.info("%s", line))
        except CannotRun as error:
            raise CommandFailedForGood(str(error)) from None
        told = answer(ended.out) if "--json" in words else None
        if told is None:
            for line in filter(str.strip, ended.out.splitlines()):
                self.log.info("%s", line)
        if ended.code != 0:
            raise self._failure(words, ended.code, told, ended.where)
        if told is None and "--json" in words:
            raise self._lost(words, ended)
        made = published(told, with_skipped=attempt.try_number > 1)
        self._give_events(context, made)
        self.log.info("%s%s", ended.where, _told(made))
        return self.returns(told) if self.returns else list(made.values())

    def on_kill(self) -> None:
        """End the process with all it started, or cancel the job."""
        if self._place is not None:
            self._place.stop()

    def _failure(self, words: Sequence[str], code: int, told: Any, where: str) -> Exception:
        kind = CommandFailedForGood if is_final(code, waits=self.waits) else CommandFailed
        error = kind(f"{as_typed(words)}: {why(code)}, in {where}")
        error.exit_code, error.run_ids, error.steps = code, failed_runs(told), failed_steps(told)
        return error

    def _lost(self, words: Sequence[str], ended: Ended) -> CommandFailed:
        error = CommandFailed(
            f"{as_typed(words)}: ended well, but no JSON was read from {ended.answers_in}; {ended.where}"
        )
        error.exit_code = ended.code
        return error

    def _give_events(self, context: Any, made: dict[str, Any]) -> None:
        """Airflow gives each outlet of a task that succeeds an event: other tables are taken away."""
        self.outlets = [each for each in self.outlets if not isinstance(each, Asset) or each.name in made]
        for each in self.outlets:
            if isinstance(each, Asset):
                context["outlet_events"][each].extra = made[each.name]


def _told(made: dict[str, Any]) -> str:
    rows = sum(each["rows"] or 0 for each in made.values())
    return f": {len(made)} tables published, {rows:,} rows" if made else " ended well"
