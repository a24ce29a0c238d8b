"""Whether a step reads the images of its rows, and TRL's arguments for a step that does."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError
from unipref.core.special_tokens import keeps_as_text
from unipref.core.template_turns import takes_images
from unipref.models import image_processor, opening
from unipref.models.loading import base_model
from unipref.train.data.images import ImageCollator, ImageReader, hold_images
from unipref.train.trl_trainer import TrlTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def open_reader(
    trainer: TrlTrainer, policy: str, tokenizer: "PreTrainedTokenizerBase", preferences: Path, root: Path, work: Path
) -> tuple[ImageReader | None, str | None]:
    """Opens what reads the images of a step's rows.

    Args:
        trainer: the settings.
        policy: folder or hub name of the model that the step starts from.
        tokenizer: the model's, as the step uses it.
        preferences: Parquet file of the rows; without images in it, nothing is opened.
        root: folder that the paths of images are relative to.
        work: folder for images that are fetched; it is removed after the step.

    Returns:
        The reader, and why there is none although rows hold images.

    Raises:
        UserError: the model reads images, but its processor cannot be opened.
    """
    if not hold_images(preferences):
        return None, None
    base = base_model(policy)
    why = None
    if not opening.reads_images(opening.open_config(base)):
        why = "the model reads none"
    elif (by_settings := trainer.explain_no_images()) is not None:
        why = by_settings
    elif not image_processor.can_decode():
        why = image_processor.MISSING
    elif keeps_as_text(tokenizer):
        why = "the model that the step starts from was trained with 'special_tokens: as_text'"
    elif not takes_images(tokenizer):
        why = "the model's chat template writes no mark for an image in a list of parts"
    if why is not None:
        return None, why
    processor = image_processor.open_processor(base, tokenizer)
    return ImageReader(processor, root.absolute(), work / "images" if trainer.fetches_images else None), None


def make_image_arguments(trainer: TrlTrainer, arguments: Mapping[str, Any], reader: ImageReader) -> dict[str, Any]:
    """Makes those of TRL's arguments that differ for rows with images.

    Args:
        trainer: the settings.
        arguments: TRL's arguments; `args` is changed in place.
        reader: of the step.

    Raises:
        UserError: the settings cannot be used with images.
    """
    args, processor = arguments["args"], reader.processor
    shared = {"processor": processor, "pad_to_multiple_of": args.pad_to_multiple_of}
    if args.pad_to_multiple_of is not None:
        raise UserError(
            "TRL cannot pad rows with images to a multiple of a number.",
            where=trainer.step or trainer.name(),
            mend="Take 'pad_to_multiple_of' out.",
        )
    if type(args).__name__ == "SFTConfig":
        from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

        is_masked = args.completion_only_loss is not False
        if not is_masked and args.assistant_only_loss:
            raise UserError(
                "assistant_only_loss with completion_only_loss: false is not possible for rows with images.",
                where=trainer.step or trainer.name(),
                mend="Take one of the two out.",
            )
        args.assistant_only_loss, args.padding_free = False, False
        collator: Any = DataCollatorForVisionLanguageModeling(**shared, completion_only_loss=is_masked)
    else:
        from trl.trainer.dpo_trainer import DataCollatorForVisionPreference

        args.precompute_ref_log_probs = False
        collator = DataCollatorForVisionPreference(**shared)
    return {"processing_class": processor, "data_collator": ImageCollator(collator)}
