"""A solution: the policy function with its certificate, simulations and impulse responses."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, PRNGKeyArray

from equilearn.equilibrium.accuracy import Accuracy
from equilearn.equilibrium.arguments import finite, seed_of, whole
from equilearn.equilibrium.certificate import certify, certify_states, starts_again
from equilearn.equilibrium.encoding import encode
from equilearn.equilibrium.fingerprint import equations_of
from equilearn.equilibrium.given import given, given_shocks, warn_lost, warn_outside
from equilearn.equilibrium.labelling import label
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.observation import follow, observed, responses
from equilearn.equilibrium.policy_estimate import MOST_PATHS, PATHS
from equilearn.equilibrium.problem import flatten_path
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.shown import Shown
from equilearn.equilibrium.simulation import path_after_burn_in
from equilearn.errors import UserError
from equilearn.learn import Outcome, key_of
from equilearn.learn.checkpoint import save_tree
from equilearn.learn.files import refuse
from equilearn.networks import MLP, Scaling, Swish
from equilearn.networks.mlp import lecun

SUFFIX = ".npz"
MOST_STATES = 10**9
"""Most states of one simulation."""
Method = TypeVar("Method", bound=Callable[..., Any])


def in_own_precision(method: Method) -> Method:
    """Return the method of a solution, computed in the precision that the solution was made in."""

    @functools.wraps(method)
    def computed(self: Solution, *arguments: Any, **named: Any) -> Any:
        with in_precision(self.precision):
            return method(self, *arguments, **named)

    return computed  # pyright: ignore[reportReturnType]


@contextlib.contextmanager
def in_precision(name: str) -> Iterator[None]:
    """Within: compute in float32 or float64, whatever JAX is set to."""
    with jax.enable_x64(name == "float64"):
        yield


@dataclass(frozen=True, repr=False)
class Solution(Shown):
    """What `solve` returns and `load` reads; it computes in the precision that it was made in."""

    model: Model
    settings: SolveSettings
    policy_function: PolicyFunction
    seed: int
    outcome: Outcome
    message: str
    seconds: float
    """Seconds of learning, Newton's steps included."""
    episodes: int
    gradient_steps: int
    history: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """One row a check of the training; empty for a solution read from a file."""
    seeds: Any = field(default=None, repr=False, compare=False)
    """Where several seeds were asked for, all of them and how far they are apart (`Seeds`); this is the best."""

    @property
    def effort(self) -> str:
        """What it took, in words."""
        also = " and of Newton's steps" if self.settings.newton else ""
        steps = f"{self.episodes:,} episodes, {self.gradient_steps:,} gradient steps"
        return f"{steps}, {self.seconds:.1f} s of learning{also}"

    @in_own_precision
    def policy(self, state: Any) -> Any:
        """Return the policies in a state, or in many: a leading axis on every field of the state.

        Warns (`OutsideWarning`) of a state that is far outside what was learnt.

        Raises:
            UserError: the state is not one of this model, its shapes are wrong, or it is impossible.
        """
        state, axes = given(self.model, state)
        warn_outside(self.policy_function, _listed(state, axes), "policy")
        return policies_in(self.policy_function, state) if axes else _policy(self.policy_function, state)

    @in_own_precision
    def states(self, periods: int = 10_000, *, burn_in: int = 2_000, paths: int = 1, seed: int = 1) -> Any:
        """Return states on fresh paths after burn-in: leading axes (periods, paths)."""
        periods, burn_in, paths = _simulated(periods, burn_in, paths)
        return path_after_burn_in(self.policy_function, periods, burn_in, paths, self._restart, _path_key(seed))

    @property
    def _restart(self) -> float:
        """Probability a period that a simulated path starts again."""
        return self.settings.restart if starts_again(self.model) else 0.0

    @in_own_precision
    def accuracy(
        self,
        periods: int = 10_000,
        *,
        burn_in: int = 2_000,
        seed: int = 1,
        states: Any = None,
        policy_paths: int | None = None,
    ) -> Accuracy:
        """Return the certificate: absolute equilibrium errors on fresh states, and what they cover.

        The states are those of one path after burn-in; where that cannot see everything (states of a chain that are
        left for ever, no shocks, uncertain parameters), those of many paths, and of their way there (`certificate.py`).
        Its `policy` has the estimated errors of the policies themselves, and whether the solution is locally unique.

        Args:
            periods: states in the long run.
            burn_in: periods dropped before them.
            seed: seed of the path.
            states: take the errors in these instead: a state, or many with leading axes on every field.
            policy_paths: paths from each state along which errors of the policies are estimated, 8 to 1,024, in groups
                of four; by default 16, and 8 where the network gives more than ten numbers. Four times as many halve
                the standard errors.

        Raises:
            UserError: an argument is wrong; the states are not of this model, or impossible.
        """
        if policy_paths is not None:
            policy_paths = whole("policy_paths", policy_paths, 2 * PATHS, MOST_PATHS)
        if states is not None:
            return certify_states(self.policy_function, _listed(*given(self.model, states, axes=2)), policy_paths)
        periods, burn_in, _ = _simulated(periods, burn_in, 1)
        restart, key = self._restart, _path_key(seed)
        return certify(self.policy_function, periods, burn_in, restart, policy_paths=policy_paths, key=key)

    @in_own_precision
    def simulate(
        self,
        periods: int | None = None,
        *,
        burn_in: int | None = None,
        paths: int = 1,
        seed: int = 1,
        shocks: Any = None,
        start: Any = None,
    ) -> xr.Dataset:
        """Return states, policies and definitions on paths, labelled: fresh ones, or with given shocks or start.

        Warns (`OutsideWarning`) of paths that are lost far outside what was learnt.

        Args:
            periods: periods kept; 10,000 unless shocks are given.
            burn_in: periods dropped before them: 2,000, and none from a given start.
            paths: paths side by side; with one, the result has no axis `path`.
            seed: seed of the simulation.
            shocks: values of the shock in the second period kept, the third and so on, the same on every path: indices
                of a chain or numbers, (periods - 1,); vectors, (periods - 1, d); by name where there are several
                shocks. The first period is where the path comes from, so there is one period more than shocks.
            start: the state of the first period; with a leading axis on every field, one path starts from each.

        Raises:
            UserError: an argument is wrong; a shock or the start is not of this model, or impossible.
        """
        if shocks is not None:
            shocks, number = given_shocks(self.model, shocks)
            if periods not in (None, number + 1):
                raise UserError(f"periods: {number} shocks make {number + 1} periods, not {periods}; leave it out.")
            periods = number + 1
        if start is not None and burn_in not in (None, 0):
            raise UserError("burn_in: a path from a given start has none; leave it out.")
        asked = 10_000 if periods is None else periods, 2_000 if burn_in is None else burn_in
        periods, burn_in, paths = _simulated(*asked, paths)
        if shocks is None and start is None:
            states, several = self.states(periods, burn_in=burn_in, paths=paths, seed=seed), paths > 1
            values, outside = observed(self.policy_function, states)
        else:
            states, several = self._starts(start, burn_in, paths, seed)
            if start is not None:
                warn_outside(self.policy_function, states, "simulate")
            values, outside = follow(self.policy_function, states, periods, True, _path_key(seed), shocks)
        self._warn_lost("simulate", outside)
        values = values if several else {name: value[:, 0] for name, value in values.items()}
        return label(self.model, values, ("period", "path") if several else ("period",))

    def _starts(self, start: Any, burn_in: int, paths: int, seed: int) -> tuple[Any, bool]:
        """Return where paths start (leading axis: paths), given or after burn-in, and whether they are several.

        Raises:
            UserError: the start is not a state of this model; there are starts and paths.
        """
        if start is None:
            states = self.states(1, burn_in=burn_in, paths=paths, seed=seed)
            return jax.tree.map(lambda leaf: leaf[0], states), paths > 1
        states, axes = given(self.model, start)
        if axes and paths > 1:
            raise UserError("paths: one path starts from each of the given states; leave it out.")
        states = jax.tree.map(lambda leaf: jnp.repeat(leaf, paths, axis=0), _listed(states, axes))
        return states, axes > 0 or paths > 1

    def _warn_lost(self, what: str, outside: Array) -> None:
        """Warn where simulated states are far outside what was learnt, unless nothing was."""
        if self.episodes > 0:
            warn_lost(what, float(jnp.mean(outside)), level=5)

    @in_own_precision
    def follow(self, state: Any, periods: int, *, seed: int | None = None) -> xr.Dataset:
        """Return states, policies and definitions on paths from given states, labelled.

        Args:
            state: where the path starts; with a leading axis on every field, one path starts from each.
            periods: periods followed, the first included.
            seed: of the shocks; None keeps the innovations of continuous shocks at zero.

        Warns (`OutsideWarning`) where a path starts, or goes, far outside what was learnt.

        Raises:
            UserError: an argument is wrong: the state is not one of this model, or impossible; a Markov chain has no
                seed.
        """
        if seed is None and self.model.shock.chains:
            raise UserError("follow: the shocks of a Markov chain cannot be zero; give a seed.")
        state, axes = given(self.model, state)
        states, periods = _listed(state, axes), whole("periods", periods, 1)
        key = key_of(0 if seed is None else seed_of(seed))
        warn_outside(self.policy_function, states, "follow")
        values, outside = follow(self.policy_function, states, periods, seed is not None, key)
        self._warn_lost("follow", outside)
        lead = ("period", "path") if axes else ("period",)
        values = values if axes else {name: value[:, 0] for name, value in values.items()}
        return label(self.model, values, lead)

    @in_own_precision
    def impulse_response(
        self,
        shock: int | float,
        *,
        component: Any = None,
        state: Any = None,
        quantiles: Sequence[float] = (),
        periods: int = 25,
        paths: int = 10_000,
        burn_in: int = 200,
        seed: int = 1,
    ) -> xr.Dataset:
        """Return the mean response of every variable to a shock, relative to the same paths without it.

        The shock is forced in period 0: to the state `shock` of a chain; for continuous shocks, `shock` is added to
        the value drawn. All later shocks are drawn with the same random numbers on both sides, each side with its own
        probabilities. This is the generalised response of Koop, Pesaran and Potter (1996): averaged over the long run,
        or from one state.

        Args:
            shock: the shock's index, or the size of the impulse (in the shock's units, on every component).
            component: which of several shocks, by its name; of a vector, by its number from 0; ("rates", 1) for one of
                a vector that has a name.
            state: of the economy in the period before the shock; by default every path has its own, from the long run.
            quantiles: shares between 0 and 1, like (0.05, 0.95), for bands over the paths.
            periods: periods followed, the impact included.
            paths: simulated paths to average over.
            burn_in: periods before the shock, where no state is given.
            seed: seed of the simulation.

        Returns:
            Differences of means, and for every variable `x` also `x_percent`, relative to the mean without the
            shock, in percent; with quantiles also `x_quantiles`, those of the difference on each path.

        Raises:
            UserError: an argument is wrong.
        """
        process, shock = self.model.shock, finite("impulse_response: shock", shock)
        try:
            process.impulse(process.initial, shock, component)
        except UserError as error:
            raise UserError(f"impulse_response: {error}") from None
        levels = tuple(finite("quantiles: each", one) for one in quantiles)
        if not all(0 <= level <= 1 for level in levels):
            raise UserError(f"quantiles: must be shares between 0 and 1, like (0.05, 0.95), not {levels}.")
        periods = whole("periods", periods, 1)
        _, burn_in, paths = _simulated(periods, burn_in, paths)
        if state is not None and given(self.model, state)[1]:
            raise UserError("state: must be one state, without a leading axis.")
        before, _ = self._starts(state, burn_in, paths, seed_of(seed))
        if state is not None:
            warn_outside(self.policy_function, before, "impulse_response")
        key = jax.random.fold_in(key_of(seed), 0x12F)
        found = responses(self.policy_function, before, shock, component, periods, levels, key)
        without, hit, bands, outside = found
        self._warn_lost("impulse_response", jnp.max(outside))
        gap: dict[str, Any] = {name: hit[name] - without[name] for name in hit}
        for name, base in without.items():
            with np.errstate(divide="ignore", invalid="ignore"):
                gap[f"{name}_percent"] = np.where(base == 0, np.nan, 100 * (hit[name] - base) / base)
        gap |= {f"{name}_quantiles": np.moveaxis(np.asarray(band), 1, 0) for name, band in bands.items()}
        response = label(self.model, gap, ("period",))
        return response.assign_coords(quantile=list(levels)) if levels else response

    def header(self) -> dict[str, Any]:
        """Return what a saved solution says about itself besides its arrays."""
        return {
            "model": encode(self.model),
            "equations": equations_of(self.model),
            "precision": self.precision,
            "settings": encode(self.settings),
            "seed": self.seed,
            "outcome": self.outcome.value,
            "message": self.message,
            "seconds": self.seconds,
            "episodes": self.episodes,
            "gradient_steps": self.gradient_steps,
        }

    @in_own_precision
    def save(self, path: str | Path) -> Path:
        """Write the solution to one file (the suffix .npz is added where it is missing); return its path.

        Raises:
            UserError: the file cannot be written.
        """
        target = solution_path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refuse(target.parent, error) from None
        own = self.policy_function
        save_tree(target, PolicyFunction(own.network, own.scaling, self.model), self.header())
        return target


