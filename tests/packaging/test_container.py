"""The container's files agree with each other and with the tree; no engine is needed to see that."""

import re
import tomllib
from pathlib import Path

import yaml

from mammo_core.system.access import access_to

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_image_copies_all_that_the_wheel_is_made_of():
    copied = {
        name for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.M) for name in line.split()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }

    assert {*wheel["force-include"], *wheel["packages"], project["project"]["readme"]} <= copied
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_image_does_not_run_as_root_and_keeps_data_in_volumes():
    assert re.search(r"^USER mammo$", DOCKERFILE, re.M)
    volumes = set(re.search(r"^VOLUME \[(.*)\]$", DOCKERFILE, re.M)[1].replace('"', "").split(", "))
    for service in COMPOSE["services"].values():
        assert {volume.split(":")[1] for volume in service["volumes"]} == volumes
    for folder in volumes:
        assert re.search(rf"MAMMO_(HOME|DATA)={folder}\b", DOCKERFILE)


def test_compose_publishes_on_this_computer_only_and_says_so():
    for service in COMPOSE["services"].values():
        assert service["ports"] == ["127.0.0.1:8501:8501"]
        assert access_to("0.0.0.0", service["environment"]).password is None
    assert COMPOSE["services"]["cuda"]["build"]["args"] == {"TORCH": "cuda"}


def test_image_has_the_pinned_uv():
    pinned = re.search(
        r"^uv==.*$", (ROOT / "requirements-dev.txt").read_text(encoding="utf-8"), re.M
    )

    assert pinned[0] in DOCKERFILE
