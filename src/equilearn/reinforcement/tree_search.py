"""Plain Monte-Carlo tree search for board games (UCT: Kocsis and Szepesvári, 2006): no network, only random play.

A tree grows by one position a simulation. From the root the best child is followed,

    argmax_a  (1 - P(child) / n(child)) + c sqrt(ln n(node) / n(child)),

as long as every legal action has been tried; then an untried one is taken at random, the game is played on at random to
its end (a roll-out), and what it came to is noted in every position on the way. P are the points of the player to move
(1 won, 1/2 drawn, 0 lost), n the visits. In the end the root's most visited action is played.
Legend: M positions of a tree, A actions, C cells, B boards side by side; the trees of B boards grow in one program.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.reinforcement.boards import Board, InARow
from equilearn.reinforcement.matches import Player


class Tree(eqx.Module):
    """M positions, the root first."""

    boards: Board
    children: Int[Array, "M A"]
    """-1 where an action has not been tried."""
    visits: Float[Array, " M"]
    points: Float[Array, " M"]

    def board(self, node: Array) -> Board:
        """Return a position."""
        return jax.tree.map(lambda leaf: leaf[node], self.boards)


class TreeSearch(Player):
    """Plays by a plain tree search."""

    rollouts: int = eqx.field(static=True, default=100)
    """Simulations before every move."""
    exploration: float = eqx.field(static=True, default=0.5)
    """c."""

    def __call__(self, boards: Board, *, key: PRNGKeyArray) -> Int[Array, " B"]:
        """Return the most visited action of every board."""
        keys = jax.random.split(key, boards.lost.shape[0])
        return jnp.argmax(jax.vmap(lambda board, one: self.visits(board, key=one))(boards, keys), axis=1)

    def visits(self, board: Board, *, key: PRNGKeyArray) -> Float[Array, " A"]:
        """Return how often every action was visited from one board."""
        tree = grown(self.game, board, self.rollouts, self.exploration, key=key)
        tried = tree.children[0]
        return jnp.where(tried >= 0, tree.visits[tried], 0.0)


def grown(game: InARow, board: Board, simulations: int, exploration: float, *, key: PRNGKeyArray) -> Tree:
    """Return the tree of a board after so many simulations."""
    size = simulations + 1
    boards = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size, *leaf.shape)), board)
    tree = Tree(boards, jnp.full((size, game.actions), -1), jnp.zeros(size), jnp.zeros(size))

    def one(new: Array, tree: Tree) -> Tree:
        choose_key, play_key = jax.random.split(jax.random.fold_in(key, new))
        node, path, depth = _descend(game, tree, exploration)
        untried = game.legal(tree.board(node)) & (tree.children[node] < 0)
        grows = jnp.any(untried)
        action = jnp.argmax(jnp.where(untried, jax.random.uniform(choose_key, untried.shape), -1.0))
        board = game.play(tree.board(node), action)  # of a game that is over: the same
        path = jnp.where(grows, path.at[depth + 1].set(new), path)
        away = depth + grows - jnp.arange(path.size)  # moves from each position of the path to the last
        last = rollout(game, board, key=play_key)
        worth = jnp.where(away % 2 == 0, last, 1 - last)
        on = jnp.where(path >= 0, path, size)  # beyond the end: dropped
        return Tree(
            jax.tree.map(lambda leaf, value: leaf.at[new].set(value), tree.boards, board),
            tree.children.at[node, action].set(jnp.where(grows, new, tree.children[node, action])),
            tree.visits.at[on].add(1.0, mode="drop"),
            tree.points.at[on].add(worth, mode="drop"),
        )

    return jax.lax.fori_loop(1, size, one, tree)


def _descend(game: InARow, tree: Tree, exploration: float) -> tuple[Array, Array, Array]:
    """Follow the best children to a position with an untried action, or an end; return it, the path and its depth."""

    def whole(carry: tuple[Array, Array, Array]) -> Array:
        board, tried = tree.board(carry[0]), tree.children[carry[0]] >= 0
        return ~board.over & ~jnp.any(game.legal(board) & ~tried)

    def down(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        node, path, depth = carry
        child = tree.children[node]
        visits = jnp.maximum(tree.visits[child], 1.0)
        bound = 1 - tree.points[child] / visits + exploration * jnp.sqrt(jnp.log(tree.visits[node]) / visits)
        node = child[jnp.argmax(jnp.where(child >= 0, bound, -jnp.inf))]
        return node, path.at[depth + 1].set(node), depth + 1

    root = jnp.zeros((), int)
    return jax.lax.while_loop(whole, down, (root, jnp.full(game.cells + 2, -1).at[0].set(0), root))


def rollout(game: InARow, board: Board, *, key: PRNGKeyArray) -> Float[Array, ""]:
    """Play a game at random to its end; return the points of the player who is to move now."""
    chances = jax.random.uniform(key, (game.cells, game.actions))

    def on(carry: tuple[Board, Array]) -> tuple[Board, Array]:
        board, moves = carry
        action = jnp.argmax(jnp.where(game.legal(board), chances[moves], -1.0))
        return game.play(board, action), moves + 1

    def moving(carry: tuple[Board, Array]) -> Array:
        return ~carry[0].over

    last, moves = jax.lax.while_loop(moving, on, (board, jnp.zeros((), int)))
    lost = jnp.where(last.lost, 0.0, 0.5)
    return jnp.where(moves % 2 == 0, lost, 1 - lost)