def solution_path(path: str | Path) -> Path:
    """Return the file a path stands for: the folder's `solution.npz`, or the path with its suffix."""
    path = Path(path)
    if path.is_dir():
        return path / f"solution{SUFFIX}"
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def fresh_policy(model: Model, settings: SolveSettings, *, key: PRNGKeyArray) -> PolicyFunction:
    """Return a policy function with a fresh network and no scaling."""
    state = jax.eval_shape(model.initial, key)
    features = jax.eval_shape(model.features, state).shape[0]
    outputs = sum(one.outputs for one in jax.eval_shape(model.policies, state).values())
    shape = (features, outputs, settings.width, settings.depth, settings.steepness, model.shock.states)
    return PolicyFunction(_network(*shape, key), Scaling(jnp.zeros(features), jnp.ones(features)), model)


@eqx.filter_jit
def _network(
    features: int, outputs: int, width: int, depth: int, steepness: float, heads: int, key: PRNGKeyArray
) -> MLP:
    """Return a network that says about zero, whatever it is given."""
    sizes = (features, *[width] * depth, outputs)
    return MLP(sizes, activation=Swish(steepness), initialiser=lecun, last=0.1, heads=heads, key=key)


@eqx.filter_jit
def _policy(policy: PolicyFunction, state: Any) -> Any:
    return policy(state)


@eqx.filter_jit
def policies_in(policy: PolicyFunction, states: Any) -> Any:
    """Return the policies in many states: a leading axis on every field."""
    return jax.vmap(policy)(states)


def _listed(states: Any, axes: int) -> Any:
    """Return states with one leading axis, whatever they had."""
    return jax.tree.map(lambda leaf: leaf[None], states) if axes == 0 else flatten_path(states) if axes == 2 else states


def _simulated(periods: Any, burn_in: Any, paths: Any) -> tuple[int, int, int]:
    """Return checked numbers of periods, periods dropped and paths."""
    periods, burn_in, paths = whole("periods", periods, 1), whole("burn_in", burn_in, 0), whole("paths", paths, 1)
    if periods * paths > MOST_STATES:
        raise UserError(f"periods times paths must be at most {MOST_STATES:,}, not {periods * paths:,}.")
    return periods, burn_in, paths


def _path_key(seed: Any) -> PRNGKeyArray:
    return jax.random.fold_in(key_of(seed_of(seed)), 0x5EED)
