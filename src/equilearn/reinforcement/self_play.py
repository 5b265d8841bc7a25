"""A network that learns a board game by playing against itself: Gumbel AlphaZero (Silver et al., 2018; Danihelka et
al., 2022), searched by mctx.

From every position of the games under way a search looks ahead with the network (`looking_ahead.py`): it returns an
improved policy p' and the action to take. The network's policy p learns p', its value v how the game ended, z, seen by
the player who was to move:

    loss = -sum_a p'(a) log p(a) + (v - z)^2,   z_t = 1 or 0 where the move won or drew the game, else -z_{t+1}

Where a round cuts a game, z goes on with the value that the search gave its last position; the game itself goes on in
the next round. Positions are kept in a replay and learnt from a few times, half of the time seen in a mirror.
Legend: B games side by side, T moves of a round, A actions, S positions in the replay, N samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Problem, Run, Score, key_of, learn
from equilearn.learn.checkpoint import load_tree, read_header, save_tree
from equilearn.optimizers import adam
from equilearn.parameters import fit_fields, within
from equilearn.reinforcement.acting import beside
from equilearn.reinforcement.boards import Board, InARow
from equilearn.reinforcement.looking_ahead import Instinct, PolicyValue, Searched, look_ahead, mctx
from equilearn.reinforcement.matches import AtRandom, Player, empty, matches, points
from equilearn.reinforcement.training import tuples

MOST = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class AlphaZero:
    """Settings of self-play; these are those for tic-tac-toe."""

    steps: int = 100_000
    """Moves of learning, over all games."""
    games: int = 64
    """Games side by side."""
    simulations: int = 16
    """Positions that are looked at before a move."""
    considered: int = 8
    """Actions that are drawn at the root by Gumbel's trick; the search halves them until one is left."""
    hidden: tuple[int, ...] = (128, 128)
    """Units of the hidden layers."""
    convolutions: tuple[tuple[int, int, int], ...] = ((64, 3, 1),)
    """Filters, size and stride of the convolutions before them."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    opening: int = 6
    """Most moves at random with which a game begins, so that positions are learnt that nobody would play to; how many
    is drawn anew for every game, and they are not learnt from."""
    round: int = 16
    """Moves of every game in a round."""
    reuse: float = 4.0
    """How often a position is learnt from, on average."""
    batch: int = 256
    """Positions of a gradient step."""
    replay: int = 20_000
    """Positions that are kept to learn from."""
    checks: int = 20
    """How often it is judged while it learns."""
    check_games: int = 64
    """Games of a check against every opponent."""
    checkpoint_seconds: float = 10.0
    """Seconds between checkpoints, where there is a folder for them."""

    def __post_init__(self) -> None:
        fit_fields(self)
        name = "AlphaZero"
        for field in ("steps", "games", "simulations", "round", "batch", "checks"):
            within(name, field, getattr(self, field), 1, MOST)
        within(name, "considered", self.considered, 2, MOST)
        within(name, "check_games", self.check_games, 2, MOST)
        within(name, "reuse", self.reuse, 0.01, 1000)
        within(name, "opening", self.opening, 0, 1000)
        within(name, "weight_decay", self.weight_decay, 0, 1)
        within(name, "checkpoint_seconds", self.checkpoint_seconds, 0)
        within(name, "replay", self.replay, self.round * self.games, MOST)
        for field in ("learning_rate", "hidden", "convolutions"):
            if not np.all(np.asarray(getattr(self, field)) > 0):
                raise UserError(f"{name}: {field} must be above 0, not {getattr(self, field)}.")

    @property
    def updates(self) -> int:
        """Gradient steps of a round."""
        return max(1, round(self.reuse * self.round * self.games / self.batch))


class Positions(NamedTuple):
    """What is learnt from."""

    planes: Bool[Array, "... rows columns 2"]
    legal: Bool[Array, "... A"]
    policy: Float[Array, "... A"]
    """p'."""
    outcome: Float[Array, "..."]
    """z."""


class World(eqx.Module):
    """What survives a restart beside the network."""

    boards: Board
    """Games under way."""
    replay: Positions
    """A ring of S positions."""
    played: Int[Array, ""]
    """Moves so far."""
    ended: Int[Array, ""]
    """Games that ended in the last round."""
    drawn: Int[Array, ""]


