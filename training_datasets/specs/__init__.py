"""Every dataset, a module each."""

from training_datasets.spec import DatasetSpec
from training_datasets.specs.eta_v1 import ETA_V1
from training_datasets.specs.eta_v2 import ETA_V2
from training_datasets.specs.matching_acceptance_v1 import MATCHING_ACCEPTANCE_V1
from training_datasets.specs.matching_ranking_v1 import MATCHING_RANKING_V1
from validation.errors import UnknownName

SPECS: tuple[DatasetSpec, ...] = (ETA_V1, ETA_V2, MATCHING_ACCEPTANCE_V1, MATCHING_RANKING_V1)


def spec_named(name: str) -> DatasetSpec:
    """The dataset of that name, `eta_v1` say.

    Raises:
        UnknownName: there is no such dataset.
    """
    for spec in SPECS:
        if spec.name == name:
            return spec
    raise UnknownName("dataset", name, [spec.name for spec in SPECS])
