"""Pictures to tell apart, by name or as people have them: folders with a subfolder a class; a single drawn digit."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float

from equilearn.data.images import FASHION, image_split
from equilearn.errors import UserError
from equilearn.supervised.splits import Split, split

KNOWN = {"mnist": tuple("0123456789"), "fashion-mnist": FASHION}
"""Data sets, with the names of their classes."""
ENDINGS = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"))
FEWEST = 10
"""Pictures of a class at least: some to learn from, to choose by and to test on."""
MOST = 200_000
"""Pictures of a folder at most."""
DIGIT, FRAME = 20, 28
"""Pixels of a digit of MNIST, and of its picture."""


def read_picture(path: Path, *, side: int = 0) -> Float[np.ndarray, "rows columns"]:
    """Return a picture's brightness, 0 (black) to 1; what is transparent counts as white.

    Args:
        path: of a file in any of the usual formats.
        side: make it a square of so many pixels, in a black frame where it is none; 0 leaves it as it is.

    Raises:
        UserError: there is no such file, or it is no whole picture, or a far too large one.
    """
    from PIL import Image, ImageOps

    if not path.is_file():
        raise UserError(f"{path}: no such picture; give a PNG or JPEG file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of bombs
            with Image.open(path) as opened:
                image = opened.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        grey = Image.alpha_composite(white, image).convert("L")
        if side:
            grey = ImageOps.pad(grey, (side, side), color=0)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].replace(str(path), "it")[:120]
        raise UserError(f"{path}: cannot be read as a picture ({reason}).") from None
    return np.asarray(grey, np.float32) / 255


def drawn_digit(path: Path) -> Float[np.ndarray, " pixels"]:
    """Return a digit of one's own as MNIST has them: bright on black, 20 pixels high or wide, its mass in the middle.

    Args:
        path: of a picture of one digit, dark on light or light on dark.

    Raises:
        UserError: it is no picture, or there is nothing on it.
    """
    from PIL import Image

    grey = read_picture(path)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(edge))
    if ink.max() < 0.1:
        raise UserError(f"{path}: is empty; draw one digit on it, in strokes that differ from the ground.")
    ink = np.where(ink > 0.2 * ink.max(), ink / ink.max(), 0.0)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = DIGIT / max(ink.shape)
    shape = [max(1, round(scale * one)) for one in ink.shape]
    small = Image.fromarray(np.round(255 * ink).astype(np.uint8)).resize(shape[::-1], Image.Resampling.BOX)
    digit = np.asarray(small, np.float32) / 255
    digit /= digit.max()
    weights = digit / digit.sum()
    corner = [
        int(np.clip(round(FRAME / 2 - 0.5 - float(weights.sum(axis=1 - axis) @ np.arange(shape[axis]))), 0,
                    FRAME - shape[axis]))
        for axis in (0, 1)
    ]  # fmt: skip
    framed = np.zeros((FRAME, FRAME), np.float32)
    framed[corner[0] : corner[0] + shape[0], corner[1] : corner[1] + shape[1]] = digit
    return framed.reshape(-1)


def told_pictures(name: str) -> bool:
    """Return whether a text can be what `load_pictures` is given: the name of a data set, or that of a folder."""
    return name in KNOWN or any(mark in name for mark in "/\\.") or Path(name).is_dir()


def load_pictures(name: str, *, seed: int = 0) -> tuple[Split, tuple[str, ...]]:
    """Return the parts of a data set (mnist, fashion-mnist) or a folder of one's own, and the classes' names.

    Args:
        name: of the data set, or the path of a folder with one subfolder of pictures a class.
        seed: of which pictures are in which part.

    Raises:
        UserError: as `image_split` and `picture_folder`.
    """
    return (image_split(name, seed=seed), KNOWN[name]) if name in KNOWN else picture_folder(Path(name), seed=seed)


def picture_folder(folder: Path, *, seed: int = 0) -> tuple[Split, tuple[str, ...]]:
    """Return the pictures of a folder, grey and 28 by 28, with one-hot classes in the order of their names.

    Args:
        folder: with one subfolder a class.
        seed: of which pictures are for training (80 %), validation and test (10 % each).

    Raises:
        UserError: the folder is not like that, or a picture cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one with a subfolder of pictures for every class.")
    classes = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if len(classes) < 2:
        raise UserError(f"{folder}: has {len(classes)} subfolders; each class needs one, of at least two.")
    files = {one: sorted(f for f in one.iterdir() if f.suffix.lower() in ENDINGS) for one in classes}
    for one, there in files.items():
        if len(there) < FEWEST:
            raise UserError(f"{one}: has {len(there)} pictures; a class needs at least {FEWEST}.")
    if (count := sum(map(len, files.values()))) > MOST:
        raise UserError(f"{folder}: has {count:,} pictures; {MOST:,} are the most.")
    x = np.stack([read_picture(f, side=FRAME).reshape(-1) for there in files.values() for f in there])
    labels = np.repeat(np.arange(len(classes)), [len(there) for there in files.values()])
    t = np.eye(len(classes), dtype=np.float32)[labels]
    return split(x, t, (0.8, 0.1, 0.1), seed=seed, classes=labels), tuple(one.name for one in classes)
