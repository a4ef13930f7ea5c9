"""What a contract could say of a field it does not have: its type, and what becomes of its value."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from ingestion.inference.landed_forms import NUMBERS, OTHER_NAME, TEXTS, Form, Profile
from validation.columns import COLUMNS
from validation.contract import Sensitivity, Type
from validation.source import Treatment

_PERSONAL = """
    address birth birthday caller card comment contact coord coordinates customer device dob driver
    email emergency first gender household imei ip last lat latitude licence license lng location
    lon long longitude mail member message mobile name note owner passenger passport pax payment
    person phone place plate point policy position postal postcode registration remark ssn street
    surname tel telephone text user vin zip
"""
_OF_A_PERSON = frozenset(_PERSONAL.split())
_LIKE_A_NAME = re.compile(r"[A-Z][a-z]+")
_MOST_LISTED = 24
_ROWS_A_WORD = 10


@dataclass(frozen=True)
class NewField:
    """The edit that takes a new field into the contract.

    Attributes:
        column: of bronze; None if the value is only sealed.
        is_new_column: the data dictionary lacks it.
        vocabulary: the words it holds, if they are few.
        low, high: bounds that make a sealed field a number.
    """

    path: str
    type: Type
    treatment: Treatment
    column: str | None = None
    is_new_column: bool = False
    vocabulary: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


def is_of_a_person(path: str) -> bool:
    """Whether a name sounds like a person's: who they are, how to reach them, where, what they wrote.

    >>> is_of_a_person("driver.mobilePhone"), is_of_a_person("pickup_lat"), is_of_a_person("tire_size")
    (True, True, False)
    """
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", path).lower())
    return any(word in _OF_A_PERSON or word.removesuffix("s") in _OF_A_PERSON for word in words)


def words_of(profile: Profile, path: str) -> tuple[str, ...]:
    """The few words the path holds in many records, sorted; none if it may be a person's."""
    words = profile.words.get(path)
    if words is None or words.others or not words.counts or is_of_a_person(path):
        return ()
    if any(_LIKE_A_NAME.fullmatch(each) for each in words.distinct):
        return ()
    total = sum(words.counts.values())
    is_few = len(words.distinct) <= _MOST_LISTED and total >= _ROWS_A_WORD * len(words.distinct)
    return tuple(sorted(words.distinct)) if is_few else ()


def proposed(profile: Profile, path: str) -> NewField | None:
    """How the contract could take the path; None if it cannot, or holds nothing to tell from.

    What sounds like a person's, and text that is no short list of words, is sealed.
    """
    of_type = _type(profile, path)
    if of_type is None or OTHER_NAME in path:
        return None
    words = words_of(profile, path)
    if is_of_a_person(path) or (of_type is Type.STRING and not words):
        return _sealed(profile, path, of_type)
    name = _column_name(profile, path, of_type)
    is_new = name not in COLUMNS
    return NewField(path, of_type, Treatment.PLAIN, name, is_new, words)


def _type(profile: Profile, path: str) -> Type | None:
    forms: Counter[Form] = Counter()
    for (_, _, shape), count in profile.rows.items():
        forms.update({form: count for at, form in shape if at == path and form is not Form.NULL})
    found = set(forms)
    if found <= {Form.WHOLE, Form.ROUND}:
        return Type.LONG
    if found <= NUMBERS:
        return Type.DOUBLE
    if found == {Form.TIME}:
        return Type.TIMESTAMP
    if found == {Form.BOOLEAN}:
        return Type.BOOLEAN
    if found == {Form.LIST}:
        lists = [value for _, _, value in profile.values[path].kept]
        return Type.STRINGS if all(type(each) is str for value in lists for each in value) else None
    return Type.STRING if found <= TEXTS else None


def _sealed(profile: Profile, path: str, of_type: Type) -> NewField | None:
    if of_type in (Type.STRING, Type.TIMESTAMP):
        return NewField(path, Type.STRING, Treatment.SEALED)
    if of_type not in (Type.LONG, Type.DOUBLE):
        return None
    numbers = [float(value) for _, _, value in profile.values[path].kept]
    name = path.rpartition(".")[2].lower()
    if "lat" in name or "lon" in name or "lng" in name:
        bound = 90.0 if "lat" in name else 180.0
        if all(abs(each) <= bound for each in numbers):
            return NewField(path, Type.DOUBLE, Treatment.SEALED, low=-bound, high=bound)
    bound = 10.0
    while any(abs(each) * 10 > bound for each in numbers):
        bound *= 10
    low = -bound if any(each < 0 for each in numbers) else 0.0
    return NewField(path, Type.DOUBLE, Treatment.SEALED, low=low, high=bound)


def _column_name(profile: Profile, path: str, of_type: Type) -> str:
    """The dictionary's column of that name if it means a like value; else a name it does not have."""
    used = {each.column for each in profile.source.fields}
    flat = [re.sub(r"([a-z])([A-Z])", r"\1_\2", each).lower().replace("-", "_") for each in path.split(".")]
    for name in (flat[-1], "_".join(flat), f"{profile.source.name}_{'_'.join(flat)}"):
        known = COLUMNS.get(name)
        if name in used:
            continue
        if known is None or (known.type is of_type and known.sensitivity is Sensitivity.OPEN):
            return name
    return f"landed_{'_'.join(flat)}"


def described(profile: Profile, path: str, field: NewField | None) -> tuple[str, str]:
    """What the new field holds, and what to do about it, as sentences."""
    if field is None:
        return (
            "a kind of value no field can take",
            "It stays sealed; ask its producer what it is.",
        )
    words = words_of(profile, path)
    what = f"{field.type.value}" + (f": {', '.join(words)}" if words else "")
    if field.treatment is Treatment.SEALED:
        return what, "Seal it, as may be a person's; the privacy officer decides whether it may stand plain."
    beside = "a new column (write its meaning)" if field.is_new_column else "the dictionary's column"
    return what, f"Take it into {beside} {field.column}; until then it stays in the sealed payload."
