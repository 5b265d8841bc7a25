"""Parameters as states: each changes what it says it changes, and says what the model with that value says."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import equilearn as eq
from equilearn.economies.analytic_olg import AnalyticOLG
from equilearn.economies.bond import BondOLG
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.climate import Climate, StochasticClimate
from equilearn.economies.continuum import Continuum
from equilearn.economies.growth import Growth
from equilearn.economies.irbc import IRBC, IrreversibleIRBC
from equilearn.economies.olg import OLG
from equilearn.equilibrium.model import PolicyFunction, equation_errors
from equilearn.equilibrium.solve import check_solvable
from equilearn.equilibrium.varying import real_numbers
from equilearn.networks import MLP, Scaling
from equilearn.networks.mlp import lecun

ECONOMIES = [
    OLG(generations=4, borrowing_limit=-0.1), BondOLG(generations=4), AnalyticOLG(generations=3), BrockMirman(),
    Growth(), IRBC(), IrreversibleIRBC(), Continuum(points=20), Climate(climate_sensitivity=3.0), StochasticClimate(),
]  # fmt: skip
REFUSED = {("Continuum", "most_assets")}


@functools.cache
def said(model, state_of):
    """Errors of a network that says zero everywhere, in one state."""
    state = state_of()
    features = model.features(state).shape[0]
    raw = sum(one.outputs for one in model.policies(state).values())
    network = MLP((features, raw), initialiser=lecun, heads=model.shock.states, key=jax.random.key(0))
    network = jax.tree.map(lambda leaf: 0 * leaf if eqx.is_array(leaf) else leaf, network)
    policy = PolicyFunction(network, Scaling(jnp.zeros(features), jnp.ones(features)), model)
    errors = jax.jit(functools.partial(equation_errors, policy))(state)
    return np.concatenate([np.ravel(one) for one in errors.values()])


def changed(model, name, value):
    if name.startswith("shock."):
        shock = dataclasses.replace(model.shock, **{name.removeprefix("shock."): value})
        return dataclasses.replace(model, shock=shock)
    return dataclasses.replace(model, **{name: value})


@pytest.mark.slow
@pytest.mark.parametrize("model", ECONOMIES, ids=lambda model: model.name)
def test_every_number_of_every_economy_works_as_a_state_or_is_refused(model):
    assert real_numbers(model)
    for name in real_numbers(model):
        value = functools.reduce(getattr, name.split("."), model) or 3.0
        low, high = sorted((0.97 * value, 0.98 * value))
        uncertain = eq.Uncertain(model, ((name, low, high),))
        if (model.name, name) in REFUSED:
            with pytest.raises(eq.UserError, match=f"{name} cannot be a state"):
                uncertain.check_effects()
            continue
        uncertain.check_effects()
        start = model.initial(jax.random.key(3))
        with_state = said(uncertain, lambda u=uncertain, s=start, x=low, n=name: u.state(s, {n: x}))
        exact = said(changed(model, name, low), lambda s=start: s)
        np.testing.assert_allclose(with_state, exact, rtol=2e-3, atol=2e-5, err_msg=name)


class Deaf(Growth):
    """A model with a number that no equation reads."""

    unread: float = 0.3


def test_a_number_that_no_equation_reads_is_refused_before_the_training():
    with pytest.raises(eq.UserError, match="unread changes nothing in the equations of Deaf"):
        check_solvable(eq.Uncertain(Deaf(), unread=(0.1, 0.4)), Growth().settings(), 0)


def test_an_explicit_shock_is_never_silently_replaced():
    with pytest.raises(eq.UserError):
        IRBC(shock=eq.AR1(0.5, 0.1))
    assert IRBC(persistence=0.8, innovation_std=0.02).shock.persistence == 0.8
    shock = eq.AR1(persistence=0.5, innovation_std=0.1)
    assert Growth(shock=shock).shock == shock
