"""The climate economy against published tables, an exact solver, and itself with parameters as states."""

import functools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.climate import Climate, StochasticClimate
from equilearn.economies.climate_physics import (
    CARBON_CYCLES,
    TEMPERATURES,
    abrupt_quadrupling,
    one_percent_a_year,
    pulse_response,
)
from equilearn.equilibrium import AR1, Uncertain, perfect_foresight, solve
from equilearn.errors import UserError
from equilearn.labs.carbon_tax import BOX, VARIANTS, distances


def exact_from(model, start):
    return perfect_foresight(model, start, 700)


@functools.cache
def exact(model, start=None):
    return exact_from(model, model.state_2015() if start is None else start)


@pytest.mark.parametrize(
    ("year", "growth", "intensity", "cost", "land", "forcing", "discount"),
    [
        (2015, 0.0217 + 0.0148318, 9.55592e-5, 0.0741062, 7.0922e-4, 0.5, 0.990116),
        (2020, 0.0211642 + 0.0121298, 8.8549e-5, 0.0669743, 6.3218e-4, 0.529412, 0.987682),
        (2050, 0.0182162 + 0.00434266, 5.56082e-5, 0.0362009, 3.1708e-4, 0.705882, 0.981322),
        (2100, 0.0141868 + 0.00101563, 2.48107e-5, 0.0125790, 1.0040e-4, 1.0, 0.979838),
        (2300, 0.00521903 + 4.6e-6, 0.0636187e-5, 1.18658e-4, 0.010092e-4, 1.0, 0.982806),
    ],
)
def test_trends_have_the_published_values(year, growth, intensity, cost, land, forcing, discount):
    with jax.enable_x64(True):
        ours = Climate().trends(np.float64(year - 2015))
        found = (np.log(ours.growth), ours.intensity, ours.abatement_cost, ours.land_emissions, ours.other_forcing)
        np.testing.assert_allclose(found, (growth, intensity, cost, land, forcing), rtol=2e-5)
        assert float(ours.discount) == pytest.approx(discount, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("mmm", (0.7877, 0.6744, 0.5752, 0.4957, 0.4282, 0.3451)),
        ("mesmo", (0.7918, 0.7100, 0.6565, 0.6051, 0.5433, 0.4598)),
        ("loveclim", (0.7436, 0.6166, 0.5142, 0.4336, 0.3640, 0.2894)),
        ("dice-2016", (0.8942, 0.8178, 0.7223, 0.6278, 0.5991, 0.5691)),
    ],
)
def test_a_pulse_of_carbon_decays_as_published(name, published):
    left = pulse_response(CARBON_CYCLES[name], 200)
    np.testing.assert_allclose(left[[5, 10, 20, 50, 100, 200]], published, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "quadrupled", "ramp"),
    [
        ("mmm", (0.945, 2.914, 3.654, 4.264, 4.673, 6.452), (1.957, 4.318)),
        ("hadgem2-es", (0.909, 3.152, 4.316, 5.469, 6.064, 8.978), (2.457, 5.524)),
        ("giss-e2-r", (1.555, 2.549, 2.617, 2.947, 3.270, 4.292), (1.387, 3.039)),
        ("dice-2016", (0.148, 0.703, 1.320, 4.211, 5.404, 6.194), (1.551, 4.265)),
    ],
)
def test_the_climate_warms_as_published(name, quadrupled, ramp):
    warming = abrupt_quadrupling(TEMPERATURES[name], 1000)
    np.testing.assert_allclose(warming[[1, 5, 10, 50, 100, 1000]], quadrupled, atol=1e-3)
    np.testing.assert_allclose(one_percent_a_year(TEMPERATURES[name], 140)[[70, 140]], ramp, atol=1e-3)


