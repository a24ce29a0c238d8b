"""The context that the stages of a run share."""

from dataclasses import dataclass

from unipref.core.progress import ProgressListener
from unipref.core.stage_cache import StageCache
from unipref.models import loading
from unipref.pipeline.launcher import Launch
from unipref.pipeline.manifest import ManifestWriter
from unipref.pipeline.stage_data import TrainedModel
from unipref.pipeline.stage_inputs import InputHashes
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study


@dataclass(frozen=True)
class RunContext:
    """One study in one run folder.

    Attributes:
        resolved: the study.
        cache: the cached stages of the run folder.
        manifest: records the results of the stages.
        listener: receives stages, notes and progress.
        hashes: the hashes of models and data.
        launch: the processes that train one model together; None: this process alone.
    """

    resolved: ResolvedStudy
    cache: StageCache
    manifest: ManifestWriter
    listener: ProgressListener
    hashes: InputHashes
    launch: Launch | None = None

    def base_model(self, study: Study) -> TrainedModel:
        """Returns the model that a study starts from."""
        if study.model is None:
            raise AssertionError("load() checks that the study has a model if it needs one")
        kind = "reward" if loading.is_reward_model(study.model) else "policy"
        return TrainedModel(study.model, self.hashes.model_key(study.model), kind)

    def shared_folder(self, name: str, variant: str) -> str:
        """Returns the folder of a stage that variants share unless they change its settings."""
        return name if variant == next(iter(self.resolved.variants)) else f"{name}-{variant}"
