"""The commands that need Docker or a cluster, compared with the files that they name."""

import re

import yaml

from tests.helpers.pages import ROOT, Page

PAGE = Page("docs/docker-and-kubernetes.md")


def test_the_docker_commands_fit_the_dockerfile() -> None:
    block = PAGE.noted("needs Docker")
    dockerfile = (ROOT / "Dockerfile").read_text()
    for line in block.code.splitlines():
        if line.startswith("docker build"):
            assert f"{line}\n" in dockerfile
    (target,) = re.findall(r"--target (\S+)", block.code)
    assert f" AS {target}\n" in dockerfile
    (port,) = re.findall(r"-p \d+:(\d+)", block.code)
    assert f"EXPOSE {port}\n" in dockerfile
    assert set(re.findall(r"-v \S+:(\S+)", block.code)) == set(re.findall(r"^VOLUME (\S+)", dockerfile, re.MULTILINE))


def test_the_cluster_commands_fit_the_manifests() -> None:
    block = PAGE.noted("needs a cluster")
    (folder,) = re.findall(r"apply -k (\S+)", block.code)
    listed = yaml.safe_load((ROOT / folder / "kustomization.yaml").read_text())["resources"]
    objects = {
        (thing["kind"], thing["metadata"]["name"]): thing
        for file in listed
        for thing in yaml.safe_load_all((ROOT / folder / file).read_text())
    }
    (job,) = re.findall(r"--from=cronjob/(\S+)", block.code)
    assert ("CronJob", job) in objects
    (service, port) = re.findall(r"port-forward service/(\S+) \d+:(\d+)", block.code)[0]
    assert objects["Service", service]["spec"]["ports"][0]["port"] == int(port)
