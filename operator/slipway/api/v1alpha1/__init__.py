"""slipway.dev/v1alpha1: the kinds, in the order in which people meet them."""

from slipway.api.v1alpha1 import metrictemplate, modelrollout, modeltask, retrainpolicy, rolloutrequest, trainingrun
from slipway.api.v1alpha1.base import API_VERSION, GROUP, VERSION
from slipway.api.v1alpha1.kind import Kind
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec, MetricTemplateStatus
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.modeltask import ModelTaskSpec, ModelTaskStatus
from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec, RolloutRequestStatus
from slipway.api.v1alpha1.scalars import Bound, Duration, Number, Share
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec, TrainingRunStatus

KINDS: tuple[Kind, ...] = (
    modeltask.KIND,
    trainingrun.KIND,
    modelrollout.KIND,
    retrainpolicy.KIND,
    rolloutrequest.KIND,
    metrictemplate.KIND,
)

__all__ = [
    "API_VERSION",
    "GROUP",
    "KINDS",
    "VERSION",
    "Bound",
    "Duration",
    "Kind",
    "MetricTemplateSpec",
    "MetricTemplateStatus",
    "ModelRolloutSpec",
    "ModelRolloutStatus",
    "ModelTaskSpec",
    "ModelTaskStatus",
    "Number",
    "RetrainPolicySpec",
    "RetrainPolicyStatus",
    "RolloutRequestSpec",
    "RolloutRequestStatus",
    "Share",
    "TrainingRunSpec",
    "TrainingRunStatus",
]
