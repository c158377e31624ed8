"""The lines about portfolios: six objectives under caps and sectors, and the forms that scale.

Twenty assets are the real ones that skfolio ships, their last 1260 days; larger universes are made from them: four
factors (the index and three principal components), real betas jittered, real residuals shifted in time.
skfolio estimates moments itself, so against it both sides start from returns; PyPortfolioOpt is handed moments, so
against it both sides start from moments.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks._harness import Contender, Remote, Result, Timed, Worker, at_most, faster, growth, interleaved, within
from bursar.quant import moments
from bursar.quant.arrays import FloatArray
from bursar.quant.blacklitterman import Views, black_litterman
from bursar.quant.optimize import (
    BlackLitterman,
    Constraints,
    MaximumDiversification,
    MaximumReturn,
    MaximumSharpe,
    MeanVariance,
    MinimumVariance,
    Objective,
    RiskParity,
    optimize,
    sectors,
)
from bursar.quant.optimize.constraints import limits
from bursar.quant.optimize.forms import figure
from bursar.quant.optimize.problem import Problem
from bursar.quant.riskmodel import Covariance, FactorModel

DAYS = 1260
CAPS = {20: 0.20, 50: 0.10, 500: 0.05}
GROUPS, GROUP_CAP = 5, 0.35
SKFOLIO_GOAL = {20: 60.0, 50: 45.0, 500: 8.0}
PYPFOPT_GOAL = {20: 30.0, 50: 25.0, 500: None}
SKFOLIO_MEDIAN_GOAL = 15.0
BARE_GOAL = 1.3


# By objective and contender: the number of assets and the seconds.
Medians: TypeAlias = dict[str, dict[str, list[tuple[int, float]]]]


@dataclass(frozen=True)
class Universe:
    """Returns of n assets, their groups, and everything derived that a contender may start from."""

    returns: FloatArray

    @property
    def size(self) -> int:
        return int(self.returns.shape[1])

    @property
    def labels(self) -> list[str]:
        return [f"group {i % GROUPS}" for i in range(self.size)]

    @property
    def constraints(self) -> Constraints:
        return Constraints(upper=CAPS[self.size], exposures=sectors(self.labels, upper=GROUP_CAP))

    @property
    def market(self) -> FloatArray:
        return np.full(self.size, 1.0 / self.size)

    @property
    def views(self) -> Views:
        picks = np.zeros((3, self.size))
        picks[0, 0] = picks[1, 1] = picks[2, 4] = 1.0
        picks[1, 2] = picks[2, 3] = -1.0
        return Views(picks=picks, returns=np.array([0.0008, 0.0002, 0.0001]))


def universe(size: int) -> Universe:
    """The twenty real assets, or a larger market made from them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # skfolio ships no types, here and below.
        from skfolio.datasets import load_sp500_dataset, load_sp500_index  # type: ignore[import-untyped]
    prices = load_sp500_dataset().to_numpy(dtype=np.float64)[-DAYS - 1 :]
    real = prices[1:] / prices[:-1] - 1.0
    if size == real.shape[1]:
        return Universe(np.ascontiguousarray(real))
    index = load_sp500_index().to_numpy(dtype=np.float64)[-DAYS - 1 :, 0]
    random = np.random.default_rng(size)
    components = np.linalg.svd(real - real.mean(axis=0), full_matrices=False)[2][:3]
    factors = np.column_stack([index[1:] / index[:-1] - 1.0, real @ components.T])
    betas = np.linalg.lstsq(factors, real, rcond=None)[0]
    residuals = real - factors @ betas
    chosen = random.integers(0, real.shape[1], size)
    jittered = betas[:, chosen] * random.normal(1.0, 0.25, (4, size))
    shifted = np.column_stack([np.roll(residuals[:, j], int(random.integers(DAYS))) for j in chosen])
    return Universe(np.ascontiguousarray(factors @ jittered + shifted))


