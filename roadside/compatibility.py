"""Which change of a declaration is safe to merge: one rule a line, each with its reason.

compatible  nobody who reads today notices
shadow      the same shape, other values or other rows: computed beside under a new name, and compared,
            before readers are moved to it
breaking    somebody's read fails, or means something else without saying so
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from validation.contract import Type
from validation.errors import Defect


class Effect(StrEnum):
    """What a change does to who reads today; the worst is last."""

    COMPATIBLE = "compatible"
    SHADOW = "shadow"
    BREAKING = "breaking"


class Reach(StrEnum):
    """How far along the road rows change."""

    NOWHERE = "nowhere"  # no row changes
    HERE = "here"  # rows of its own table
    DOWNSTREAM = "downstream"  # and of all that is made of it


@dataclass(frozen=True)
class Rule:
    """What one kind of change does.

    Attributes:
        kind: of the thing that changed; `*` any.
        facet: what of it changed; empty for the thing itself, `*` any.
        how: added, removed, changed, or a word that `roadside.changes` has for the direction.
        instead: what to do, where the change may not be merged as it is.
    """

    kind: str
    facet: str
    how: str
    effect: Effect
    reach: Reach
    why: str
    instead: str = ""

    def covers(self, kind: str, facet: str, how: str) -> bool:
        """Whether it speaks of such a change."""
        said = ((self.kind, kind), (self.facet, facet), (self.how, how))
        return all(mine in ("*", theirs) for mine, theirs in said)


_OK, _SHADOW, _NO = Effect.COMPATIBLE, Effect.SHADOW, Effect.BREAKING
_NOWHERE, _HERE, _DOWN = Reach.NOWHERE, Reach.HERE, Reach.DOWNSTREAM
_NEXT = "Leave it as it was released and add the next version."
_BESIDE = "Compute it beside under a new name, compare, then move the readers."
_KEEP = "Keep it, add the new one beside it, and remove it when nobody reads it."
_OFFICER = "Ask the privacy officer first: the answer belongs into the review."

RULES: tuple[Rule, ...] = (
    # words
    Rule("*", "meaning", "changed", _OK, _NOWHERE, "Words."),
    Rule("*", "unit", "changed", _OK, _NOWHERE, "Words: a value that changed its unit is another feature."),
    Rule("*", "notes", "changed", _OK, _NOWHERE, "Words."),
    Rule("*", "null", "changed", _OK, _NOWHERE, "Words."),
    # what is the same of all columns, features and fields
    Rule("*", "type", "widened", _OK, _HERE, "Every value that there is fits the wider type."),
    Rule("*", "type", "changed", _NO, _DOWN, "Readers of the old type fail.", _KEEP),
    Rule("*", "sensitivity", "lowered", _NO, _HERE, "More people may see it than were told.", _OFFICER),
    Rule("*", "sensitivity", "raised", _SHADOW, _HERE, "Masks change, and it may no longer leave the lake."),
    Rule("*", "is_restricted", "lifted", _NO, _NOWHERE, "More people may see it than were told.", _OFFICER),
    Rule("*", "is_restricted", "set", _NO, _NOWHERE, "Readers without a purpose are refused.", _KEEP),
    Rule("*", "published_as", "added", _OK, _HERE, "It is published as well."),
    Rule("*", "published_as", "removed", _NO, _HERE, "What was published is not kept up any more.", _KEEP),
    Rule("*", "published_as", "changed", _NO, _HERE, "Readers of the old name fail.", _KEEP),
    # landing sources
    Rule("source", "", "added", _OK, _HERE, "Nothing is made of it yet."),
    Rule("source", "", "removed", _NO, _DOWN, "What is made of it gets no more rows.", _KEEP),
    Rule("source", "version", "changed", _SHADOW, _HERE, "Rows record the version that judged them."),
    Rule("source", "timestamp", "changed", _NO, _DOWN, "Another field says when.", "Land a new source."),
    Rule("source", "subjects", "changed", _NO, _HERE, "Payloads are sealed for somebody else.", _OFFICER),
    Rule("source", "*", "changed", _SHADOW, _DOWN, "Other records count, or other ticks are held."),
    # their fields
    Rule("field", "", "added", _OK, _HERE, "Records without it have null."),
    Rule("field", "", "added required", _NO, _DOWN, "Records that lack it are quarantined.",
         "Add it as optional; ask for it when every producer sends it."),
    Rule("field", "", "removed", _NO, _DOWN, "Its column is empty from now on.", _KEEP),
    Rule("field", "", "renamed", _NO, _DOWN, "Records under the old name lose it, or are quarantined.",
         "Raise the source's version and map both names side by side."),
    Rule("field", "", "renamed by a version", _SHADOW, _DOWN, "The new version maps it to the same column."),
    Rule("field", "column", "changed", _NO, _DOWN, "What reads the old column gets null.", _KEEP),
    Rule("field", "treatment", "lowered", _NO, _HERE, "What was sealed stands in the clear.", _OFFICER),
    Rule("field", "treatment", "raised", _SHADOW, _DOWN, "Other values stand in its column."),
    Rule("field", "subject", "changed", _SHADOW, _DOWN, "Tokens are salted anew, and join no older one."),
    Rule("field", "is_required", "demanded", _NO, _DOWN, "Records that lack it are quarantined.",
         "Leave it optional until every producer sends it."),
    Rule("field", "is_required", "relaxed", _SHADOW, _DOWN, "Records without it enter, with null."),
    Rule("field", "aliases", "words added", _OK, _HERE, "What was refused under that name enters."),
    Rule("field", "aliases", "words removed", _NO, _DOWN, "Records under that name lose it.", _KEEP),
    Rule("field", "vocabulary", "words added", _OK, _HERE, "The words were kept before, and flagged."),
    Rule("field", "vocabulary", "words removed", _SHADOW, _DOWN, "The words are flagged from now on."),
    Rule("field", "*", "changed", _SHADOW, _DOWN, "Other records are quarantined."),
    # checks of feeds, tables, datasets
    Rule("check", "", "added", _OK, _NOWHERE, "It warns, and stops nothing."),
    Rule("check", "", "removed", _OK, _NOWHERE, "It warned, and stopped nothing."),
    Rule("check", "*", "changed", _OK, _NOWHERE, "It warns, and stops nothing."),
    Rule("check", "limits", "words added", _OK, _HERE, "A word more is let through; no row is refused."),
    Rule("check", "*", "failing", _SHADOW, _HERE, "Other rows are refused, or let through."),
    # tables
    Rule("table", "", "added", _OK, _HERE, "Nobody reads it yet."),
    Rule("table", "", "removed", _NO, _DOWN, "Its readers fail.", _KEEP),
    Rule("table", "retention_months", "raised", _OK, _NOWHERE, "Rows are kept longer."),
    Rule("table", "retention_months", "lowered", _NO, _HERE, "Rows that are read today are deleted.",
         "Ask its readers how far back they look."),
    Rule("table", "retention_days", "raised", _OK, _NOWHERE, "Rows are kept longer."),
    Rule("table", "retention_days", "lowered", _NO, _HERE, "Rows that are read today are deleted.",
         "Ask its readers how far back they look."),
    Rule("table", "order", "changed", _OK, _NOWHERE, "How files are sorted; rows are the same."),
    Rule("table", "false_when_dead", "changed", _SHADOW, _HERE, "Rows that close an entity read otherwise."),
    Rule("table", "*", "changed", _NO, _DOWN, "A row is another thing, or found by something else.", _KEEP),
    Rule("column", "", "added", _OK, _HERE, "Readers name their columns."),
    Rule("column", "", "removed", _NO, _DOWN, "Its readers fail.", _KEEP),
    Rule("column", "is_required", "demanded", _NO, _HERE, "Rows that lack it are refused.",
         "Leave it optional until no row lacks it."),
    Rule("column", "is_required", "relaxed", _SHADOW, _DOWN, "It may be null where no reader expects it."),
    # feature views, stored and on demand
    Rule("view", "", "added", _OK, _HERE, "No service reads it yet."),
    Rule("view", "", "removed", _NO, _DOWN, "Services that read it fail.", _KEEP),
    Rule("view", "entities", "changed", _NO, _DOWN, "It is asked for by other keys.", _KEEP),
    Rule("view", "is_in_redis_after_every_tick", "set", _OK, _NOWHERE, "It is served as well."),
    Rule("view", "is_in_redis_after_every_tick", "lifted", _NO, _NOWHERE, "Online readers see it age.",
         _KEEP),
    Rule("view", "*", "changed", _SHADOW, _DOWN, "Other rows, or read for another time.", _BESIDE),
    Rule("feature", "", "added", _OK, _HERE, "Services name their features, and none names it."),
    Rule("feature", "", "removed", _NO, _DOWN, "Services that name it fail.", _KEEP),
    Rule("feature", "is_required", "demanded", _NO, _HERE, "Rows that lack it are refused.", _KEEP),
    Rule("feature", "is_required", "relaxed", _SHADOW, _DOWN, "It may be null where no model expects it."),
    Rule("feature", "*", "changed", _SHADOW, _DOWN, "Other values under the old name.", _BESIDE),
    Rule("on-demand view", "", "added", _OK, _HERE, "No service reads it yet."),
    Rule("on-demand view", "", "removed", _NO, _DOWN, "Services that read it fail.", _KEEP),
    Rule("on-demand view", "*", "changed", _SHADOW, _DOWN, "Other values under the old names.", _BESIDE),
    # what a reader states
    Rule("request field", "", "added", _OK, _HERE, "No view reads it yet."),
    Rule("request field", "", "added, a join key", _NO, _DOWN,
         "Online, Feast takes a request field of a join key's name for the key.", "Call it job_<name>."),
    Rule("request field", "", "removed", _NO, _DOWN, "Readers that state it are refused.", _KEEP),
    # what is released
    Rule("service", "", "added", _OK, _HERE, "Models ask for it by name, and none does yet."),
    Rule("service", "*", "*", _NO, _DOWN, "Released: models are trained on exactly these columns.", _NEXT),
    Rule("dataset", "", "added", _OK, _HERE, "Nobody trains on it yet."),
    Rule("dataset", "retention_months", "raised", _OK, _NOWHERE, "Rows are kept longer."),
    Rule("dataset", "check", "warning", _OK, _NOWHERE, "It warns, and stops nothing."),
    Rule("dataset", "*", "*", _NO, _HERE, "Released: its days answer one question in one way.", _NEXT),
    # how the road leads from table to table
    Rule("step", "", "added", _OK, _NOWHERE, "Its tables say what is new."),
    Rule("step", "", "removed", _NO, _DOWN, "Its tables get no more rows.", _KEEP),
    Rule("step", "reads", "further back", _OK, _NOWHERE, "What it reads must stand from further back."),
    Rule("step", "*", "changed", _SHADOW, _DOWN, "It is made of other rows."),
)  # fmt: skip
"""The first rule that covers a change decides; a test asks that every facet declared today has one."""


def rule_of(kind: str, facet: str, how: str) -> Rule:
    """The rule that decides.

    Raises:
        Defect: none speaks of such a change.
    """
    for rule in RULES:
        if rule.covers(kind, facet, how):
            return rule
    raise Defect(f"No rule says what it means that {facet or 'a ' + kind} of a {kind} is {how}.")


_WIDER = {
    Type.INT: (Type.LONG, Type.DOUBLE),
    Type.LONG: (Type.DOUBLE,),
}


def is_wider(before: str, after: str) -> bool:
    """Whether every value of the one type is accepted as the other.

    >>> is_wider("int", "bigint"), is_wider("bigint", "double"), is_wider("bigint", "int")
    (True, True, False)
    """
    return after in [each.value for each in _WIDER.get(Type(before), ())] if before in list(Type) else False
