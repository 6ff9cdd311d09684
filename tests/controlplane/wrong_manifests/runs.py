"""Wrong TrainingRuns."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

_RUN = "trainingrun-function"
_STEP = "trainingrun-incremental"
_DIFFERENCE = {"configMapRef": {"name": "d"}, "digest": f"sha256:{'4' * 64}"}

RUNS = (
    Wrong("no sources", _RUN, "spec/data/sources", [], ("spec.data.sources", "at least 1")),
    Wrong("two kinds of source", _RUN, "spec/data/sources/1/uri", "s3://x/y", ("data.sources[1]", "uri, sql, delta")),
    Wrong("no exposure note", _RUN, "spec/data/sources/0/exposureNote", ABSENT, ("data.sources[0]", "exposureNote")),
    Wrong("no uri", _RUN, "spec/data/sources/0/uri", "lake", ("sources[0].uri", "URI with its scheme")),
    Wrong("sum of the split", _RUN, "spec/data/split/test", "20%", ("spec.data.split", "add up to 100%")),
    Wrong("no test", _RUN, "spec/data/split", {"train": "85%", "test": "0%"}, ("spec.data.split", "more than 0%")),
    Wrong("share", _RUN, "spec/data/split/test", "15 percent", ("spec.data.split.test", "such as 5%")),
    Wrong("split by", _RUN, "spec/data/split/by", "Luck", ("spec.data.split.by", '"Time"', '"Entity"')),
    Wrong("split column", _RUN, "spec/data/split/by", "Column", ("spec.data.split", "column is required")),
    Wrong("embargo", _RUN, "spec/data/split/embargo", "Never", ("data.split.embargo", "Auto, or a duration")),
    Wrong("window", _RUN, "spec/data/window/type", "Growing", ("spec.data.window", "last is required", "Sliding")),
    Wrong("workspace", _RUN, "spec/data/workspace", {}, ("data.workspace", "persistentVolumeClaim, s3")),
    Wrong(
        "trainer member", _RUN, "spec/trainer/type", "BuiltIn", ("spec.trainer", "BuiltIn (builtIn)", "Image (image)")
    ),
    Wrong(
        "estimator",
        "trainingrun-builtin",
        "spec/trainer/builtIn/estimator",
        "Oracle",
        ("builtIn.estimator", '"Linear"'),
    ),
    Wrong("branch", _RUN, "spec/trainer/function/git/commit", "main", ("function.git.commit", "hex digits")),
    Wrong("no commit", _RUN, "spec/trainer/function/git/commit", ABSENT, ("function.git", "slipway train FILE")),
    Wrong("commit and branch", _RUN, "spec/trainer/function/git/ref", "main", ("function.git", "slipway train FILE")),
    Wrong("git by ssh", _RUN, "spec/trainer/function/git/url", "git@example.com:f", ("function.git.url", "http(s)")),
    Wrong(
        "password in a URL",
        _RUN,
        "spec/trainer/function/git/url",
        "https://a:b@example.com/f",
        ("git.url", "secretRef"),
    ),
    Wrong(
        "dirty tree", _RUN, "spec/trainer/function/git/difference", _DIFFERENCE, ("difference needs allow.dirtyTree",)
    ),
    Wrong("entrypoint", _RUN, "spec/trainer/function/entrypoint", "build", ("function.entrypoint", "module:function")),
    Wrong("base by alias", _STEP, "spec/incremental/base", "models:/a@b", ("spec.incremental.base", "no alias")),
    Wrong(
        "no partial_fit",
        _STEP,
        "spec/trainer/builtIn/estimator",
        "GradientBoosting",
        ("incremental needs an estimator with partial_fit", "StochasticGradient, NeuralNetwork, NaiveBayes"),
    ),
    Wrong("a step with folds", _STEP, "spec/folds", 3, ("incremental tests each row", "Auto or 0")),
    Wrong("a step without a version", _STEP, "spec/register", ABSENT, ("incremental needs register",)),
    Wrong("a step with a search", _STEP, "spec/tuning", {"algorithm": "Random"}, ("incremental keeps the parameters",)),
    Wrong("folds", _RUN, "spec/folds", "Many", ("spec.folds", "Auto", "from 2 to 50")),
    Wrong("one fold", _RUN, "spec/folds", 1, ("spec.folds", "from 2 to 50")),
    Wrong("range", _RUN, "spec/tuning/space/max_depth/range/low", "9", ("max_depth", "low must be less than high")),
    Wrong("log of nothing", _RUN, "spec/tuning/space/learning_rate/range/low", "0", ("low must be more than 0",)),
    Wrong("dask", _RUN, "spec/engine/type", "Dask", ("spec.engine", "dask is required")),
    Wrong("cause", _RUN, "spec/cause", "Boredom", ("spec.cause", '"Redesign", "Refresh", "Emergency"')),
    Wrong("registered name", _RUN, "spec/register/model", "a/b", ("spec.register.model", "registered model")),
    Wrong("seed", _RUN, "spec/seed", -1, ("spec.seed", "greater than or equal to 0")),
)
