"""The font of pictures."""

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font_of_size(size: int) -> Font:
    """The font at this size in pixels."""
    return ImageFont.load_default(size)
