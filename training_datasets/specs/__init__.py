"""Every dataset, a module each."""

from training_datasets.spec import DatasetSpec
from training_datasets.specs.eta_v1 import ETA_V1
from validation.errors import UnknownName

SPECS: tuple[DatasetSpec, ...] = (ETA_V1,)


def spec_named(name: str) -> DatasetSpec:
    """The dataset of that name, `eta_v1` say.

    Raises:
        UnknownName: there is no such dataset.
    """
    for spec in SPECS:
        if spec.name == name:
            return spec
    raise UnknownName("dataset", name, [spec.name for spec in SPECS])