class SelfPlay(Problem):
    """Self-play as a problem of the loop."""

    opponents: Mapping[str, Player]
    game: InARow = eqx.field(static=True)
    settings: AlphaZero = eqx.field(static=True)
    keeps_order = True  # samples come at random already

    def generate(self, networks: PolicyValue, world: World, *, key: PRNGKeyArray) -> tuple[Positions, World]:
        """Play a round, keep it, and draw what to learn from."""
        play_key, draw_key = jax.random.split(key)
        world = self._play(networks, world, key=play_key)
        filled = jnp.minimum(world.played, self.settings.replay)
        index_key, mirror_key = jax.random.split(draw_key)
        samples = self.settings.updates * self.settings.batch
        index = jax.random.randint(index_key, (samples,), 0, filled)
        drawn = jax.tree.map(lambda leaf: leaf[index], world.replay)
        mirrored = jax.random.bernoulli(mirror_key, 0.5, (samples, 1))
        turned = self.game.mirrored
        return Positions(
            jnp.where(mirrored[..., None, None], drawn.planes[:, :, ::-1], drawn.planes),
            jnp.where(mirrored, drawn.legal[:, turned], drawn.legal),
            jnp.where(mirrored, drawn.policy[:, turned], drawn.policy),
            drawn.outcome,
        ), world

    def _play(self, networks: PolicyValue, world: World, *, key: PRNGKeyArray) -> World:
        """Play T moves of every game; a game that ends begins anew."""
        game, settings = self.game, self.settings

        def move(boards: Board, one_key: PRNGKeyArray) -> tuple[Board, tuple[Positions, Array, Array]]:
            look_key, begin_key = jax.random.split(one_key)
            look = look_ahead(game, networks, boards, settings.simulations, settings.considered, key=look_key)
            after = jax.vmap(game.play)(boards, look.action)
            over = after.over
            seen = Positions(jax.vmap(game.planes)(boards), jax.vmap(game.legal)(boards), look.policy, look.value)
            begun = opened(game, settings.games, settings.opening, key=begin_key)
            new = jax.tree.map(lambda a, b: jnp.where(beside(over, a), b, a), after, begun)
            return new, (seen, after.lost, over)

        boards, (seen, won, over) = jax.lax.scan(move, world.boards, jax.random.split(key, settings.round))
        seen = seen._replace(outcome=outcomes_of(won, over, seen.outcome[-1]))
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), seen)
        where = (world.played + jnp.arange(over.size)) % settings.replay
        replay = jax.tree.map(lambda leaf, new: leaf.at[where].set(new), world.replay, flat)
        return World(boards, replay, world.played + over.size, jnp.sum(over), jnp.sum(over & ~won))

    def loss(
        self, networks: PolicyValue, world: World, batch: Positions, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return cross-entropy and squared error."""
        del world, key
        logits, value = networks(batch.planes, batch.legal)
        logs = jnp.where(batch.legal, jax.nn.log_softmax(logits), 0.0)
        policy = -jnp.mean(jnp.sum(batch.policy * logs, axis=1))
        error = jnp.mean((value - batch.outcome) ** 2)
        entropy = -jnp.mean(jnp.sum(jax.scipy.special.xlogy(batch.policy, batch.policy), axis=1))
        return policy + error, {"policy": policy, "value": error, "divergence": policy - entropy}

    def check(self, networks: PolicyValue, world: World, *, key: PRNGKeyArray) -> dict[str, Score]:
        """Play against every opponent, with search and without noise."""
        del world
        player = Searched(self.game, networks, self.settings.simulations, self.settings.considered)
        met = matches(player, self.opponents, self.settings.check_games, key=key)
        return {name: Score(points(result)) for name, result in met.items()}

    def says(self, data: Positions, world: World) -> dict[str, Array]:
        """Return what ended in the round."""
        del data
        ended = jnp.maximum(world.ended, 1)
        nothing = world.ended == 0
        return {
            "steps": world.played.astype(jnp.float32),
            "length": jnp.where(nothing, jnp.nan, self.settings.round * self.settings.games / ended),
            "drawn": jnp.where(nothing, jnp.nan, world.drawn / ended),
        }

    def kept(self, world: World) -> Any:
        """Nothing of the world belongs to the best networks."""
        del world
        return ()

    def put_back(self, world: World, kept: Any) -> World:
        """Keep the world as it is."""
        del kept
        return world


def opened(game: InARow, boards: int, most: int, *, key: PRNGKeyArray) -> Board:
    """Return boards after 0 to `most` moves at random; empty ones where the game has ended by then."""
    count_key, play_key = jax.random.split(key)
    count = jax.random.randint(count_key, (boards,), 0, most + 1)
    begin, anybody = empty(game, boards), AtRandom(game)

    def one(made: Board, inputs: tuple[Array, PRNGKeyArray]) -> tuple[Board, None]:
        number, one_key = inputs
        after = jax.vmap(game.play)(made, anybody(made, key=one_key))
        return jax.tree.map(lambda old, new: jnp.where(beside(number < count, old), new, old), made, after), None

    made, _ = jax.lax.scan(one, begin, (jnp.arange(most), jax.random.split(play_key, most)))
    return jax.tree.map(lambda old, new: jnp.where(beside(made.over, old), new, old), made, begin)


def outcomes_of(won: Bool[Array, "T B"], over: Bool[Array, "T B"], last: Float[Array, " B"]) -> Float[Array, "T B"]:
    """Return z of every position of a round.

    Args:
        won: whether the move made there won the game.
        over: whether it ended the game.
        last: values of the last positions, for games that go on.
    """

    def back(after: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        won, over = inputs
        z = jnp.where(over, won.astype(jnp.float32), -after)
        return z, z

    return jax.lax.scan(back, -last, (won, over), reverse=True)[1]


@dataclass(frozen=True)
class Champion:
    """What self-play has made."""

    game: InARow
    settings: AlphaZero
    networks: PolicyValue
    run: Run | None = None

    def player(self, simulations: int | None = None) -> Player:
        """Return it as a player that looks at so many positions before a move (0: none; None: as while it learnt)."""
        simulations = self.settings.simulations if simulations is None else simulations
        if simulations == 0:
            return Instinct(self.game, self.networks)
        return Searched(self.game, self.networks, simulations, self.settings.considered)

    def save(self, path: Path | str) -> None:
        """Write it to one file: settings and arrays, nothing that could be run.

        Raises:
            UserError: the file cannot be written.
        """
        about = {"kind": "champion", "settings": asdict(self.settings), "game": asdict(self.game)}
        save_tree(Path(path), self.networks, about)


def load_champion(path: Path | str) -> Champion:
    """Return what self-play has made from its file.

    Raises:
        UserError: the file is none of a champion, or damaged.
    """
    header = read_header(Path(path))
    try:
        settings, game = AlphaZero(**tuples(header["settings"])), InARow(**header["game"])
    except (KeyError, TypeError):
        raise UserError(f"{path}: is no champion of this version's, or damaged.") from None
    like = eqx.filter_eval_shape(
        lambda: PolicyValue(game, settings.convolutions, settings.hidden, key=jax.random.key(0))
    )
    return Champion(game, settings, load_tree(Path(path), like))


def self_play(
    settings: AlphaZero, game: InARow, *, opponents: Mapping[str, Player] | None = None, seed: int = 0,
    folder: Path | str | None = None, resume: bool = False, live: bool = True,
) -> Champion:  # fmt: skip
    """Learn a game by playing against oneself.

    Args:
        settings: how much and how.
        game: the rules.
        opponents: by whom it is judged while it learns, by name (by default at random); it
            learns nothing from them.
        seed: of all randomness.
        folder: where checkpoints and the record go; None keeps nothing.
        resume: go on from the folder's last checkpoint, if it has one.
        live: show the live line where there is a terminal.

    Raises:
        DivergenceError: numbers stopped being finite.
        UserError: mctx is not installed, the network does not fit the board, or the folder holds another run.
    """
    mctx()
    opponents = dict(opponents or {"random": AtRandom(game)})
    network_key, begin_key, learn_key = jax.random.split(key_of(seed), 3)
    networks = PolicyValue(game, settings.convolutions, settings.hidden, key=network_key)
    rounds = max(1, settings.steps // (settings.round * settings.games))
    size = settings.replay
    seen = Positions(
        jnp.zeros((size, game.rows, game.columns, 2), bool), jnp.zeros((size, game.actions), bool),
        jnp.zeros((size, game.actions)), jnp.zeros(size),
    )  # fmt: skip
    none, begun = jnp.zeros((), jnp.int32), opened(game, settings.games, settings.opening, key=begin_key)
    run = learn(
        SelfPlay(opponents, game, settings), networks, World(begun, seen, none, none, none),
        optimizer_of(settings),
        LearnSettings(
            episodes=rounds, batch_size=settings.batch, check_every=max(1, -(-rounds // settings.checks)),
            checkpoint_seconds=settings.checkpoint_seconds,
        ),
        key=learn_key, folder=None if folder is None else Path(folder), resume=resume, live=live, title="self-play",
        identity={"parameters": asdict(settings), "game": asdict(game), "opponents": sorted(opponents), "seed": seed},
    ).sound("self-play")  # fmt: skip
    return Champion(game, settings, run.state.networks, run)


def optimizer_of(settings: AlphaZero) -> optax.GradientTransformationExtraArgs:
    """Return Adam with weight decay, its rate falling along a half cosine."""
    return adam(settings.learning_rate, weight_decay=settings.weight_decay)
