"""From a model to its solution: `solve(model)`."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import optax
from jaxtyping import PRNGKeyArray

from equilearn.compiling import compiled_once
from equilearn.equilibrium.balancing import ReLoBRaLo
from equilearn.equilibrium.checks import check_model
from equilearn.equilibrium.encoding import class_name, encode, storable
from equilearn.equilibrium.fingerprint import equations_of
from equilearn.equilibrium.model import Model, PolicyFunction, component_weights, equation_errors
from equilearn.equilibrium.newton import check_newton, refine
from equilearn.equilibrium.problem import Economies, EquilibriumProblem
from equilearn.equilibrium.seeds import seeds_of, solve_all
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.solution import Solution, fresh_policy
from equilearn.equilibrium.start import started, warm_settings
from equilearn.equilibrium.uncertain import Uncertain
from equilearn.equilibrium.varying import names_of, opened
from equilearn.errors import UserError, first_line
from equilearn.learn import Outcome, key_of, learn
from equilearn.learn.devices import memory
from equilearn.learn.identity import digest
from equilearn.networks import MLP, Scaling
from equilearn.optimizers import soap
from equilearn.parameters import fitted


def solve(
    model: Model,
    *,
    seed: int = 0,
    seeds: int | Sequence[int] | None = None,
    settings: SolveSettings | None = None,
    optimizer: optax.GradientTransformation | None = None,
    weights: Mapping[str, float] | None = None,
    balancing: ReLoBRaLo | None = None,
    start: Solution | None = None,
    varying: Sequence[str] = (),
    folder: str | Path | None = None,
    resume: bool | Mapping[str, Any] = False,
    live: bool = True,
) -> Solution:
    """Solve a model globally with a deep equilibrium net (Azinovic, Gaegauf and Scheidegger, 2022).

    Args:
        model: the economy.
        seed: of all randomness: the same seed gives the same solution on the same machine.
        seeds: solve from so many seeds, counted from `seed`, or from these: return the best solution, whose `seeds`
            says how far the others are from it, beside what their certificates explain. In a folder each has its own,
            `seed-0` and so on.
        settings: how long, how large; by default what the model recommends.
        optimizer: an Optax transformation; by default SOAP with the settings' learning rate and weight decay.
        weights: weight of each equation in the loss, by the name of its error; 1 where none is given.
        balancing: adapt the weights while learning.
        start: a solution to start from, of the same model or of one with the same states and policies and other
            parameters; the network has its size. Without `settings`, the budget is a quarter of what is recommended.
        varying: real numbers of the model, by name ("discount", "shock.persistence"), that a calibration loop changes:
            arguments of the compiled programs instead of constants, so that one compilation serves all their values.
            Last digits differ from those of constants.
        folder: where checkpoints, metrics and TensorBoard events go; None keeps nothing.
        resume: go on from the folder's last checkpoint, which must be of the same model, settings and seed; a mapping
            names settings that differ on purpose, with the values they had: {"learning_rate": [3e-3]}.
        live: show a live line where there is a terminal.

    Raises:
        UserError: the model or an argument is wrong; the message says what and how to repair it.
    """
    if seeds is not None:
        one = functools.partial(
            solve, model, settings=settings, optimizer=optimizer, weights=weights, balancing=balancing, start=start,
            varying=varying, resume=resume, live=live,
        )  # fmt: skip
        several = solve_all(one, seeds_of(seeds, seed), None if folder is None else Path(folder))
        return replace(several.solutions[several.best], seeds=several)
    if settings is None and isinstance(model, Model):
        settings = model.settings() if start is None else warm_settings(model.settings(), start)
    equations, stored = check_solvable(model, settings, seed)
    assert settings is not None
    _check_names("weights", weights or {}, equations)
    _check_values(weights or {}, optimizer, balancing)
    network_key, world_key, learn_key = jax.random.split(key_of(seed), 3)
    fresh = fresh_policy(model, settings, key=network_key)
    learnt = fresh if start is None else started(model, settings, fresh, start)
    network = learnt.network
    template, numbers = _opened(model, varying, learnt)
    problem = EquilibriumProblem(template, settings, equations, balancing, numbers)
    run = learn(
        problem,
        network,
        _world(problem, network, _sorted(weights), None if start is None else learnt.scaling, world_key),
        optimizer or soap(settings.learning_rate, weight_decay=settings.weight_decay),
        settings,
        key=learn_key,
        folder=None if folder is None else Path(folder),
        resume=resume,
        identity={
            "model": class_name(type(model)),
            "parameters": stored,
            "equations": equations_of(model),
            "seed": seed,
            "weights": dict(_sorted(weights)),
            "balancing": encode(balancing),
            **({} if optimizer else {"optimizer": "SOAP"}),
            **({} if start is None else {"start": digest(learnt)}),
            "varying": sorted(numbers) or None,
        },
        title=model.name,
        live=live,
    )
    network, world, message, seconds = run.state.networks, run.state.world, run.message, run.seconds
    if settings.newton and run.outcome is not Outcome.DIVERGED:
        began = time.monotonic()
        network, said = refine(problem, network, world, key=jax.random.fold_in(network_key, 1), live=live)
        message, seconds = f"{message} {said}", seconds + time.monotonic() - began
    return Solution(
        model=model,
        settings=settings,
        policy_function=problem.policy(network, world.scaling),
        seed=seed,
        outcome=run.outcome,
        message=message,
        seconds=seconds,
        episodes=int(run.state.episode),
        gradient_steps=int(run.state.step),
        history=run.history,
    )


def check_solvable(model: Model, settings: SolveSettings | None, seed: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Refuse what cannot be solved, stored or held in memory; return the equations' names and the stored model.

    Raises:
        UserError: the model, a setting or the seed is wrong.
    """
    equations = check_model(model)
    if isinstance(model, Uncertain):
        model.check_effects()
    stored = storable(model)
    if not isinstance(settings, SolveSettings):
        raise UserError(f"settings: must be SolveSettings, not {type(settings).__name__}.")
    _check_names("targets", [target.error for target in settings.targets], equations)
    key_of(seed)
    _check_memory(model, settings)
    if settings.newton:
        check_newton(fresh_policy(model, settings, key=key_of(seed)))
    return equations, stored


