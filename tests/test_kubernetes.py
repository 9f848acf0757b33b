"""The manifests, rendered by kubectl and checked against the Kubernetes schemas and the code."""

import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from npserve import __version__
from service.app import create_app
from service.settings import Settings, variable
from tests.helpers.server import SPARE_BYTES
from training.__main__ import _parser as training_parser

ROOT = Path(__file__).parents[1]
# Memory of idle processes; with the digits model they take 60 and 25 MiB. Larger networks need more.
FIRST_WORKER, FURTHER_WORKER = 75 * 2**20, 25 * 2**20
KUBERNETES = "1.34"  # the first version in which the sleep action of preStop is stable
Object = dict[str, Any]


@pytest.fixture(scope="module")
def objects() -> dict[str, Object]:
    """Every object of k8s/base by its kind."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed: it renders the manifests")
    rendered = subprocess.run(
        ["kubectl", "kustomize", ROOT / "k8s/base"], capture_output=True, text=True, check=True
    ).stdout
    found = list(yaml.safe_load_all(rendered))
    assert len({thing["kind"] for thing in found}) == len(found)
    return {thing["kind"]: thing for thing in found}


def _pod(thing: Object) -> Object:
    spec = thing["spec"].get("jobTemplate", thing)["spec"]
    return dict(spec["template"]["spec"])


def _container(thing: Object) -> Object:
    (container,) = _pod(thing)["containers"]
    return dict(container)


def _workloads(objects: dict[str, Object]) -> list[Object]:
    return [objects["Deployment"], objects["CronJob"]]


def test_the_kinds_of_objects(objects: dict[str, Object]) -> None:
    assert set(objects) == {
        "Deployment",
        "Service",
        "ConfigMap",
        "PersistentVolumeClaim",
        "HorizontalPodAutoscaler",
        "CronJob",
    }


def test_every_object_is_valid(objects: dict[str, Object]) -> None:
    for thing in objects.values():
        kubernetes_validate.validate(thing, KUBERNETES, strict=True)


def test_a_misspelt_field_is_detected(objects: dict[str, Object]) -> None:
    wrong = yaml.safe_load(yaml.safe_dump(objects["Deployment"]).replace("livenessProbe", "livenesProbe"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_probes_are_routes(objects: dict[str, Object], tmp_path: Path) -> None:
    app = create_app(Settings(models=tmp_path))
    app.extensions["npserve"].reloader.stop()
    pages = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    container = _container(objects["Deployment"])
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    scraped = objects["Deployment"]["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]
    assert {*paths.values(), scraped} <= pages


def test_environment_variables_are_settings(objects: dict[str, Object]) -> None:
    data = objects["ConfigMap"]["data"]
    settings = {variable(name) for name in Settings.__dataclass_fields__}
    assert set(data) <= settings
    assert Settings.from_environment(data).models == Path("/models")
    for workload in _workloads(objects):
        (source,) = _container(workload)["envFrom"]
        assert source["configMapRef"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    mounts = {mount["mountPath"] for mount in _container(objects["Deployment"])["volumeMounts"]}
    assert data["NPSERVE_MODELS"] in mounts


def test_ports_match_the_bind_address(objects: dict[str, Object]) -> None:
    listening = int(objects["ConfigMap"]["data"]["NPSERVE_BIND"].rpartition(":")[2])
    container = _container(objects["Deployment"])
    assert container["ports"] == [{"name": "http", "containerPort": listening}]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "http"
    assert objects["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    annotations = objects["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(listening)


def test_references_between_objects_are_consistent(objects: dict[str, Object]) -> None:
    deployment = objects["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert objects["Service"]["spec"]["selector"].items() <= labels.items()
    training = objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert not objects["Service"]["spec"]["selector"].items() <= training.items()
    scaler = objects["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert scaler["metrics"][0]["containerResource"]["container"] == _container(deployment)["name"]
    claim = objects["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for workload in _workloads(objects):
        claims = [
            v["persistentVolumeClaim"]["claimName"] for v in _pod(workload)["volumes"] if "persistentVolumeClaim" in v
        ]
        assert claims == [claim["metadata"]["name"]]
        volumes = {volume["name"] for volume in _pod(workload)["volumes"]}
        assert {mount["name"] for mount in _container(workload)["volumeMounts"]} == volumes


def test_images_are_pinned_to_this_version(objects: dict[str, Object]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for workload, image in zip(_workloads(objects), ("npserve", "npserve-training"), strict=True):
        assert _container(workload)["image"] == f"{image}:{__version__}"
        assert f"-t {image}:{__version__} " in dockerfile


def test_the_job_is_a_command_of_training(objects: dict[str, Object]) -> None:
    job = objects["CronJob"]["spec"]
    assert job["suspend"] is True
    options = training_parser("python -m training").parse_args(_container(objects["CronJob"])["args"])
    assert (options.data, options.name) == ("digits", "digits")


def test_the_grace_period_covers_the_shutdown(objects: dict[str, Object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", dict(os.environ))  # the file sets variables
    graceful = runpy.run_path(str(ROOT / "service/gunicorn.conf.py"))["graceful_timeout"]
    asleep = _container(objects["Deployment"])["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert _pod(objects["Deployment"])["terminationGracePeriodSeconds"] >= asleep + graceful + 5


def test_the_memory_limit_covers_the_workers(objects: dict[str, Object]) -> None:
    deployment, settings = objects["Deployment"], Settings.from_environment(objects["ConfigMap"]["data"])
    resources = _container(deployment)["resources"]
    idle = FIRST_WORKER + FURTHER_WORKER * (settings.workers - 1)
    bodies = settings.workers * (settings.max_held_bytes + SPARE_BYTES)
    folders = [volume["emptyDir"] for volume in _pod(deployment)["volumes"] if "emptyDir" in volume]
    assert {folder["medium"] for folder in folders} == {"Memory"}
    in_memory = sum(_bytes(folder["sizeLimit"]) for folder in folders)
    assert idle <= _bytes(resources["requests"]["memory"])
    assert idle + bodies + in_memory <= _bytes(resources["limits"]["memory"])


def _bytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([MG]i)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit]


def test_the_pods_have_minimal_privileges(objects: dict[str, Object]) -> None:
    uid = int(re.search(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1])  # type: ignore[index]
    for workload in _workloads(objects):
        pod, container = _pod(workload), _container(workload)
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == uid
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}
    (models,) = [m for m in _container(objects["Deployment"])["volumeMounts"] if m["name"] == "models"]
    assert models["readOnly"] is True