OBJECTIVES: dict[str, Callable[[Universe], Objective | BlackLitterman]] = {
    "minimum variance": lambda _: MinimumVariance(),
    "maximum Sharpe": lambda _: MaximumSharpe(),
    "maximum return": lambda _: MaximumReturn(),
    "maximum diversification": lambda _: MaximumDiversification(),
    "Black-Litterman": lambda u: BlackLitterman(market_weights=u.market, views=u.views),
    "risk parity": lambda _: RiskParity(),
}


def results(*, quick: bool) -> list[Result]:
    """Every line of this file; `quick` takes fewer rounds."""
    warnings.simplefilter("ignore")
    worker = Worker("mathematics", "benchmarks._peer_pypfopt")
    try:
        lines: list[Result] = []
        medians: Medians = {}
        for size in CAPS:
            lines += six_objectives(universe(size), worker, quick, medians)
        lines += [risk_parity_alone(universe(500), quick), *against_the_bare_solver(universe(500), quick)]
        lines += [factor_model(quick), turnover(universe(500), quick)]
        lines += [growth_line(name, points) for name, points in medians.items()]
    finally:
        worker.close()
    return lines


def six_objectives(market: Universe, worker: Worker, quick: bool, medians: Medians) -> list[Result]:
    lines, ratios = [], []
    rounds = 5 if quick else {20: 31, 50: 21, 500: 7}[market.size]
    constraints = market.constraints
    moments_file = _moments_file(market)
    cap = {"path": str(moments_file), "cap": CAPS[market.size], "group_cap": GROUP_CAP}
    covariance, means = np.cov(market.returns.T), market.returns.mean(axis=0)
    covariance = 0.5 * (covariance + covariance.T)
    for name, make in OBJECTIVES.items():
        objective = make(market)
        asked = Constraints() if name == "risk parity" else constraints

        def from_returns(objective: Any = objective, asked: Constraints = asked) -> FloatArray:
            # The moments that the objective needs, and no others.
            by_returns = isinstance(objective, MaximumReturn)
            sample = None if by_returns else moments.sample_covariance(market.returns)
            needs_means = by_returns or isinstance(objective, MaximumSharpe)
            expected = moments.historical_means(market.returns) if needs_means else None
            return optimize(objective, sample, expected, constraints=asked).require()

        def from_moments(objective: Any = objective, asked: Constraints = asked) -> FloatArray:
            return optimize(objective, covariance, means, constraints=asked).require()

        model = skfolio_model(name, market)
        contenders: dict[str, Contender | Timed] = {
            "ours": from_returns,
            "skfolio": lambda model=model: model.fit(market.returns),  # type: ignore[misc]  # bound now, on purpose
            "ours from moments": from_moments,
        }
        remote = Remote(worker, name, cap) if name in PYPFOPT else None
        if remote is not None:
            contenders["PyPortfolioOpt"] = remote
        times = interleaved(contenders, rounds=rounds)
        title = f"{name}, {market.size} assets"
        for who in ("ours", "skfolio", "PyPortfolioOpt"):
            if who in times:
                medians.setdefault(name, {}).setdefault(who, []).append((market.size, times[who].median))
        lines.append(
            faster(title, times["ours"], times["skfolio"], peer_name="skfolio", goal=SKFOLIO_GOAL[market.size])
        )
        ratios.append(times["skfolio"].median / times["ours"].median)
        peers = {"skfolio": np.asarray(model.weights_, dtype=np.float64)}
        if remote is not None:
            lines.append(
                faster(
                    title,
                    times["ours from moments"],
                    times["PyPortfolioOpt"],
                    peer_name="PyPortfolioOpt",
                    goal=PYPFOPT_GOAL[market.size],
                    note="both from moments",
                )
            )
            peers["PyPortfolioOpt"] = np.asarray(remote.value)
        lines += agreement(title, objective, market, asked, from_moments(), peers, covariance, means)
    if market.size == 500:
        median = float(np.median(ratios))
        lines.append(
            Result(
                name="median of the six ratios, 500 assets",
                ours=median,
                peer=None,
                unit="x",
                ratio=median,
                goal=f"at least {SKFOLIO_MEDIAN_GOAL:g} times faster",
                met=median >= SKFOLIO_MEDIAN_GOAL,
                peer_name="skfolio",
            )
        )
    return lines