@pytest.mark.slow
def test_the_exact_path_is_the_published_optimum():
    """Figures of an independent direct solution (interior-point method) of the same problem."""
    path = exact(Climate())
    years = [0, 5, 35, 85, 115, 135, 185]
    for name, values in {
        "abatement": (0.1464, 0.1624, 0.2998, 0.6697, 1.0, 1.0, 1.0),
        "carbon_tax": (25.43, 29.28, 67.19, 189.31, None, 280.04, 218.09),
        "social_cost_of_carbon": (24.76, 28.44, 65.53, 186.03, None, 404.22, 741.03),
        "warming": (1.1, 1.3169, 2.0420, 2.9234, None, 3.0841, 3.1004),
        "carbon": (851.0, 878.21, 1044.75, 1224.29, None, 1174.87, 1113.03),
        "cost_atmosphere": (1.20598, 1.19214, 1.20627, 1.34184, None, 1.48308, 1.61378),
        "cost_ocean_warming": (0.24141, 0.24269, 0.26777, 0.30734, None, 0.32054, 0.33289),
    }.items():
        for year, value in zip(years, values, strict=True):
            if value is not None and not (name == "abatement" and year == 115):
                assert path[name].values[year] == pytest.approx(value, rel=2e-4, abs=1e-4), (name, year)
    assert 2015 + int(np.argmax(path.abatement.values >= 0.999)) == 2131
    usual = exact(Climate(business_as_usual=True))
    assert usual.social_cost_of_carbon.values[[0, 5, 35, 85]] == pytest.approx([25.37, 29.11, 66.38, 181.2], rel=4e-4)
    assert usual.warming.values[[35, 85, 185, 285]] == pytest.approx([2.196, 3.527, 5.008, 5.543], rel=4e-4)


@pytest.mark.slow
def test_our_equations_hold_on_the_exact_path():
    model, path = Climate(), exact(Climate())
    with jax.enable_x64(True):
        for year in (0, 50, 100, 115, 116, 117, 200):
            state, following = (
                model.State(*(jnp.asarray(path[name].values[t]) for name in model.State._fields))
                for t in (year, year + 1)
            )
            policy, then = (
                model.Policy(*(jnp.asarray(path[name].values[t]) for name in model.Policy._fields))
                for t in (year, year + 1)
            )
            moved = model.transition(state, policy, jnp.zeros(()))
            np.testing.assert_allclose(moved, following, rtol=1e-12, atol=1e-14)
            errors = model.errors(state, policy, lambda f, s=following, p=then: f(s, p))
            assert max(abs(float(error)) for error in errors.values()) < 1e-8
            assert model.output(state) > 0


@pytest.mark.slow
def test_the_network_finds_the_exact_carbon_tax():
    model = Climate()
    solution = solve(model)
    base = model.state_2015()
    for moved in ({}, {"capital": 0.8}, {"capital": 1.2}, {"atmosphere": 0.9}, {"atmosphere": 1.1}, {"warming": 0.8},
                  {"warming": 1.2}, {"capital": 0.8, "atmosphere": 1.1, "warming": 1.2}):  # fmt: skip
        start = base._replace(**{name: getattr(base, name) * factor for name, factor in moved.items()})
        network, reference = solution.follow(start, 130), exact(model, start)
        gaps = distances(network, reference)
        assert gaps["scc"] < 3e-3 and gaps["tax"] < 5e-3, (moved, gaps)
        assert gaps["abatement"] < 2e-3 and gaps["temperature"] < 3e-3, (moved, gaps)
    first = 2015 + int(np.argmax(solution.follow(base, 130).abatement.values >= 0.999))
    assert abs(first - 2131) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "usual"), [("LOVECLIM-GISS-E2-R", False), ("DICE-2016", True)])
def test_other_calibrations_agree_with_their_exact_paths(name, usual):
    """Two of ten; `equilearn lab carbon-tax --variants NAME ...` shows the distances of any of them."""
    cycle, temperature = VARIANTS[name]
    model = Climate(carbon_cycle=cycle, temperature=temperature, business_as_usual=usual)
    solution = solve(model)
    gaps = distances(solution.follow(model.state_2015(), 86), exact(model))
    assert gaps["scc"] < 3e-3 and gaps["temperature"] < 3e-3, gaps
    if not usual:
        assert gaps["tax"] < 5e-3 and gaps["abatement"] < 2e-3, gaps


