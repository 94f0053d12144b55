"""The door to Ray: a cohort on a cluster. Encoders are actors, a GPU each where there are any; slides are CPU tasks.

Every node sees the workspace, the slides and this checkout under the same paths. A slide's task reads its tiles and
sends them, a batch at a time, to an encoder: to the one near it, or to any other where that does not answer. Only so
many slides are on their way at once, so that memory stays bounded however long the cohort is. A task whose node dies is
run again elsewhere and goes on from what the workspace holds.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from models.card import Card
from models.protocols import F32, Rows
from models.registry import load, model_class, model_set
from tools.errors import SlideError
from tools.manifest import Entry
from tools.outcome import Outcome, broken, failed, prepare_entry
from tools.prepare import Runtime
from tools.workspace import Workspace

ROWS = 256  # spots in one call of a joint model
START_S, PATIENCE_S, PAUSE_S = 120.0, 600.0, 2.0  # until an encoder is there; until it is back; between two looks


@dataclass(frozen=True)
class Cluster:
    """How a cohort is laid out on a cluster; `address` None starts one on this machine, "auto" finds a running one.

    `encoders`: how many (None: one for each GPU, without GPUs one for each node), each with `gpus` (a fraction shares
    one) and `cpus`; `slides` send to each of them, each taking `slide_cpus` and tried again `retries` times when its
    node or its files fail. `environment` holds for every process of the cohort.
    """

    address: str | None = None
    encoders: int | None = None
    gpus: float | None = None
    cpus: float | None = None
    slides: int = 2
    slide_cpus: float = 1.0
    retries: int = 3
    environment: Mapping[str, str] = field(default_factory=dict)


def prepare_on_ray(
    workspace: Workspace, entries: Sequence[Entry], runtime: Runtime, cluster: Cluster
) -> Iterator[Outcome]:
    """Yield the outcome of each slide as it comes. Raises SlideError where there is no cluster, or no encoder on it."""
    joined = _join(cluster)
    try:
        encoders = _Encoders(runtime, cluster)
        yield from _run(workspace, entries, runtime, cluster, encoders)
    finally:
        if joined:
            ray.shutdown()


def _join(cluster: Cluster) -> bool:
    """Join the cluster, or start one here; False where this process belongs to one already."""
    if ray.is_initialized():
        return False
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if cluster.address is None:
        options["include_dashboard"] = False
    if cluster.environment:
        options["runtime_env"] = {"env_vars": dict(cluster.environment)}
    try:
        ray.init(cluster.address or "local", **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at {cluster.address}" if cluster.address else "on this machine"
        said = str(error).strip().partition("\n")[0]
        raise SlideError(
            f"There is no Ray cluster {where} ({said}). Start one with `ray start --head` and give its address, or "
            "leave --address out."
        ) from error
    return True


def _run(
    workspace: Workspace, entries: Sequence[Entry], runtime: Runtime, cluster: Cluster, encoders: "_Encoders"
) -> Iterator[Outcome]:
    prepare = ray.remote(_prepare_slide)
    waiting = list(reversed(entries))
    running: dict[Any, tuple[Entry, int, float]] = {}
    while waiting or running:
        while waiting and len(running) < cluster.slides * len(encoders.actors):
            entry, nearest = waiting.pop(), encoders.take()
            options = {
                "num_cpus": cluster.slide_cpus,
                "max_retries": cluster.retries,
                "retry_exceptions": [OSError, EncodersLostError],
                "scheduling_strategy": encoders.place(nearest),
            }
            task = prepare.options(**options).remote(workspace, entry, runtime, encoders.order(nearest))
            running[task] = (entry, nearest, time.monotonic())
        for task in ray.wait(list(running), num_returns=1)[0]:
            entry, nearest, start = running.pop(task)
            encoders.give_back(nearest)
            yield _result(task, entry, start)


def _result(task: Any, entry: Entry, start: float) -> Outcome:
    """What a finished task says, or what became of it."""
    seconds = time.monotonic() - start
    try:
        outcome: Outcome = ray.get(task)
    except RayTaskError as error:
        return broken(entry, seconds, error.cause if isinstance(error.cause, BaseException) else error, str(error))
    except RayError as error:
        said = str(error).strip().partition("\n")[0]
        return failed(entry, seconds, f"Its task was lost on the cluster, again and again ({said}).")
    return outcome


class EncodersLostError(Exception):
    """No encoder of the cohort answers."""


class _Encoder:
    """What an actor does: models by name, loaded with the first call, called with arrays."""

    def __init__(self, device: str, models_dir: Path | None) -> None:
        self._places = (device, models_dir)

    def node(self) -> str:
        """Id of the node that this runs on."""
        return str(ray.get_runtime_context().get_node_id())

    def call(self, name: str, method: str, *args: Any) -> F32:
        """Call a method of a model; arrays come from shared memory, which torch must not write to."""
        own = [np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
        result: F32 = getattr(load(name, *self._places), method)(*own)
        return result


class _Elsewhere:
    """A model that runs in an actor, for the stages no other than one that runs here."""

    def __init__(self, name: str, actors: Sequence[Any]) -> None:
        self.card: Card = model_class(name).card
        self._name, self._actors = name, list(actors)

    def encode_image(self, tiles: np.ndarray) -> F32:
        """As ImageEncoder says."""
        return self._call("encode_image", tiles)

    def embed_expression(self, x: Rows, genes: Sequence[str]) -> F32:
        """As JointModel says, for models that look at each spot by itself: so many rows a call."""
        parts = (np.asarray(x[start : start + ROWS], np.float32) for start in range(0, x.shape[0], ROWS))
        return np.concatenate([self._call("embed_expression", part, list(genes)) for part in parts])

    def _call(self, method: str, *args: Any) -> F32:
        """Ask the nearest actor; where it is gone the others, and again, until one of them is back."""
        deadline = time.monotonic() + PATIENCE_S
        sent = [ray.put(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
        while time.monotonic() < deadline:
            for actor in list(self._actors):
                try:
                    return np.array(ray.get(actor.call.remote(self._name, method, *sent)))
                except RayActorError:
                    self._actors.append(self._actors.pop(0))  # from now on the next one is the nearest
            time.sleep(PAUSE_S)
        raise EncodersLostError(f"No encoder of the cohort answered for {PATIENCE_S:.0f} s.")


def _prepare_slide(workspace: Workspace, entry: Entry, runtime: Runtime, actors: Sequence[Any]) -> Outcome:
    """What a task does: every stage of one slide on CPUs, its tiles encoded by the actors.

    So are its spots, where the joint model reads each by itself as a language model does; others are one product.
    """
    models = model_set(entry.options.models)
    names = [models.encoder, *([models.joint] if model_class(models.joint).card.ranks_genes else [])]
    elsewhere = {name: _Elsewhere(name, actors) for name in names}
    return prepare_entry(workspace, entry, replace(runtime, device="cpu", elsewhere=elsewhere))


def _nodes() -> list[dict[str, Any]]:
    """Nodes on which something can run; a head is often started without cores, to be left alone."""
    listed: Any = ray.nodes  # untyped
    return [node for node in listed() if node["Alive"] and node["Resources"].get("CPU", 0.0) >= 1]


class _Encoders:
    """The actors of a cohort, the node of each, and how many slides send to it."""

    def __init__(self, runtime: Runtime, cluster: Cluster) -> None:
        nodes = _nodes()
        gpus = sum(node["Resources"].get("GPU", 0.0) for node in nodes)
        each = (1.0 if gpus else 0.0) if cluster.gpus is None else cluster.gpus
        count = cluster.encoders or (int(gpus / each) if each else len(nodes))
        self.actors = [self._start(nodes[i % len(nodes)], each, runtime, cluster) for i in range(count)]
        asked = {actor.node.remote(): actor for actor in self.actors}
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=START_S) if asked else ([], [])
        if not ready:
            raise SlideError(
                f"No encoder of {each:g} GPUs could be started on this cluster of {len(nodes)} nodes, {gpus:g} GPUs. "
                "Ask for less with --gpus-per-encoder or --cpus-per-encoder."
            )
        self.actors = [asked[one] for one in ready]
        self._node = [str(ray.get(one)) for one in ready]
        self._cpus = {node["NodeID"]: node["Resources"].get("CPU", 0.0) for node in nodes}
        self._needs = cluster.slides * cluster.slide_cpus
        self._busy = Counter(dict.fromkeys(range(len(ready)), 0))

    def take(self) -> int:
        """The encoder to which the fewest slides send; one more does now."""
        number = min(self._busy, key=lambda i: self._busy[i])
        self._busy[number] += 1
        return number

    def give_back(self, number: int) -> None:
        """A slide that sent to this encoder is finished."""
        self._busy[number] -= 1

    def order(self, first: int) -> list[Any]:
        """All encoders, this one first."""
        return [*self.actors[first:], *self.actors[:first]]

    def place(self, number: int) -> Any:
        """Beside the encoder, so that tiles stay on the node; on a node with few cores for its encoders, anywhere."""
        node = self._node[number]
        if self._cpus.get(node, 0.0) < self._needs * self._node.count(node):
            return "SPREAD"
        return NodeAffinitySchedulingStrategy(node, soft=True)

    def _start(self, node: Mapping[str, Any], gpus: float, runtime: Runtime, cluster: Cluster) -> Any:
        kind: Any = ray.remote(_Encoder)
        options: dict[str, Any] = {"num_gpus": gpus, "max_restarts": -1, "max_task_retries": 0}
        if gpus:
            options["num_cpus"] = 1.0 if cluster.cpus is None else cluster.cpus
        else:  # all of a node but what the slides that send to it need
            free = float(node["Resources"].get("CPU", 1.0)) - max(1.0, cluster.slides * cluster.slide_cpus)
            options["num_cpus"] = max(0.0, free) if cluster.cpus is None else cluster.cpus
            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
        return kind.options(**options).remote(runtime.device, runtime.models_dir)
