"""What a job is asked to do: frozen values that travel as JSON. How each kind is done is in `handlers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from mammo_core.auditing.heads import AuditPlan
from mammo_core.cohorts.installed import DataSource
from mammo_core.config.from_dict import from_dict
from mammo_core.config.names import STRATEGY_NAMES, name_of_run
from mammo_core.config.runs import HEAD_ON_FEATURES, BackboneConfig, RunConfig, to_dict
from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.download.paper_data import FetchPlan
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.system.device import DeviceWish
from mammo_core.training.heads.sweep import SweepPlan, plan_like

_FORGOTTEN = Path("forgotten")


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """What a job is asked to do. Each kind lists its values as fields.

    Attributes:
        kind: Names the kind in JSON, and its handler.
    """

    kind: ClassVar[str]

    @property
    def title(self) -> str:
        """A short name to show."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values: the kind and every field."""
        return {"kind": self.kind} | to_dict(self)


@dataclass(frozen=True, kw_only=True)
class FeaturesRequest(JobRequest):
    """Compute and keep the features of every mass of a cohort."""

    kind = "features"
    source: DataSource
    backbone: BackboneConfig

    @property
    def title(self) -> str:
        """A short name to show."""
        return f"Features of {self.source.name}"


@dataclass(frozen=True, kw_only=True)
class SweepRequest(JobRequest):
    """Train and test every run of a plan that is not in the run store yet; one run is a plan of one.

    Attributes:
        beyond_budget: Why it may exceed the budget of its cohort; empty if it may not.
    """

    kind = "sweep"
    source: DataSource
    plan: SweepPlan
    beyond_budget: str = ""

    @property
    def title(self) -> str:
        """A short name to show."""
        names = "; ".join(STRATEGY_NAMES[strategy] for strategy in self.plan.strategies)
        return f"{names} at ε = {_listed(self.plan.epsilons)} on {self.source.name}"


@dataclass(frozen=True, kw_only=True)
class AuditRequest(JobRequest):
    """Attack models trained on a cohort and bound from below what they spend.

    Attributes:
        beyond_budget: Why it may exceed the budget of its cohort; empty if it may not.
    """

    kind = "audit"
    source: DataSource
    plan: AuditPlan
    beyond_budget: str = ""

    @property
    def title(self) -> str:
        """A short name to show."""
        name = STRATEGY_NAMES[self.plan.strategy]
        return f"Attacks on {name} at ε = {_listed(self.plan.epsilons)} on {self.source.name}"


@dataclass(frozen=True, kw_only=True)
class NetworkRequest(JobRequest):
    """Train and test one network on images.

    Attributes:
        device: A wish, see `device.choose_device`.
        micro_batch: Units computed at once; None for as many as fit.
        beyond_budget: Why it may exceed the budget of its cohort; empty if it may not.
    """

    kind = "network"
    source: DataSource
    config: RunConfig
    device: DeviceWish = "auto"
    micro_batch: int | None = None
    beyond_budget: str = ""

    @property
    def title(self) -> str:
        """A short name to show."""
        budget = _listed((self.config.privacy.target_epsilon,))
        return f"{name_of_run(self.config)} at ε = {budget} on {self.source.name}"


@dataclass(frozen=True, kw_only=True)
class TimingRequest(JobRequest):
    """Measure how long a step of a network takes, on made-up images; nothing is trained or released.

    Attributes:
        device: A wish, see `device.choose_device`.
    """

    kind = "timing"
    config: RunConfig
    device: DeviceWish = "auto"

    @property
    def title(self) -> str:
        """A short name to show."""
        return f"Time of {name_of_run(self.config)}"


@dataclass(frozen=True, kw_only=True)
class FetchRequest(JobRequest):
    """Fetch the paper's data.

    Attributes:
        data_dir: The folder to put them into; a worker may have another default.
    """

    kind = "fetch"
    plan: FetchPlan
    data_dir: Path

    @property
    def title(self) -> str:
        """A short name to show."""
        return "The paper's data"


@dataclass(frozen=True, kw_only=True)
class ImportRequest(JobRequest):
    """Import mammograms as a cohort of masses.

    Attributes:
        data_dir: The folder to put it into; a worker may have another default.
    """

    kind = "import"
    plan: ImportPlan
    data_dir: Path

    @property
    def title(self) -> str:
        """A short name to show."""
        return f"Import of {self.plan.name}"

    def without_paths(self) -> ImportRequest:
        """The same without where the files were: the names of files and folders can identify patients."""
        plan = self.plan
        tables = {name: getattr(plan, name) and _FORGOTTEN for name in ("labels", "boxes", "masks")}
        return replace(self, plan=replace(plan, source=_FORGOTTEN, **tables))


def requests_like(
    config: RunConfig, epsilons: tuple[float, ...], source: DataSource
) -> list[JobRequest]:
    """Jobs that train a run again at other budgets: one for heads, which train together, or one a network."""
    if config.trained_part == HEAD_ON_FEATURES:
        return [SweepRequest(source=source, plan=plan_like(config, epsilons))]
    return [
        NetworkRequest(
            source=source,
            config=replace(
                config,
                privacy=replace(config.privacy, target_epsilon=epsilon, arithmetic="grid"),
                recipe=replace(config.recipe, preset=""),  # the paper's had its own ε
            ),
        )
        for epsilon in epsilons
    ]


_REQUESTS: dict[str, type[JobRequest]] = {each.kind: each for each in JobRequest.__subclasses__()}


def request_from_dict(values: Mapping[str, Any]) -> JobRequest:
    """The inverse of every request's `to_dict`; a field that an older version did not write keeps its default.

    Raises:
        InvalidRequestError: If it is no request that this version knows.
    """
    try:
        written = {name: value for name, value in values.items() if name != "kind"}
        return from_dict(_REQUESTS[values["kind"]], written)
    except (KeyError, TypeError) as error:
        raise InvalidRequestError(
            f"Expected a job of kind {', '.join(_REQUESTS)} as this version writes it; got "
            f"{values.get('kind')!r} ({error}). Another version made it; start it anew."
        ) from error


def _listed(epsilons: tuple[float, ...]) -> str:
    return ", ".join(f"{epsilon:g}" for epsilon in epsilons).replace("inf", "∞")
