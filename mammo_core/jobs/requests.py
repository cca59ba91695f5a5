"""What a job is asked to do: frozen values that travel as JSON and say how they are run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from mammo_core.auditing.heads import AuditPlan, audit_plan_from_dict
from mammo_core.cohorts.installed import DataSource
from mammo_core.config.names import STRATEGY_NAMES, name_of_run
from mammo_core.config.runs import (
    HEAD_ON_FEATURES,
    BackboneConfig,
    RunConfig,
    run_config_from_dict,
    to_dict,
)
from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.download.paper_data import FetchPlan
from mammo_core.ingestion.imports.plan import ImportPlan, import_plan_from_dict
from mammo_core.training.heads.sweep import SweepPlan, plan_from_dict, plan_like

_FORGOTTEN = Path("forgotten")


class JobRequest(Protocol):
    """What every request has; `job_work` knows how each kind is done."""

    kind: ClassVar[str]

    @property
    def title(self) -> str:
        """A short name to show."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values, see `request_from_dict`."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""


@dataclass(frozen=True, kw_only=True)
class FeaturesRequest:
    """Compute and keep the features of every mass of a cohort."""

    kind: ClassVar[str] = "features"
    source: DataSource
    backbone: BackboneConfig

    @property
    def title(self) -> str:
        """A short name to show."""
        return f"Features of {self.source.name}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "kind": self.kind,
            "source": _source_to_dict(self.source),
            "backbone": to_dict(self.backbone),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FeaturesRequest:
        """The inverse of `to_dict`."""
        return cls(
            source=_source_from_dict(values["source"]),
            backbone=BackboneConfig(**values["backbone"]),
        )


@dataclass(frozen=True, kw_only=True)
class SweepRequest:
    """Train and test every run of a plan that is not in the run store yet; one run is a plan of one.

    Attributes:
        beyond_budget: Why it may exceed the budget of its cohort; empty if it may not.
    """

    kind: ClassVar[str] = "sweep"
    source: DataSource
    plan: SweepPlan
    beyond_budget: str = ""

    @property
    def title(self) -> str:
        """A short name to show."""
        plan = self.plan
        budgets = ", ".join(f"{epsilon:g}" for epsilon in plan.epsilons).replace("inf", "∞")
        names = "; ".join(STRATEGY_NAMES[strategy] for strategy in plan.strategies)
        return f"{names} at ε = {budgets} on {self.source.name}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "kind": self.kind,
            "source": _source_to_dict(self.source),
            "plan": self.plan.to_dict(),
            "beyond_budget": self.beyond_budget,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SweepRequest:
        """The inverse of `to_dict`."""
        return cls(
            source=_source_from_dict(values["source"]),
            plan=plan_from_dict(values["plan"]),
            beyond_budget=values.get("beyond_budget", ""),  # of jobs before the ledger
        )


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    """Attack models trained on a cohort and bound from below what they spend."""

    kind: ClassVar[str] = "audit"
    source: DataSource
    plan: AuditPlan

    @property
    def title(self) -> str:
        """A short name to show."""
        budgets = ", ".join(f"{epsilon:g}" for epsilon in self.plan.epsilons).replace("inf", "∞")
        name = STRATEGY_NAMES[self.plan.strategy]
        return f"Attacks on {name} at ε = {budgets} on {self.source.name}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "kind": self.kind,
            "source": _source_to_dict(self.source),
            "plan": self.plan.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AuditRequest:
        """The inverse of `to_dict`."""
        return cls(
            source=_source_from_dict(values["source"]), plan=audit_plan_from_dict(values["plan"])
        )


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """Fetch the paper's data.

    Attributes:
        data_dir: The folder to put them into; a worker may have another default.
    """

    kind: ClassVar[str] = "fetch"
    plan: FetchPlan
    data_dir: Path

    @property
    def title(self) -> str:
        """A short name to show."""
        return "The paper's data"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return _intake_to_dict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FetchRequest:
        """The inverse of `to_dict`."""
        return cls(plan=FetchPlan(**values["plan"]), data_dir=Path(values["data_dir"]))


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """Import mammograms as a cohort of masses.

    Attributes:
        data_dir: The folder to put it into; a worker may have another default.
    """

    kind: ClassVar[str] = "import"
    plan: ImportPlan
    data_dir: Path

    @property
    def title(self) -> str:
        """A short name to show."""
        return f"Import of {self.plan.name}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return _intake_to_dict(self)

    def without_paths(self) -> ImportRequest:
        """The same without where the files were: the names of files and folders can identify patients."""
        plan = self.plan
        tables = {name: getattr(plan, name) and _FORGOTTEN for name in ("labels", "boxes", "masks")}
        return replace(self, plan=replace(plan, source=_FORGOTTEN, **tables))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ImportRequest:
        """The inverse of `to_dict`."""
        return cls(plan=import_plan_from_dict(values["plan"]), data_dir=Path(values["data_dir"]))


