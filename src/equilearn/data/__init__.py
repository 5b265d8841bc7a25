"""The course's data sets: found locally, in the cache, or downloaded with a checksum."""

from equilearn.data.genz import GENZ, draw_parameters, sample
from equilearn.data.images import FASHION, image_split, load_images, load_small
from equilearn.data.pictures import drawn_digit, load_pictures, picture_folder, read_picture
from equilearn.data.series import Series, load_series
from equilearn.data.tables import LEAKS, crickets, lending_club, logic, own_table, random_network_data
from equilearn.data.texts import Sentences, load_reviews, load_sentences, load_text

__all__ = [
    "FASHION",
    "GENZ",
    "LEAKS",
    "Sentences",
    "Series",
    "crickets",
    "draw_parameters",
    "drawn_digit",
    "image_split",
    "lending_club",
    "load_images",
    "load_pictures",
    "load_reviews",
    "load_sentences",
    "load_series",
    "load_small",
    "load_text",
    "logic",
    "own_table",
    "picture_folder",
    "random_network_data",
    "read_picture",
    "sample",
]
