"""What deploy/kubernetes says to a cluster, as far as can be known without one."""

from __future__ import annotations

import re

import pytest
import yaml

from compose_file import DEPLOY, read_compose
from deployed_processes import command_arguments, is_read
from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.version import VERSION
from evaltrail.server.access import is_open_path

FOLDER = DEPLOY / "kubernetes"
USUAL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
QUANTITY = re.compile(r"[0-9]+(m|Mi|Gi)?")
CORE = {"ConfigMap": "v1", "Secret": "v1", "Service": "v1", "PersistentVolumeClaim": "v1", "Deployment": "apps/v1"}
NAMES_OF_KEYS = {"VLLM_API_KEY", "OPENAI_API_KEY"}
"""Variables of keys, each named by a variable or by the catalog."""


def documents(name):
    """The objects of a file."""
    return [each for each in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")) if each]


@pytest.fixture(scope="module")
def objects():
    """All objects by kind and name, the example of the secrets among them."""
    (kustomization,) = documents("kustomization.yaml")
    found = [each for name in [*kustomization["resources"], "secrets.example.yaml"] for each in documents(name)]
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(by_name) == len(found)
    return by_name


def deployments(objects):
    """Name to the pod of each Deployment, and its one container."""
    found = {}
    for (kind, name), each in objects.items():
        if kind == "Deployment":
            pod = each["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            found[name] = (pod, container)
    return found


def variables(objects, container):
    """What a container is told, secrets as they stand in the example."""
    found = {}
    for each in container.get("envFrom", []):
        reference = each.get("configMapRef") or each["secretRef"]
        source = objects["ConfigMap" if "configMapRef" in each else "Secret", reference["name"]]
        found |= source.get("data") or source["stringData"]
    return found | {each["name"]: each["value"] for each in container.get("env", [])}


def test_every_file_is_applied_and_every_object_is_one_that_clusters_know(objects):
    """But the example of the secrets, which is copied; nothing names a namespace: it goes wherever one likes."""
    (kustomization,) = documents("kustomization.yaml")
    files = {file.name for file in FOLDER.iterdir()}
    assert files - {"secrets.yaml"} == {*kustomization["resources"], "kustomization.yaml", "secrets.example.yaml"}
    for (kind, name), each in objects.items():
        assert each["apiVersion"] == CORE[kind]
        assert USUAL.fullmatch(name)
        assert set(each["metadata"]) == {"name", "labels"}
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "evaltrail"
    assert kustomization["images"] == [{"name": "evaltrail", "newName": "evaltrail", "newTag": VERSION}]
    assert {container["image"] for _, container in deployments(objects).values()} == {"evaltrail"}


def test_labels_lead_each_service_and_deployment_to_its_own_pods(objects):
    """A Deployment selects what its template makes, and a Service one Deployment, by a port that its container has."""
    pods = {name: each["spec"]["template"] for (kind, name), each in objects.items() if kind == "Deployment"}
    for name, template in pods.items():
        selected = objects["Deployment", name]["spec"]["selector"]["matchLabels"]
        assert selected.items() <= template["metadata"]["labels"].items()
        meant = [other for other, each in pods.items() if selected.items() <= each["metadata"]["labels"].items()]
        assert meant == [name]
    for service in (each for (kind, _), each in objects.items() if kind == "Service"):
        selector = service["spec"]["selector"]
        (template,) = [each for each in pods.values() if selector.items() <= each["metadata"]["labels"].items()]
        (port,) = service["spec"]["ports"]
        named = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
        assert named[port["targetPort"]] == port["port"]


def test_every_variable_is_one_that_somebody_reads_and_is_a_text(objects):
    """Ours, MLflow's or a library's; numbers and bools without quotes would be refused by the cluster."""
    for _, container in deployments(objects).values():
        given = variables(objects, container)
        assert [name for name in given if not is_read(name) and name not in NAMES_OF_KEYS] == []
        assert all(isinstance(value, str) for value in given.values())


def test_the_variables_of_the_seed_are_told_as_it_tells_them(objects):
    """MLflow by the name of its Service and its port, and the prefix."""
    told = objects["ConfigMap", "evaltrail-settings"]["data"]
    assert told["MLFLOW_TRACKING_URI"] == "http://mlflow-service:5000"
    assert told["MLFLOW_EXPERIMENT_PREFIX"] == "production-eval"
    (port,) = objects["Service", "mlflow-service"]["spec"]["ports"]
    assert port["port"] == 5000


def test_the_service_starts_with_what_it_is_told(objects, tmp_path):
    """It listens where its port is, says in words that no key is asked for, and answers to its Service's name."""
    _, container = deployments(objects)["eval-hub"]
    told = {**variables(objects, container), "EVALTRAIL_DATA_ROOT": str(tmp_path)}
    found = load_service_settings(load_settings(told, dotenv=None))
    assert (found.host, found.auth, found.experiment_prefix) == ("0.0.0.0", "none", "production-eval")
    assert [{"name": "http", "containerPort": found.port}] == container["ports"]
    assert "eval-hub" in found.allowed_hosts
    lines = (FOLDER / "service.yaml").read_text(encoding="utf-8").splitlines()
    (at,) = [number for number, line in enumerate(lines) if "EVALTRAIL_AUTH, " in line]
    assert "WARNING: `none`" in "".join(lines[at - 2 : at])


def test_the_commands_are_ones_that_the_image_has(objects):
    """`evaltrail serve`, `evaltrail worker`, and MLflow's server as compose.yaml starts it."""
    known = deployments(objects)
    assert command_arguments(known["eval-hub"][1]["command"]).port is None
    assert command_arguments(known["evaltrail-worker"][1]["command"]).concurrency == 2
    server = known["mlflow"][1]
    composed = read_compose()["services"]["mlflow"]["command"]
    assert [*server["command"], *server["args"]] == [word for word in composed if "--allowed-hosts" not in word]


def test_every_container_is_asked_how_it_is_by_what_it_answers(objects):
    """The service at its open paths (ready only while its store answers), MLflow at its own, workers by their check."""
    known = deployments(objects)
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    asked = {
        name: [container[probe].get("httpGet", {}).get("path") for probe in probes if probe in container]
        for name, (_, container) in known.items()
    }
    assert asked["eval-hub"] == ["/health", "/ready", "/health"]
    assert all(map(is_open_path, asked["eval-hub"]))
    assert asked["mlflow"] == ["/health"] * 3
    worker = known["evaltrail-worker"][1]
    assert all(command_arguments(worker[probe]["exec"]["command"]).check for probe in ("startupProbe", "livenessProbe"))
    for name in ("eval-hub", "mlflow"):
        assert {known[name][1][probe]["httpGet"]["port"] for probe in probes} == {"http"}


def test_mlflow_answers_to_the_name_that_it_is_asked_by(objects):
    """Its list of hosts has the address of MLFLOW_TRACKING_URI, and no word for all."""
    told = objects["ConfigMap", "evaltrail-settings"]["data"]
    allowed = variables(objects, deployments(objects)["mlflow"][1])["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert told["MLFLOW_TRACKING_URI"].removeprefix("http://") in allowed
    assert "*" not in allowed


def test_no_pod_has_more_rights_than_it_needs(objects):
    """Nobody special, nothing to write but its volumes, no capability, no token, and no variables made of Services."""
    for pod, container in deployments(objects).values():
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        given = container["resources"]
        amounts = [*given["requests"].values(), *given["limits"].values()]
        assert all(QUANTITY.fullmatch(str(amount)) for amount in amounts)
        assert {"cpu", "memory"} <= set(given["requests"])
        assert "memory" in given["limits"]


def test_what_is_written_lies_on_a_volume(objects):
    """Homes and data on claims that all share, scratch and the user's folder in the pod."""
    for name, (pod, container) in deployments(objects).items():
        volumes = {each["name"]: each for each in pod["volumes"]}
        mounts = {each["mountPath"]: volumes[each["name"]] for each in container["volumeMounts"]}
        assert set(volumes) == {each["name"] for each in container["volumeMounts"]}
        assert all("emptyDir" in mounts[folder] for folder in ("/tmp", "/home/evaltrail"))
        claims = {
            folder: objects["PersistentVolumeClaim", each["persistentVolumeClaim"]["claimName"]]
            for folder, each in mounts.items()
            if "persistentVolumeClaim" in each
        }
        if name != "mlflow":
            told = objects["ConfigMap", "evaltrail-settings"]["data"]
            assert set(claims) == {told["EVALTRAIL_HOME"], told["EVALTRAIL_DATA_ROOT"]}
            assert all(each["spec"]["accessModes"] == ["ReadWriteMany"] for each in claims.values())


def test_the_keys_of_models_are_the_workers_alone_and_no_secret_has_a_value(objects):
    """The service is told where the database is and no key; the copy of the example is never committed."""
    known = deployments(objects)
    assert not {*NAMES_OF_KEYS, "EVALTRAIL_CALLBACK_SECRET"} & set(variables(objects, known["eval-hub"][1]))
    assert set(variables(objects, known["evaltrail-worker"][1])) > NAMES_OF_KEYS
    secrets = [each["stringData"] for (kind, _), each in objects.items() if kind == "Secret"]
    assert {value for each in secrets for name, value in each.items() if not name.endswith("_URL")} == {""}
    ignored = (DEPLOY.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/deploy/kubernetes/secrets.yaml" in ignored


def test_who_is_to_end_has_the_time_that_it_takes(objects):
    """Longer than a worker takes to hand back, and than the service lets open requests take."""
    from evaltrail.jobs.dispatcher import LEAVE_S  # noqa: PLC0415  SQLAlchemy

    known = deployments(objects)
    assert known["evaltrail-worker"][0]["terminationGracePeriodSeconds"] > LEAVE_S
    assert known["eval-hub"][0]["terminationGracePeriodSeconds"] > 30