def agreement(
    title: str,
    objective: Objective | BlackLitterman,
    market: Universe,
    asked: Constraints,
    ours: FloatArray,
    peers: dict[str, FloatArray],
    covariance: FloatArray,
    means: FloatArray,
) -> list[Result]:
    """By how much we are worse than the best peer that keeps the constraints, and by how much we break them."""
    judged: Objective
    if isinstance(objective, BlackLitterman):
        posterior = black_litterman(covariance, market.market, market.views)
        covariance, means, judged = posterior.covariance.values, posterior.means, MaximumSharpe()
    else:
        judged = objective
    problem = Problem(size=market.size, limits=limits(asked, market.size), model=Covariance(covariance), means=means)
    sign = 1.0 if isinstance(judged, MinimumVariance | RiskParity) else -1.0
    value = sign * figure(judged, problem, ours)
    # A peer that breaks a bound by 1e-7 looks better than it is: its weights are moved to the nearest allowed ones.
    allowed = [
        sign * figure(judged, problem, nearest_allowed(weights, asked))
        for weights in peers.values()
        if problem.violation(weights) < 1e-4
    ]
    best = min(allowed, default=value)
    # The figure of risk parity is its residual, which has no scale of its own: it is compared as it stands.
    worse = max(value - best, 0.0) / (1.0 if isinstance(judged, RiskParity) else abs(best))
    return [
        at_most(f"worse than the best peer: {title}", worse, 1e-8, unit="rel", note=", ".join(peers)),
        at_most(f"constraints broken by: {title}", problem.violation(ours), 1e-9, unit="abs"),
    ]


def nearest_allowed(weights: FloatArray, asked: Constraints) -> FloatArray:
    """The allowed weights at the least distance."""
    return optimize(MeanVariance(1.0), np.eye(weights.size), weights, constraints=asked).require()


PYPFOPT = ("minimum variance", "maximum Sharpe", "maximum return", "Black-Litterman")


def skfolio_model(name: str, market: Universe) -> Any:
    """The same problem in skfolio's words."""
    from skfolio import RiskMeasure  # type: ignore[import-untyped]
    from skfolio.moments import EmpiricalCovariance, EquilibriumMu  # type: ignore[import-untyped]
    from skfolio.optimization import MaximumDiversification as Diversification  # type: ignore[import-untyped]
    from skfolio.optimization import MeanRisk, ObjectiveFunction, RiskBudgeting
    from skfolio.prior import BlackLitterman as Prior  # type: ignore[import-untyped]
    from skfolio.prior import EmpiricalPrior

    groups = np.array([market.labels])
    bounded: dict[str, Any] = {
        "max_weights": CAPS[market.size],
        "groups": groups,
        "linear_constraints": [f"{label} <= {GROUP_CAP}" for label in dict.fromkeys(market.labels)],
    }
    sharpe = {"objective_function": ObjectiveFunction.MAXIMIZE_RATIO, "risk_measure": RiskMeasure.VARIANCE}
    match name:
        case "minimum variance":
            return MeanRisk(**bounded)
        case "maximum Sharpe":
            return MeanRisk(**sharpe, **bounded)
        case "maximum return":
            return MeanRisk(objective_function=ObjectiveFunction.MAXIMIZE_RETURN, **bounded)
        case "maximum diversification":
            return Diversification(**bounded)
        case "risk parity":
            return RiskBudgeting(risk_measure=RiskMeasure.VARIANCE)
        case _:
            names = np.array([[f"A{i}" for i in range(market.size)]])
            views = [
                " + ".join(f"{pick:g} * A{i}" for i, pick in enumerate(row) if pick).replace("+ -", "- ")
                + f" == {value!r}"
                for row, value in zip(market.views.picks, market.views.returns.tolist(), strict=True)
            ]
            equilibrium = EmpiricalPrior(
                mu_estimator=EquilibriumMu(risk_aversion=2.5), covariance_estimator=EmpiricalCovariance()
            )
            return MeanRisk(
                **sharpe, **bounded, prior_estimator=Prior(views=views, groups=names, prior_estimator=equilibrium)
            )


