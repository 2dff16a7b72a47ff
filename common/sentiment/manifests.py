"""The manifests of `deploy/`: what each says of the service, and whether it may say so.

    facts = read_facts(ROOT)         # by file: the same facts, out of five languages
    problems(ROOT / "deploy/render.yaml")   # [] or what its schema refuses

A manifest that is not checked before it is sent fails on the host, in the middle of a
release, or worse: a misspelt field is ignored, and nobody hears of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from common import packages

FROM_IMAGE = "image"
"""In place of a user: the manifest says nothing, so the image's own counts."""
KUBERNETES = "1.30.0"
"""The oldest release that knows what the manifest uses (preStop's `sleep`)."""
_SOLD = {"starter": (0.5, 512), "standard": (1.0, 2048), "pro": (2.0, 4096)}
"""Render's plans: CPUs, and megabytes of memory."""
_CLOUD_RUN_GRACE = 10
"""Seconds between SIGTERM and SIGKILL; Cloud Run's own, no field changes them."""


class ManifestError(ValueError):
    """A manifest that cannot be read, or a validator that is not installed."""


@dataclass(frozen=True)
class Facts:
    """What a manifest says of one instance and of how many there are.

    Attributes:
        port: on which it listens.
        ready: the path that must answer 200 before it gets requests.
        cpus: that it may use.
        memory: megabytes that it may use; where a host sells sizes only, the size.
        least, most: instances; None where the manifest does not say.
        grace: seconds that the process has after SIGTERM.
        user: its number, or `FROM_IMAGE`.
        secrets: names of variables that come out of a store of secrets.
    """

    port: int
    ready: str
    cpus: float
    memory: int
    least: int | None
    most: int | None
    grace: int
    user: str
    secrets: tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as {"Ref": ...} and the like."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    key = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {key: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {key: loader.construct_sequence(node, deep=True)}
    return {key: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


def documents(path: Path) -> list[dict[str, Any]]:
    """Return a file's YAML documents.

    Raises:
        ManifestError: it is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return [one for one in yaml.load_all(text, _Loader) if one]
    except yaml.YAMLError as error:
        raise ManifestError(f"{path.name} is not YAML: {error}") from None


def megabytes(amount: str) -> int:
    """Return an amount of memory in units of 2**20 bytes: "512Mi", "2Gi", "512m".

    Raises:
        ManifestError: another unit.
    """
    found = re.fullmatch(r"(\d+)(Mi|Gi|m|g)", amount)
    if found is None:
        raise ManifestError(f"An amount of memory such as 512Mi, not {amount!r}.")
    return int(found[1]) * (1024 if found[2] in ("Gi", "g") else 1)


def kubernetes(path: Path) -> Facts:
    """Read a Deployment with its HorizontalPodAutoscaler."""
    by_kind = {one["kind"]: one["spec"] for one in documents(path)}
    scaler = by_kind["HorizontalPodAutoscaler"]
    pod = by_kind["Deployment"]["template"]["spec"]
    (container,) = pod["containers"]
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    limits, security = container["resources"]["limits"], pod["securityContext"]
    return Facts(
        port=container["ports"][0]["containerPort"],
        ready=container["readinessProbe"]["httpGet"]["path"],
        cpus=float(limits["cpu"]),
        memory=megabytes(limits["memory"]),
        least=scaler["minReplicas"],
        most=scaler["maxReplicas"],
        grace=pod["terminationGracePeriodSeconds"] - before,
        user=f"{security['runAsUser']}:{security['runAsGroup']}",
        secrets=_from_a_store(container),
    )


def _from_a_store(container: dict[str, Any]) -> tuple[str, ...]:
    given = container.get("env", [])
    return tuple(
        one["name"] for one in given if "secretKeyRef" in one.get("valueFrom", {})
    )


def cloud_run(path: Path) -> Facts:
    """Read a Cloud Run service."""
    (service,) = documents(path)
    template = service["spec"]["template"]
    (container,) = template["spec"]["containers"]
    scale = template["metadata"]["annotations"]
    limits = container["resources"]["limits"]
    return Facts(
        port=container["ports"][0]["containerPort"],
        ready=container["startupProbe"]["httpGet"]["path"],
        cpus=float(limits["cpu"]),
        memory=megabytes(limits["memory"]),
        least=int(scale["autoscaling.knative.dev/minScale"]),
        most=int(scale["autoscaling.knative.dev/maxScale"]),
        grace=_CLOUD_RUN_GRACE,
        user=FROM_IMAGE,
        secrets=_from_a_store(container),
    )


def aws(path: Path) -> Facts:
    """Read a CloudFormation template with one ECS task definition."""
    (template,) = documents(path)
    of = {one["Type"].split("::", 1)[1]: one.get("Properties", {})
          for one in template["Resources"].values()}  # fmt: skip
    (container,) = of["ECS::TaskDefinition"]["ContainerDefinitions"]
    scaling = of["ApplicationAutoScaling::ScalableTarget"]
    return Facts(
        port=container["PortMappings"][0]["ContainerPort"],
        ready=of["ElasticLoadBalancingV2::TargetGroup"]["HealthCheckPath"],
        cpus=container["Cpu"] / 1024,
        memory=container["Memory"],
        least=scaling["MinCapacity"],
        most=scaling["MaxCapacity"],
        grace=container["StopTimeout"],
        user=container["User"],
        secrets=tuple(one["Name"] for one in container["Secrets"]),
    )


def render(path: Path) -> Facts:
    """Read a Render blueprint with one service."""
    (blueprint,) = documents(path)
    (service,) = blueprint["services"]
    variables = {one["key"]: one for one in service["envVars"]}
    cpus, memory = _SOLD[service["plan"]]
    return Facts(
        port=int(variables["PORT"]["value"]),
        ready=service["healthCheckPath"],
        cpus=cpus,
        memory=memory,
        least=service["scaling"]["minInstances"],
        most=service["scaling"]["maxInstances"],
        grace=service["maxShutdownDelaySeconds"],
        user=FROM_IMAGE,
        secrets=tuple(key for key, one in variables.items() if "sync" in one),
    )


READERS = {
    "kubernetes.yaml": kubernetes,
    "cloudrun.yaml": cloud_run,
    "aws.yaml": aws,
    "render.yaml": render,
}


def read_facts(root: Path) -> dict[str, Facts]:
    """Return the facts of every manifest in a course's `deploy/`, by file name."""
    return {name: read(root / "deploy" / name) for name, read in READERS.items()}


def validator(name: str) -> tuple[str, str | None]:
    """Return what checks a manifest, and the package that it takes, if it takes one."""
    if name == "kubernetes.yaml":
        return "Kubernetes' own schemas (kubernetes-validate)", "kubernetes-validate"
    if name == "aws.yaml":
        return "CloudFormation's own schemas (cfn-lint)", "cfn-lint"
    return f"deploy/schemas/{Path(name).stem}.json, written by hand", None


def problems(path: Path, schemas: Path | None = None) -> list[str]:
    """Return what a manifest's schema refuses, one sentence each; [] if it is valid.

    Args:
        path: a file with one of the names in `READERS`.
        schemas: the folder of the schemas that are written by hand; beside the file
            if not given.

    Raises:
        ManifestError: it is no YAML, or the package that checks it is not installed.
    """
    _, package = validator(path.name)
    if package is not None and not packages.installed(package):
        raise ManifestError(f"{package} is not installed.")
    if path.name == "kubernetes.yaml":
        return _kubernetes_problems(path)
    if path.name == "aws.yaml":
        return _aws_problems(path)
    schema = (schemas or path.parent / "schemas") / f"{path.stem}.json"
    rules = json.loads(schema.read_text(encoding="utf-8"))
    check = jsonschema.Draft202012Validator(rules)
    return [
        f"{'.'.join(map(str, error.absolute_path)) or 'the file'}: {error.message}"
        for one in documents(path)
        for error in check.iter_errors(one)
    ]


def _kubernetes_problems(path: Path) -> list[str]:
    import kubernetes_validate

    found = []
    for one in documents(path):
        try:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            where = ".".join(map(str, error.path))
            found.append(f"{one['kind']}.{where}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            found.append(error.message)
    return found


def _aws_problems(path: Path) -> list[str]:
    import cfnlint.api

    found = cfnlint.api.lint(path.read_text(encoding="utf-8"))
    return [f"line {one.linenumber}: {one.message}" for one in found]