@pytest.mark.slow
def test_one_network_knows_the_tax_for_every_parameter():
    uncertain = Uncertain(Climate(), **BOX)
    solution = solve(uncertain, settings=replace(uncertain.settings(), episodes=1000, width=128))
    low, high = uncertain.bounds.T
    draws = np.random.default_rng(7).uniform(low, high, (4, len(low))).astype(np.float32)
    start = Climate().state_2015()
    states = uncertain.state(start, dict(zip(uncertain.names, draws.T, strict=True)))
    taxes = solution.follow(states, 6).carbon_tax.values[5]
    starts = [jax.tree.map(lambda leaf, i=i: leaf[i], states) for i in range(len(draws))]
    paths = [exact_from(uncertain, one) for one in starts]  # compiled once for all
    for draw, tax, path in zip(draws, taxes, paths, strict=True):
        assert tax == pytest.approx(path.carbon_tax.values[5], rel=1e-2), draw
    one = Climate(**{name: float(value) for name, value in zip(uncertain.names, draws[0], strict=True)})
    assert paths[0].carbon_tax.values[5] == pytest.approx(exact(one).carbon_tax.values[5], rel=1e-6)


@pytest.mark.slow
def test_without_variance_the_stochastic_economy_is_the_certain_one():
    model = StochasticClimate(shock=AR1(persistence=0.95, innovation_std=0.0))
    solution = solve(model, settings=replace(model.settings(), episodes=800))
    gaps = distances(solution.follow(model.state_2015(), 86), exact(Climate()))
    assert gaps["scc"] < 3e-3 and gaps["tax"] < 5e-3, gaps


@pytest.mark.slow
def test_shocks_spread_the_tax_around_its_certain_path():
    """A richer world emits more and has more to lose: the exact response to a shock that dies out has that sign."""
    model = StochasticClimate()
    solution = solve(model)
    start = model.state_2015()
    rich = start._replace(shock=np.float64(0.04))
    certain = [exact(model, one).social_cost_of_carbon.values[0] for one in (start, rich)]
    ours = [solution.follow(one, 1).social_cost_of_carbon.values[0] for one in (start, rich)]
    np.testing.assert_allclose(ours, certain, rtol=1e-2)
    assert ours[1] / ours[0] == pytest.approx(certain[1] / certain[0], rel=2e-3)
    worst = max(row["mean"] for row in solution.accuracy().summary().values())
    assert worst < 1e-4


def test_uncertain_parameters_are_those_of_the_model():
    uncertain = Uncertain(Climate(), damage=(0.001, 0.004))
    state = uncertain.initial(jax.random.key(0))
    damage = float(state.parameters[0])
    assert 0.001 <= damage <= 0.004
    fixed = Climate(damage=damage)
    policy = fixed.Policy(*np.asarray([0.3, 1.2, 0.9, 0.14, 0.04, 0.24], np.float32))
    ours = uncertain.definitions(state, policy)
    theirs = fixed.definitions(fixed.State(*state[:-1]), policy)
    for name in theirs:
        assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-6)
    moved = uncertain.transition(state, policy, jnp.zeros(()))
    assert float(moved.parameters[0]) == damage


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Uncertain(Climate(), damages=(0.0, 1.0)), "no real number 'damages'"),
        (lambda: Uncertain(Climate(), damage=(0.2, 0.1)), "range of damage is empty"),
        (lambda: Uncertain(Climate()), "at least one"),
        (lambda: Climate(carbon_cycle="mme"), "carbon_cycle: must be one of mmm"),
        (lambda: Climate(ies=1.0), "ies"),
    ],
)
def test_wrong_parameters_are_named(make, said):
    with pytest.raises(UserError, match=said):
        make()


@pytest.mark.slow
def test_an_uncertain_solution_is_read_back_as_it_was(tmp_path):
    import equilearn as eq

    model = Uncertain(BrockMirman(), discount=(0.9, 0.99))
    solution = solve(model, settings=replace(model.settings(), episodes=50, width=8))
    solution.save(tmp_path / "box")
    again = eq.load(tmp_path / "box")
    assert again.model == model
    states = model.state(BrockMirman.State(0.2), {"discount": np.array([0.92, 0.95])})
    ours, theirs = (one.follow(states, 3).savings_rate.values for one in (again, solution))
    np.testing.assert_array_equal(ours, theirs)