def risk_parity_alone(market: Universe, quick: bool) -> Result:
    """Risk parity where both sides are given the covariance: the goal is about the solve."""
    from skfolio import RiskMeasure
    from skfolio.optimization import RiskBudgeting
    from skfolio.prior import BasePrior, ReturnDistribution

    sample = moments.sample_covariance(market.returns)
    given = ReturnDistribution(mu=market.returns.mean(axis=0), covariance=sample.values, returns=market.returns)

    class Given(BasePrior):  # type: ignore[misc]  # skfolio's classes have no types
        """A prior that was estimated before."""

        def __init__(self) -> None:
            """Take nothing: skfolio's base class leaves this to its heirs."""

        def fit(self, X: Any, y: Any = None, **rest: Any) -> Given:  # noqa: ARG002, N803  # its base class asks so
            self.return_distribution_ = given
            return self

    model = RiskBudgeting(risk_measure=RiskMeasure.VARIANCE, prior_estimator=Given())
    times = interleaved(
        {
            "ours": lambda: optimize(RiskParity(), sample),
            "skfolio": lambda: model.fit(market.returns),
            "ours, with all checks of a raw array": lambda: optimize(RiskParity(), sample.values),
        },
        rounds=3 if quick else 7,
    )
    solution = optimize(RiskParity(), sample)
    checked = times["ours, with all checks of a raw array"]
    line = faster(
        "risk parity, 500 assets, from a covariance",
        times["ours"],
        times["skfolio"],
        peer_name="skfolio",
        goal=1000.0,
        note=f"residual {solution.objective:.1e}; the covariance was checked when it was estimated; "
        f"with all checks of a raw array {times['skfolio'].median / checked.median:.0f} times",
        more={"residual": solution.objective, "ratio_from_raw_array": times["skfolio"].median / checked.median},
    )
    assert solution.objective < 1e-10
    return line


def against_the_bare_solver(market: Universe, quick: bool) -> list[Result]:
    """Our public function on a covariance array against PIQP alone on matrices that lie ready."""
    from bursar.quant.optimize import solvers
    from bursar.quant.optimize.forms import convex_program

    covariance = moments.sample_covariance(market.returns).values.copy()
    means = market.returns.mean(axis=0)
    lines = []
    for name in ("minimum variance", "maximum Sharpe", "maximum diversification", "Black-Litterman"):
        objective = OBJECTIVES[name](market)
        if isinstance(objective, BlackLitterman):
            posterior = black_litterman(covariance, market.market, market.views)
            given, expected = posterior.covariance.values, posterior.means
        else:
            given, expected = covariance, means
        plain: Objective = MaximumSharpe() if isinstance(objective, BlackLitterman) else objective
        problem = Problem(
            size=market.size,
            limits=limits(market.constraints, market.size),
            model=Covariance(given),
            means=expected,
        )
        program = convex_program(plain, problem)
        times = interleaved(
            {
                "ours": lambda objective=objective: optimize(  # type: ignore[misc]  # bound now, on purpose
                    objective, covariance, means, constraints=market.constraints
                ),
                "bare": lambda program=program: solvers.piqp(program),  # type: ignore[misc]  # bound now, on purpose
            },
            rounds=3 if quick else 11,
        )
        lines.append(
            within(f"{name}, 500 assets, all in", times["ours"], times["bare"], peer_name="bare PIQP", goal=BARE_GOAL)
        )
    return lines


