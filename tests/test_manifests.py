"""deploy/: every manifest is valid, says what the others say, and what docker/ says."""

from __future__ import annotations

import dataclasses
import re
import shutil

import pytest
import support
import yaml
from test_workflows import lint, tool

from common import packages
from common.sentiment import manifests, secret_scan
from common.sentiment.settings import Settings

DEPLOY = support.ROOT / "deploy"
FACTS = manifests.read_facts(support.ROOT)
DOCKERFILE = (support.ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((support.ROOT / "docker/compose.yaml").read_text("utf-8"))
SOLD_IN_SIZES = "render.yaml"


def need_validator(name):
    """Skip the test, or fail it in CI, where the package that checks is missing."""
    package = manifests.validator(name)[1]
    if package and not packages.installed(package):
        support.not_installed(f"{package} is not installed")


# --- One set of facts -----------------------------------------------------------------


def test_the_manifests_agree():
    first = FACTS["kubernetes.yaml"]
    for name, facts in FACTS.items():
        for field in dataclasses.fields(facts):
            ours, theirs = (getattr(one, field.name) for one in (first, facts))
            if field.name == "user" and theirs == manifests.FROM_IMAGE:
                theirs = re.search(r"^USER (\S+)", DOCKERFILE, re.M)[1]
            if field.name == "memory" and name == SOLD_IN_SIZES:
                assert theirs >= ours
                continue
            assert ours == theirs, (name, field.name)


def test_they_agree_with_the_image_and_the_compose_file():
    facts, api = FACTS["kubernetes.yaml"], COMPOSE["services"]["api"]
    variables = dict(re.findall(r"(UVICORN_\w+)=(\S+)", DOCKERFILE))
    assert facts.port == int(variables["UVICORN_PORT"])
    assert api["ports"] == [f"127.0.0.1:{facts.port}:{facts.port}"]
    assert facts.user == re.search(r"^USER (\S+)", DOCKERFILE, re.M)[1]
    assert facts.cpus == api["cpus"]
    assert facts.memory == manifests.megabytes(api["mem_limit"])
    assert f"{facts.grace}s" == api["stop_grace_period"]
    # What the process gives itself must end before the host loses its patience
    assert int(variables["UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN"]) < facts.grace
    assert variables["UVICORN_HOST"] == "0.0.0.0"


def test_what_they_name_exists_in_the_service():
    from common.sentiment.api import create_app

    paths = {route.path for route in create_app(Settings()).routes}
    known = {f"SENTIMENT_{name.upper()}" for name in Settings.model_fields}
    for name, facts in FACTS.items():
        text = (DEPLOY / name).read_text(encoding="utf-8")
        assert facts.ready == "/ready" and {"/ready", "/health"} <= paths
        asked = set(re.findall(r"[pP]ath: (/\w+)", text))
        assert asked <= paths, name
        assert facts.secrets and set(facts.secrets) <= known
        assert set(re.findall(r"\bSENTIMENT_\w+", text)) <= known
        assert "warning" in text  # else uvicorn's first lines are no JSON


def test_kubernetes_objects_fit_each_other():
    deployment, service, scaler, budget = manifests.documents(
        DEPLOY / "kubernetes.yaml"
    )
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert budget["spec"]["minAvailable"] < scaler["spec"]["minReplicas"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (container,) = template["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert service["spec"]["ports"][0]["targetPort"] in ports
    asked = {kind: container[kind]["httpGet"]["path"] for kind in container
             if kind.endswith("Probe")}  # fmt: skip
    assert asked.pop("readinessProbe") == "/ready" and set(asked.values()) == {
        "/health"
    }


def test_no_secret_stands_in_them():
    text = "".join(p.read_text("utf-8") for p in DEPLOY.rglob("*") if p.is_file())
    assert not re.search(r"SENTIMENT_API_KEY, ?(V|v)alue:", text)
    assert not list(secret_scan.scan(DEPLOY))


@pytest.mark.parametrize("amount", ["512", "1.5Gi", "512MB", ""])
def test_an_amount_of_memory_without_a_known_unit_is_refused(amount):
    with pytest.raises(manifests.ManifestError, match="512Mi"):
        manifests.megabytes(amount)


# --- Schemas --------------------------------------------------------------------------


@pytest.mark.parametrize("name", manifests.READERS)
def test_every_manifest_is_valid(name):
    need_validator(name)
    assert manifests.problems(DEPLOY / name) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("kubernetes.yaml", "maxUnavailable: 0", "maxUnavailble: 0", "maxUnavailble"),
        ("kubernetes.yaml", "containerPort: 8000", 'containerPort: "8000"', "integer"),
        ("kubernetes.yaml", "autoscaling/v2", "autoscaling/v2beta1", "schema"),
        ("cloudrun.yaml", 'minScale: "2"', "minScale: 2", "string"),
        ("cloudrun.yaml", "livenessProbe", "livenesProbe", "livenesProbe"),
        ("cloudrun.yaml", "name: UVICORN_LOG_LEVEL", "name: PORT", "PORT"),
        ("aws.yaml", "ContainerPort: 8000, P", "ContainerPrt: 8000, P", "ContainerPrt"),
        ("aws.yaml", 'Cpu: "1024"', 'Cpu: "1000"', "1000"),
        ("render.yaml", "healthCheckPath", "healtCheckPath", "healtCheckPath"),
        ("render.yaml", "plan: standard", "plan: large", "large"),
        ("render.yaml", "sync: false", 'value: "abc", sync: false', "valid"),
    ],
)
def test_a_mistake_is_found_before_the_host_sees_it(tmp_path, name, old, new, said):
    need_validator(name)
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    found = manifests.problems(tmp_path / name, DEPLOY / "schemas")
    assert found and said in " ".join(found)


def test_what_is_no_yaml_or_cannot_be_checked_is_said_in_a_sentence(
    tmp_path, monkeypatch
):
    broken = tmp_path / "render.yaml"
    broken.write_text("services: [", encoding="utf-8")
    with pytest.raises(manifests.ManifestError, match="not YAML"):
        manifests.problems(broken, DEPLOY / "schemas")
    monkeypatch.setattr(packages, "installed", lambda name: False)
    with pytest.raises(manifests.ManifestError, match="cfn-lint is not installed"):
        manifests.problems(DEPLOY / "aws.yaml")


@pytest.mark.skipif(shutil.which("git") is None, reason="the linter reads a checkout")
def test_the_linter_finds_nothing_in_the_second_dockerfile():
    ran = lint(tool("hadolint"), str(DEPLOY / "Dockerfile"))
    assert ran.returncode == 0, ran.stdout