def _opened(model: Model, varying: Any, policy: PolicyFunction) -> tuple[Model, dict[str, Any]]:
    """Return the model's template and the numbers that vary.

    Raises:
        UserError: there is no such number, or the model's methods need it as a plain one.
    """
    names = names_of(varying)
    if not names:
        return model, {}
    if isinstance(model, Uncertain):
        raise UserError("varying: a model with uncertain parameters is one compilation for all their values already.")
    template, numbers = opened(model, names)

    def everything(numbers: dict[str, Any], key: PRNGKeyArray) -> Any:
        own = PolicyFunction(policy.network, policy.scaling, template, numbers)
        state = own.model.initial(key)
        decision = own(state)
        return (
            equation_errors(own, state),
            component_weights(own, state),
            own.model.definitions(state, decision),
            own.model.safeguards(state, decision),
        )

    try:
        jax.eval_shape(everything, numbers, jax.random.key(0))
    except (TypeError, AttributeError, jax.errors.JAXTypeError) as error:
        raise UserError(
            f"varying: {', '.join(numbers)} cannot vary within one program: {model.name}'s methods need a plain "
            f"number, or what was computed when the model was made ({first_line(error)})."
        ) from error
    return template, numbers


def _check_memory(model: Model, settings: SolveSettings) -> None:
    """Refuse what this machine cannot hold: weights with what SOAP keeps of each, and an episode's states."""
    network = eqx.filter_eval_shape(fresh_policy, model, settings, key=jax.random.key(0)).network
    weights = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, lambda x: hasattr(x, "shape"))))
    state = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(model.initial, jax.random.key(0))))
    states = settings.paths * (settings.periods + settings.check_periods)
    needed, there = 4 * (6 * weights + 2 * states * state), memory()
    if there is not None and needed > there:
        raise UserError(
            f"settings: {weights:,} weights and {states:,} states an episode need at least {needed / 2**30:,.0f} GiB "
            f"of memory, and there are {there / 2**30:,.0f}; lower width, depth, paths or periods."
        )


def _sorted(weights: Mapping[str, float] | None) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((weights or {}).items()))


@compiled_once
def _world(
    problem: EquilibriumProblem,
    network: MLP,
    weights: tuple[tuple[str, float], ...],
    learnt: Scaling | None,
    key: PRNGKeyArray,
) -> Economies:
    return problem.world(network, dict(weights), learnt, key=key)


def _check_values(weights: Mapping[str, float], optimizer: Any, balancing: Any) -> None:
    for name, weight in weights.items():
        if fitted(weight, float, f"weights: that of {name}") < 0 or weight == float("inf"):
            raise UserError(f"weights: that of {name} must be at least 0 and finite, not {weight}.")
    if optimizer is not None and not hasattr(optimizer, "update"):
        raise UserError(f"optimizer: must be an Optax transformation, like optax.adam(1e-3), not {optimizer!r}.")
    if balancing is not None and not isinstance(balancing, ReLoBRaLo):
        raise UserError(f"balancing: must be a ReLoBRaLo, not {balancing!r}.")


def _check_names(argument: str, names: Mapping[str, float] | list[str], equations: tuple[str, ...]) -> None:
    if not isinstance(names, (Mapping, list)):
        raise UserError(f"{argument}: must be numbers by the name of an equation, not {names!r}.")
    for name in names:
        if name not in equations:
            raise UserError(f"{argument}: there is no error named {name!r}; this model has {', '.join(equations)}.")
