"""The base of the TRL trainers that can read images: SFT and DPO."""

from typing import ClassVar

from unipref.train.trl_trainer import LengthLimited


class ImageTrainer(LengthLimited):
    """A trainer on whole dialogues whose prompts may hold images."""

    own_fields: ClassVar[frozenset[str]] = LengthLimited.own_fields | {"image_urls"}

    image_urls: bool = False
    """Fetch images that are addresses (`https://...`) before training. False: preferences with such images are left
    out. Only models that read images use any; it needs `pip install 'unipref[vision]'`."""

    def explain_no_images(self) -> str | None:
        """Explains why the settings exclude images; None if they do not."""
        if (self.model_extra or {}).get("packing"):
            return "packed rows hold none; take 'packing' out"
        return "take 'special_tokens: as_text' out" if self.special_tokens == "as_text" else None

    @property
    def fetches_images(self) -> bool:
        """Whether images that are addresses are fetched."""
        return self.image_urls