def factor_model(quick: bool) -> Result:
    """Minimum variance of 2000 assets on ten factors against PIQP's sparse solver on a matrix that lies ready."""
    import piqp  # type: ignore[import-untyped]  # ships no types
    from scipy import sparse  # type: ignore[import-untyped]  # ships no types

    n, k = 2000, 10
    random = np.random.default_rng(1)
    model = FactorModel(
        random.normal(1.0, 0.4, (n, k)) * 0.3,
        np.diag(random.uniform(0.5, 1.5, k)) * 1e-4,
        random.uniform(1e-4, 9e-4, n),
    )
    scale = float(model.variances.mean())
    loadings = model.scaled_loadings / np.sqrt(scale)
    quadratic = sparse.block_diag(
        [sparse.diags(model.specific_variances / scale), sparse.eye(k)], format="csc"
    ).asformat("csc")
    equalities = sparse.vstack(
        [
            sparse.hstack([sparse.csc_matrix(np.ones((1, n))), sparse.csc_matrix((1, k))]),
            sparse.hstack([sparse.csc_matrix(loadings.T), -sparse.eye(k)]),
        ],
        format="csc",
    )
    quadratic, equalities = sparse.csc_matrix(quadratic), sparse.csc_matrix(equalities)
    right = np.append(1.0, np.zeros(k))
    low = np.append(np.zeros(n), np.full(k, -np.inf))
    high = np.append(np.full(n, 0.02), np.full(k, np.inf))

    def bare() -> FloatArray:
        solver = piqp.SparseSolver()
        solver.setup(quadratic, np.zeros(n + k), equalities, right, None, None, None, low, high)
        assert solver.solve() == piqp.PIQP_SOLVED
        return np.asarray(solver.result.x)

    constraints = Constraints(upper=0.02)
    times = interleaved(
        {"ours": lambda: optimize(MinimumVariance(), model, constraints=constraints), "bare": bare},
        rounds=5 if quick else 21,
    )
    return within(
        "factor model, 2000 assets, minimum variance",
        times["ours"],
        times["bare"],
        peer_name="bare sparse PIQP",
        goal=5.0,
    )


def turnover(market: Universe, quick: bool) -> Result:
    """A cap on the sum of |w - current| against CVXPY with Clarabel, both from the covariance."""
    import cvxpy

    library: Any = cvxpy
    sample = moments.sample_covariance(market.returns)
    current, n = market.market, market.size
    constraints = Constraints(upper=CAPS[n], exposures=sectors(market.labels, upper=GROUP_CAP), turnover_max=0.30)
    groups = np.array([each.loadings for each in constraints.exposures])
    scaled = sample.values / sample.variances.mean()

    def peer() -> FloatArray:
        w = library.Variable(n)
        asked = [library.sum(w) == 1, w >= 0, w <= CAPS[n], groups @ w <= GROUP_CAP, library.norm1(w - current) <= 0.30]
        library.Problem(library.Minimize(library.quad_form(w, library.psd_wrap(scaled))), asked).solve(
            solver="CLARABEL"
        )
        return np.asarray(w.value)

    times = interleaved(
        {
            "ours": lambda: optimize(MinimumVariance(), sample, constraints=constraints, current=current),
            "cvxpy": peer,
        },
        rounds=3 if quick else 9,
    )
    ours = optimize(MinimumVariance(), sample, constraints=constraints, current=current)
    theirs = peer()
    worse = ours.objective / float(theirs @ sample.values @ theirs) - 1.0
    return faster(
        "turnover cap, 500 assets, minimum variance",
        times["ours"],
        times["cvxpy"],
        peer_name="cvxpy",
        goal=2.0,
        note=f"objective {worse:+.1e} relative to cvxpy's",
    )


def growth_line(name: str, by_contender: dict[str, list[tuple[int, float]]]) -> Result:
    """With which power of the number of assets our time grows, from returns to weights, and every point of it."""
    ours = by_contender["ours"]
    power = growth([size for size, _ in ours], [seconds for _, seconds in ours])
    return Result(
        name=f"growth of {name}",
        ours=power,
        peer=None,
        unit="pow",
        ratio=None,
        goal=None,
        met=None,
        more={f"{who} ms at {size}": seconds * 1e3 for who, points in by_contender.items() for size, seconds in points},
    )


def _moments_file(market: Universe) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bursar-bench-"))
    path = folder / f"moments-{market.size}.npz"
    groups = np.array([each.loadings for each in sectors(market.labels)])
    covariance = np.cov(market.returns.T)
    np.savez(
        path,
        covariance=0.5 * (covariance + covariance.T),
        means=market.returns.mean(axis=0),
        groups=groups,
        picks=market.views.picks,
        views=market.views.returns,
        market=market.market,
    )
    return path
