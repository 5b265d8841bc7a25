"""Atari's games on ale-py's emulators, many in one call, as Mnih et al. (2015) play them.

A step is four frames, of which the last two are maximised; what is seen are the last four such pictures in grey.
Every game begins with up to 30 frames without action. While learning, rewards are cut to -1, 0 and 1 and a lost life
counts as an end; the game itself goes on (`life_loss_info`; with ale-py's `episodic_life` it would begin anew, and
nothing beyond the first life would ever be seen). Judged is the true score of whole games. Actions are not sticky.

Breakout waits for FIRE after a lost life, and an agent that is nearly greedy may never press it: it is pressed here, in
every game that has this button.
ale-py's `.xla()`, which would put the emulators into the compiled program, exists for `AutoresetMode.NEXT_STEP` only,
which makes up a step between two games; here they are stepped on the host (`AutoresetMode.SAME_STEP`).
They need ale-py: `pip install "equilearn[atari]"`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.vector import AutoresetMode
from jaxtyping import PRNGKeyArray, UInt8

from equilearn.errors import UserError
from equilearn.parameters import fit_fields, within
from equilearn.reinforcement.acting import Act
from equilearn.reinforcement.host import HostStage, choose

PREFIX = "ALE/"
FRAMES = 18_000
"""Frames after which a game is cut: five minutes, as Mnih et al. (2015) judge."""
SKIP = 4
PRESSED = 2
"""Steps for which FIRE is pressed after a lost life; the first frames after it are not heard."""


@dataclass(frozen=True)
class Atari:
    """A game of Atari's, with pictures of any size."""

    game: str = "breakout"
    """As ale-py calls its file: breakout, space_invaders."""
    size: int = 84
    """Rows and columns of the pictures."""

    def __post_init__(self) -> None:
        fit_fields(self)
        within("Atari", "size", self.size, 8, 210)
        self.interface(1, learning=False)

    @staticmethod
    def of(name: str) -> Atari:
        """Return the game of an id: ALE/Breakout-v5, ALE/SpaceInvaders-v5."""
        camel = name.removeprefix(PREFIX).partition("-")[0]
        return Atari("".join(f"_{c.lower()}" if c.isupper() else c for c in camel).lstrip("_"))

    def interface(self, games: int, *, learning: bool) -> Any:
        """Return so many emulators.

        Raises:
            UserError: there is no such game, or no ale-py.
        """
        try:
            from ale_py import roms  # pyright: ignore[reportMissingImports]
            from ale_py.vector_env import AtariVectorEnv  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise UserError(f'{PREFIX}{self.game}: needs ale-py; pip install "equilearn[atari]".') from None
        if self.game not in roms.get_all_rom_ids():
            raise UserError(f"{PREFIX}{self.game}: Atari has no such game; see ale_py.roms.get_all_rom_ids().")
        return AtariVectorEnv(
            self.game, games, autoreset_mode=AutoresetMode.SAME_STEP, img_height=self.size, img_width=self.size,
            max_num_frames_per_episode=FRAMES, life_loss_info=learning, reward_clipping=learning,
        )  # fmt: skip


def fire_of(game: str) -> int | None:
    """Return which of a game's actions is FIRE alone; None where it has none."""
    from ale_py import Action, ALEInterface, LoggerMode, roms  # pyright: ignore[reportMissingImports]

    ALEInterface.setLoggerMode(LoggerMode.Error)
    emulator = ALEInterface()
    emulator.loadROM(str(roms.get_rom_path(game)))
    actions = list(emulator.getMinimalActionSet())
    return actions.index(Action.FIRE) if Action.FIRE in actions else None


class AtariStage(HostStage):
    """N games of Atari's, stepped in one call."""

    def __init__(self, atari: Atari, games: int, *, learning: bool) -> None:
        """Make the emulators.

        Args:
            atari: the game.
            games: number of games N.
            learning: cut rewards, and count a lost life as an end.
        """
        self.name, self.games = f"{PREFIX}{atari.game}", games
        self._games = atari.interface(games, learning=learning)
        self._seen = None
        self.observation_space = self._games.single_observation_space
        self.action_space = self._games.single_action_space
        self.limit = FRAMES // SKIP
        self._button = fire_of(atari.game)
        self._lives = np.zeros(games, np.int64)
        self._fire = np.zeros(games, np.int64)

    def _reset(self, seed: int) -> np.ndarray:
        seen, info = self._games.reset(seed=seed)
        self._lives, self._fire = np.array(info["lives"]), np.zeros(self.games, np.int64)
        return np.array(seen)

    def _step(self, action: np.ndarray) -> tuple[np.ndarray, ...]:
        """Step all games, with FIRE pressed where a life has just been lost; return also what was done."""
        if self._button is not None:
            action = np.where(self._fire > 0, self._button, action)
        seen, reward, terminated, truncated, info = self._games.step(action)
        lives = np.array(info["lives"])
        self._fire = np.where(lives < self._lives, PRESSED, np.maximum(self._fire - 1, 0))
        self._lives = lives
        after = np.array(seen)
        over = terminated | truncated
        if over.any():
            after[over] = info["final_obs"][over]
        return action, np.array(seen), np.array(reward), after, np.array(terminated), np.array(truncated)

    def frames(self, act: Act, *, key: PRNGKeyArray) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        """Play the first game and return what the agent sees last in every step, four times as large."""
        seen = self._reset(int(jax.random.randint(key, (), 0, 2**31 - 1 - self.games)))
        frames, over = [], False
        while not over:
            frames.append(np.repeat(np.kron(seen[0, -1], np.ones((4, 4), np.uint8))[..., None], 3, axis=2))
            action = np.asarray(choose(act, jnp.asarray(seen), jax.random.fold_in(key, len(frames))))
            _, seen, _, _, terminated, truncated = self._step(action)
            over = bool(terminated[0] or truncated[0])
        self._seen = None
        return frames
