"""Where data files are found: a local folder, the cache, or their public home.

In this order: the folder named by the environment variable `EQUILEARN_DATA`, the user's cache, a download (whose
checksum is verified before anything reads it).
"""

from __future__ import annotations

import os
from pathlib import Path

from equilearn.errors import UserError

VARIABLE = "EQUILEARN_DATA"


def locate(name: str, *, url: str | None = None, md5: str | None = None, hint: str = "") -> Path:
    """Return the path of a data file, downloaded if need be; unpacked ones (without `.gz`) are found too.

    Args:
        name: path inside the data folder, `mnist/train-images-idx3-ubyte.gz` say.
        url: public address; None where the file has none that can be read by a program.
        md5: checksum of the file at that address.
        hint: where a person gets the file, for the message.

    Raises:
        UserError: it is nowhere to be had; the message says where it was looked for and what to do.
    """
    folder = os.environ.get(VARIABLE)
    for candidate in [Path(folder) / one for one in (name, name.removesuffix(".gz"))] if folder else []:
        if candidate.is_file():
            return candidate
        if candidate.is_dir():
            raise UserError(f"{candidate}: is a folder; put the file {candidate.name} itself there.")
    import pooch

    cache = Path(pooch.os_cache("equilearn")) / name
    if cache.is_file():
        return cache
    looked = f"{name}: not in {folder or f'${VARIABLE} (not set)'} nor in {cache.parent}"
    if url is None:
        raise UserError(f"{looked}; {hint or 'it must be put there by hand'}.")
    try:
        pooch.retrieve(url, known_hash=f"md5:{md5}", fname=cache.name, path=cache.parent, progressbar=False)
    except ValueError:
        raise UserError(f"{looked}; what {url} gave has another checksum than {md5} and was thrown away.") from None
    except Exception as error:
        raise UserError(
            f"{looked}, and it could not be downloaded from {url} ({type(error).__name__}). Put it into a folder "
            f"and name that folder by {VARIABLE}."
        ) from None
    return cache
