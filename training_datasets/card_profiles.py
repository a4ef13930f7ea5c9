"""What a card must know of a dataset beyond its contract: the label in question, its kind, the baselines
to beat (DOMAIN section 4), and what its rows cannot teach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from training_datasets.baselines import Baseline, least_first, less_the_wait
from validation.contract import Table, Type
from validation.errors import Defect


class LabelKind(StrEnum):
    """How a label is shown and scored."""

    MINUTES = "minutes"
    ANSWER = "answer"
    GAIN = "gain"


@dataclass(frozen=True)
class Profile:
    """How a dataset's card is drawn.

    Attributes:
        label: the column a model learns; aids beside it are not.
        rounds: of a gain, the column whose rows are one choice.
        may_tell: inputs that may tell much of the label by themselves, being foretold by somebody.
        kept: labels of yes or no whose share stands beside the baselines, with what a yes means.
    """

    label: str
    kind: LabelKind
    baselines: tuple[Baseline, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    rounds: str = "meta_group"
    caveats: tuple[str, ...] = ()
    may_tell: frozenset[str] = frozenset()


_AREA_MEDIAN = "incident_area_service_1d__arrival_minutes_p50_28d"
_ONLY_ACCEPTED = (
    "Only pairs that said yes have rows. Used to rank providers, a model trained here must be checked on "
    "how far the candidates are from this support: matching_ranking_v1 loads with "
    "meta_is_outside_accepted_support (trap T10)."
)
_LONG_WAITS_MISSING = (
    "Errors are over arrivals that were seen. Waits that were cut off are not among them, and those are "
    "the long ones: true errors are larger."
)
_ETA_V1 = Profile(
    "label_arrival_minutes",
    LabelKind.MINUTES,
    (
        Baseline(
            "Provider's first promise",
            "label_promised_minutes",
            lacking="No row has a promise.",
        ),
        Baseline("Median of area and service, 28 days", _AREA_MEDIAN),
        Baseline("Median of the provider, 28 days", "provider_performance_1d__arrival_minutes_p50_28d"),
    ),
    {
        "label_is_on_time": "arrived by the first promise",
        "label_is_on_time_grace15": "arrived by the first promise plus 15 minutes",
    },
    caveats=(_ONLY_ACCEPTED, _LONG_WAITS_MISSING),
)
_ETA_V2 = Profile(
    "label_remaining_minutes",
    LabelKind.MINUTES,
    (
        Baseline("Minutes left of the promise", "promise_context__promised_minutes_remaining"),
        Baseline("Median of area and service, less the wait", _AREA_MEDIAN, less_the_wait),
    ),
    may_tell=frozenset(
        (
            "promise_context__promised_minutes_remaining",
            "job_state_15m__promised_arrival_at",
            "job_state_15m__first_promised_arrival_at",
        )
    ),
    caveats=(_ONLY_ACCEPTED, _LONG_WAITS_MISSING),
)
_MATCHING_ACCEPTANCE_V1 = Profile(
    "label_is_accepted",
    LabelKind.ANSWER,
    (Baseline("Provider's accepted share, 28 days", "provider_performance_1d__offer_accept_ratio_28d"),),
    caveats=("Only providers that were asked have rows: of those the policy never asked it tells nothing.",),
)
_MATCHING_RANKING_V1 = Profile(
    "label_gain",
    LabelKind.GAIN,
    (
        Baseline("Nearest driver first", "trip_geometry__nearest_available_driver_km", least_first),
        Baseline("Order of the offers", "label_offer_rank", least_first, is_in_hindsight=True),
    ),
    rounds="meta_round",
    caveats=(
        "A candidate that was never asked is unobserved, not a no (trap T11): pairs are scored where both "
        "were asked.",
        "An ETA learned of acceptances tells nothing of candidates outside their support (trap T10): "
        "farther, or less willing, than 99 of 100 that said yes in train.",
    ),
)
PROFILES: Mapping[str, Profile] = {
    "eta_v1": _ETA_V1,
    "eta_v2": _ETA_V2,
    "matching_acceptance_v1": _MATCHING_ACCEPTANCE_V1,
    "matching_ranking_v1": _MATCHING_RANKING_V1,
}


def profile_of(table: Table) -> Profile:
    """The profile of the dataset; of one without, its first label that is a number or a yes or no.

    Raises:
        Defect: the contract has no label.
    """
    if table.short_name in PROFILES:
        return PROFILES[table.short_name]
    for each in table.columns:
        if each.name.startswith("label_") and each.type in (Type.DOUBLE, Type.LONG, Type.INT):
            return Profile(each.name, LabelKind.MINUTES)
        if each.name.startswith("label_") and each.type is Type.BOOLEAN:
            return Profile(each.name, LabelKind.ANSWER)
    raise Defect(f"{table.name} has no label that a card could show.")
