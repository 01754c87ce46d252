"""Helm and Kubernetes' own schemas, asked by the tests: a question as JSON on standard input, the answer on standard output.

Helm is the SDK of Helm 4, in-process; no cluster and no network is asked, but the stand-in that `install` is told of.
"""

import json
import os
import sys
import tempfile

import helm_python as helm
import kubernetes_validate as schemas
import yaml

import standin


def values_of(case):
    if "file" in case:
        with open(case["file"]) as file:
            return yaml.load(file, yaml.CSafeLoader)
    return case.get("values", {})


def objects(rendered):
    """The objects of rendered files, in the order of the files' names."""
    return [each for text in rendered for each in yaml.load_all(text, yaml.CSafeLoader) if each]


def render(question):
    """What each case renders to, or the words by which it is refused."""
    answers = []
    chart = helm.Chart.load(question["chart"])
    for case in question["cases"]:
        values = values_of(case)
        answer = {"values": values, "objects": [], "notes": "", "refused": None}
        try:
            # The schema is held against them here too.
            files = chart.render(values, name="probe", namespace="mail")
            answer["objects"] = objects(text for name, text in sorted(files.items()) if name.endswith(".yaml"))
            answer["notes"] = "".join(text for name, text in files.items() if name.endswith("NOTES.txt"))
        except helm.HelmError as error:
            answer["refused"] = str(error)
        answers.append(answer)
    return answers


def lint(question):
    """What helm lint says of each case, beyond information."""
    said = []
    for case in question["cases"]:
        report = helm.lint(question["chart"], values_of(case), strict=True)
        said += report["errors"] + [each["error"] for each in report["messages"] if each["severity"] > 1]
    return said


def validate(question):
    """What is wrong with objects of Kubernetes' own kinds; unknown fields are wrong."""
    wrong = []
    for each in question["objects"]:
        try:
            schemas.validate(each, question["version"], strict=True)
        except schemas.ValidationError as error:
            wrong.append(f"{each['kind']} {each['metadata']['name']}: {'/'.join(map(str, error.path))}: {error.message}")
    return wrong


def read(question):
    """A YAML file."""
    with open(question["file"]) as file:
        return list(yaml.load_all(file, yaml.CSafeLoader))


def fill(question):
    """A text with Go's templates, which is YAML, filled in with each of the values: what it says."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/templates")
        for name, content in [("Chart.yaml", "{apiVersion: v2, name: it, version: 0.0.1}"), ("templates/it.yaml", "{{ with .Values.it }}" + question["text"] + "{{ end }}")]:
            with open(f"{folder}/{name}", "w") as file:
                file.write(content)
        with helm.Chart.load(folder) as chart:
            return [yaml.load(chart.render({"it": each})["it/templates/it.yaml"], yaml.CSafeLoader) for each in question["values"]]


def install(question):
    """Installs the first step, upgrades to the others, uninstalls: after each, the stand-in's objects."""
    with standin.Server() as server, helm.Config(
        storage_driver="memory", namespace="mail", kubeconfig_content=server.kubeconfig
    ) as config:
        states = []
        for at, step in enumerate(question["steps"]):
            act = config.upgrade if at else config.install
            release = act(question["chart"], "probe", values_of(step), namespace="mail")
            states.append({"status": release.get("status") or release["info"]["status"], "objects": server.objects()})
        config.uninstall("probe")
        states.append({"status": "uninstalled", "objects": server.objects()})
        return states


ANSWERS = {"render": render, "lint": lint, "validate": validate, "read": read, "fill": fill, "install": install}

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump(ANSWERS[asked["ask"]](asked), sys.stdout)
