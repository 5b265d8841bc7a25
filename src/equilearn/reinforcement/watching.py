"""Pictures of an agent at play: one state, or a game as an animated GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree, UInt8

from equilearn.reinforcement.acting import Act, CompiledStage
from equilearn.reinforcement.environment import Environment
from equilearn.reinforcement.host import HostStage

DPI = 60


def picture(environment: Environment, state: PyTree[Any]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return a state as an image.

    Raises:
        UserError: the environment has no picture of itself.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    environment.draw(figure.subplots(), state)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def game(environment: Environment, act: Act, *, key: PRNGKeyArray) -> list[PyTree[Any]]:
    """Return the states of one game, its first and its last among them."""
    return _cut(*_game(environment, act, key))


@eqx.filter_jit
def _game(environment: Environment, act: Act, key: PRNGKeyArray) -> tuple[PyTree[Any], PyTree[Any], Array]:
    start_key, play_key = jax.random.split(key)
    first = environment.start(start_key)

    def one(state: PyTree[Any], key: PRNGKeyArray) -> tuple[PyTree[Any], tuple[PyTree[Any], Array]]:
        act_key, step_key = jax.random.split(key)
        action = act(environment.observe(state)[None], key=act_key)[0]
        step = environment.step(state, action, key=step_key)
        return step.state, (step.state, step.terminated)

    _, (states, ended) = jax.lax.scan(one, first, jax.random.split(play_key, environment.limit))
    return first, states, ended


def _cut(first: PyTree[Any], states: PyTree[Any], ended: Array) -> list[PyTree[Any]]:
    steps = int(jnp.argmax(ended)) + 1 if bool(jnp.any(ended)) else ended.size
    return [first, *(jax.tree.map(lambda leaf, t=t: leaf[t], states) for t in range(steps))]


def animation(environment: Environment, states: Sequence[PyTree[Any]], *, most: int = 100) -> bytes:
    """Return a game as an animated GIF of at most so many pictures.

    Raises:
        UserError: the environment has no picture of itself.
    """
    every = -(-len(states) // most)
    return gif([picture(environment, state) for state in states[::every]], every=every)


def gif(pictures: Sequence[UInt8[np.ndarray, "rows columns 3"]], *, every: int = 1) -> bytes:
    """Return pictures, of which only every so many-th are given, as an animated GIF."""
    from PIL import Image

    shown = [Image.fromarray(one).quantize(32) for one in pictures]
    buffer = io.BytesIO()
    shown[0].save(buffer, format="GIF", save_all=True, append_images=shown[1:], duration=60 * min(every, 3), loop=0)
    return buffer.getvalue()


def film(stage: CompiledStage | HostStage, act: Act, *, key: PRNGKeyArray, most: int = 100) -> bytes:
    """Return a game of a policy as an animated GIF of at most so many pictures.

    Raises:
        UserError: the environment has no picture of itself.
    """
    if isinstance(stage, CompiledStage):
        return animation(stage.environment, game(stage.environment, act, key=key), most=most)
    frames = stage.frames(act, key=key)
    every = -(-len(frames) // most)
    return gif(frames[::every], every=every)
