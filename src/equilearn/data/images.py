"""MNIST and Fashion-MNIST in IDX format, and scikit-learn's small digits and irises."""

from __future__ import annotations

import math
import struct

import numpy as np
from jaxtyping import Float, Int

from equilearn.data.files import locate
from equilearn.data.reading import unpacked
from equilearn.errors import UserError
from equilearn.supervised.splits import Split, deal

SOURCES = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion-mnist": (
        "https://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}
"""Name -> public home and checksums of the compressed files there."""
FASHION = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


PARTS = ("train", "t10k")


def read_idx(content: bytes, name: str = "file") -> np.ndarray:
    """Return the array in an IDX file (unsigned bytes): images (n, rows, columns) or labels (n,).

    Raises:
        UserError: the content is no IDX file of bytes, or is cut off.
    """
    axes = content[3] if len(content) > 3 else 0
    if content[:3] != b"\x00\x00\x08" or not 1 <= axes <= 3 or len(content) < 4 + 4 * axes:
        raise UserError(f"{name}: is no IDX file of unsigned bytes; get it again.")
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if values.size != math.prod(shape):
        raise UserError(f"{name}: is cut off ({values.size} bytes of {math.prod(shape)}); get it again.")
    return values.reshape(shape)


def load_images(name: str, part: str) -> tuple[Float[np.ndarray, "n pixels"], Int[np.ndarray, " n"]]:
    """Return pixels in [0, 1] and labels 0 to 9 of a part ("train" or "t10k") of MNIST or Fashion-MNIST.

    Raises:
        UserError: there is no such data set or part; the files are nowhere to be had, damaged, or not of one data set.
    """
    if name not in SOURCES or part not in PARTS:
        raise UserError(
            f"load_images: there is no part {part!r} of {name!r}; there are {' and '.join(PARTS)} of "
            f"{' and '.join(SOURCES)}."
        )
    home, sums = SOURCES[name]
    arrays, paths = [], []
    for what, axes in (("images", 3), ("labels", 1)):
        file = f"{part}-{what}-idx{axes}-ubyte.gz"
        paths.append(locate(f"{name}/{file}", url=home + file, md5=sums[f"{part}-{what}"]))
        arrays.append(read_idx(unpacked(paths[-1]), str(paths[-1])))
        if arrays[-1].ndim != axes or len(arrays[-1]) == 0:
            raise UserError(f"{paths[-1]}: holds an array {arrays[-1].shape}, not {what}; get it again.")
    images, labels = arrays
    if len(images) != len(labels):
        raise UserError(f"{paths[1]}: has {len(labels)} labels for {len(images)} images; get both files again.")
    if labels.max() > 9:
        raise UserError(f"{paths[1]}: has the label {labels.max()}, but labels are 0 to 9; get it again.")
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels.astype(int)


def image_split(name: str, *, validation: int = 5_000, seed: int = 0) -> Split:
    """Return the images with one-hot labels: the publisher's test part, and a validation part of the training one.

    Args:
        name: "mnist" or "fashion-mnist".
        validation: images held out of the training part.
        seed: of which.

    Raises:
        UserError: as `load_images`; or so many cannot be held out.
    """
    x, labels = load_images(name, "train")
    x_test, labels_test = load_images(name, "t10k")
    if x_test.shape[1] != x.shape[1]:
        raise UserError(
            f"{name}: the test images have {x_test.shape[1]} pixels, the others {x.shape[1]}; get them again."
        )
    if not 0 < validation < len(x):
        raise UserError(f"image_split: validation must be between 1 and {len(x) - 1} images, not {validation}.")
    train, held = deal(len(x), (1 - validation / len(x), validation / len(x)), seed=seed)
    t, t_test = np.eye(10, dtype=np.float32)[labels], np.eye(10, dtype=np.float32)[labels_test]
    return Split(x[train], t[train], x[held], t[held], x_test, t_test)


def load_small(name: str) -> tuple[Float[np.ndarray, "n inputs"], Float[np.ndarray, "n classes"]]:
    """Return inputs and one-hot classes of "iris" (150 x 4) or "digits" (1,797 x 64), as scikit-learn has them.

    Raises:
        UserError: there is no such data set.
    """
    from sklearn.datasets import load_digits, load_iris

    loaders = {"iris": load_iris, "digits": load_digits}
    if name not in loaders:
        raise UserError(f"load_small: there is no {name!r}; there are {' and '.join(loaders)}.")
    x, labels = loaders[name](return_X_y=True)
    return np.asarray(x, float), np.eye(labels.max() + 1)[labels]
