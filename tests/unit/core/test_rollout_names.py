"""A version number is the number of one registered model: the same number of another is another model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slipway.core.plan import ObjectKey, Unavailable
from slipway.runtime.world import ModelVersion

from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import DIES, GOOD, in_stage, serves, spec
from tests.unit.core.traffic_model import Behaviour


class Untagged(Simulation):
    """Two registered models, whose versions carry no digest: the builder finds one for each."""

    def __init__(self, second: Behaviour = GOOD) -> None:
        super().__init__(spec(), {"1": GOOD})
        self.second = second

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        found = await super().model_version(name, version, alias)
        return replace(found, digest="") if isinstance(found, ModelVersion) else found

    def finish(self, job: Any, how: str, said: Any) -> None:
        """A builder's digest is that of the name it was given."""
        pod = job["spec"]["template"]["spec"]
        arguments = pod["containers"][0].get("args", [])
        if "--model-uri" in arguments:
            name = arguments[arguments.index("--model-uri") + 1].split("/")[1]
            digest = f"sha256:{'f' if name == 'fraud' else 'c'}{'0' * 63}"
            said = {"image": f"registry:5000/ns/fraud@{digest}", "modelDigest": digest}
        super().finish(job, how, said)

    def rename(self) -> None:
        """A person asks for version 1 of another model."""
        self.versions["1"] = self.second
        self.edit(KEY, lambda s: s["model"]["mlflow"].update(name="other"))


def builds(sim: Simulation) -> list[ObjectKey]:
    return [key for key in sim.objects if key.kind == "Job" and "-build-" in key.name]


def test_the_same_version_of_another_model_is_rolled_out() -> None:
    sim = Untagged().run(60, serves("1"))
    before = sim.variants()["stable"]
    assert before["model"] == "fraud"
    sim.rename()
    sim.run(120, in_stage("canary-50"))
    candidate = sim.variants()["candidate"]
    assert (candidate["model"], candidate["version"]) == ("other", "1")
    assert candidate["image"] != before["image"]
    assert candidate["digest"] != before["digest"]
    assert candidate["revision"] != before["revision"]
    assert len(builds(sim)) == 2
    sim.run(120, lambda s: s.variants()["stable"]["model"] == "other")
    newest, first = sim.status["history"]
    assert (newest["model"], first["model"]) == ("other", "fraud")


def test_a_rejected_version_of_one_model_rejects_none_of_another() -> None:
    sim = Untagged(DIES).run(60, serves("1"))
    sim.rename()
    sim.run(120, lambda s: bool(s.status.get("rejected")))
    assert [(one["model"], one["version"]) for one in sim.status["rejected"]] == [("other", "1")]
    sim.edit(KEY, lambda s: s["model"]["mlflow"].update(name="fraud"))
    sim.run(20)
    assert sim.condition("Stalled")[0] == "False"
    assert sim.variants()["stable"]["model"] == "fraud"


def test_a_status_of_an_older_operator_names_no_model_and_starts_nothing() -> None:
    sim = Untagged().run(60, serves("1"))
    for one in sim.objects[KEY]["status"]["variants"]:
        del one["model"]
    sim.run(30)
    assert sim.status["phase"] == "Serving"
    assert sim.notices.count("Started") == 1
