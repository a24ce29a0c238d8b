"""What every stage of a run works with."""

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
        cache: the stages of the run folder.
        manifest: records what the stages return.
        listener: hears what happens.
        hashes: of models and data.
        launch: the processes that train one model together; None: this process alone.
    """

    resolved: ResolvedStudy
    cache: StageCache
    manifest: ManifestWriter
    listener: ProgressListener
    hashes: InputHashes
    launch: Launch | None = None

    def base_model(self, study: Study) -> TrainedModel:
        """The model that a study starts from."""
        if study.model is None:
            raise AssertionError("the study is checked to have a model where one is needed")
        model_kind = "reward" if loading.is_reward_model(study.model) else "policy"
        return TrainedModel(study.model, self.hashes.model_key(study.model), model_kind)

    def shared_folder(self, name: str, variant: str) -> str:
        """The folder of a stage that variants share unless they change its settings."""
        return name if variant == next(iter(self.resolved.variants)) else f"{name}-{variant}"
