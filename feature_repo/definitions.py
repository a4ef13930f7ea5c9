"""Everything `feast apply` registers, listed.

Feast imports each Python file of this folder that `.feastignore` does not name, by its path; the
modules imported here are therefore ignored there, or their objects would be registered twice.
"""

from feature_repo.entities import provider, zone
from feature_repo.services.eta_v1 import eta_v1
from feature_repo.views.provider_activity_15m import provider_activity_15m
from feature_repo.views.provider_performance_1d import provider_performance_1d
from feature_repo.views.zone_demand_15m import zone_demand_15m

__all__ = [
    "eta_v1",
    "provider",
    "provider_activity_15m",
    "provider_performance_1d",
    "zone",
    "zone_demand_15m",
]