@dataclass(frozen=True, kw_only=True)
class NetworkRequest:
    """Train and test one network on images.

    Attributes:
        device: A wish, see `device.choose_device`.
        micro_batch: Units computed at once; None for as many as fit.
        beyond_budget: Why it may exceed the budget of its cohort; empty if it may not.
    """

    kind: ClassVar[str] = "network"
    source: DataSource
    config: RunConfig
    device: str = "auto"
    micro_batch: int | None = None
    beyond_budget: str = ""

    @property
    def title(self) -> str:
        """A short name to show."""
        config = self.config
        budget = f"{config.privacy.target_epsilon:g}".replace("inf", "∞")
        return f"{name_of_run(config)} at ε = {budget} on {self.source.name}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "kind": self.kind,
            "source": _source_to_dict(self.source),
            "config": to_dict(self.config),
            "device": self.device,
            "micro_batch": self.micro_batch,
            "beyond_budget": self.beyond_budget,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkRequest:
        """The inverse of `to_dict`."""
        return cls(
            source=_source_from_dict(values["source"]),
            config=run_config_from_dict(values["config"]),
            device=values["device"],
            micro_batch=values["micro_batch"],
            beyond_budget=values["beyond_budget"],
        )


def requests_like(
    config: RunConfig, epsilons: tuple[float, ...], source: DataSource
) -> list[JobRequest]:
    """Jobs that train a run again at other budgets: one for heads, which train together, or one for each network."""
    if config.trained_part == HEAD_ON_FEATURES:
        return [SweepRequest(source=source, plan=plan_like(config, epsilons))]
    return [
        NetworkRequest(
            source=source,
            config=replace(
                config,
                privacy=replace(config.privacy, target_epsilon=epsilon),
                recipe=replace(config.recipe, preset=""),  # the paper's had its own ε
            ),
        )
        for epsilon in epsilons
    ]


_REQUESTS: dict[str, type[JobRequest]] = {
    request.kind: request
    for request in (
        FeaturesRequest,
        SweepRequest,
        NetworkRequest,
        AuditRequest,
        FetchRequest,
        ImportRequest,
    )
}


def request_from_dict(values: dict[str, Any]) -> JobRequest:
    """The inverse of every request's `to_dict`.

    Raises:
        InvalidRequestError: If it is no request that this version knows.
    """
    try:
        return _REQUESTS[values["kind"]].from_dict(values)
    except (KeyError, TypeError) as error:
        raise InvalidRequestError(
            f"Expected a job of kind {', '.join(_REQUESTS)} as this version writes it; got "
            f"{values.get('kind')!r} ({error}). Another version made it; start it anew."
        ) from error


def _intake_to_dict(request: FetchRequest | ImportRequest) -> dict[str, Any]:
    return {
        "kind": request.kind,
        "plan": request.plan.to_dict(),
        "data_dir": str(request.data_dir.resolve()),
    }


def _source_to_dict(source: DataSource) -> dict[str, str | None]:
    return {
        "real": source.real and str(source.real.resolve()),
        "synthetic": source.synthetic and str(source.synthetic.resolve()),
    }


def _source_from_dict(values: dict[str, str | None]) -> DataSource:
    return DataSource(*(values[name] and Path(values[name]) for name in ("real", "synthetic")))
