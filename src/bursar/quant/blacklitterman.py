"""Black-Litterman: the market's equilibrium, tilted by views in proportion to how sure they are.

The prior is the expected return at which the market portfolio is optimal. A view says that a portfolio (a row of
`picks`) will return so much, with an error variance. The posterior is the best mix of the two; without a view it is
the prior, and assets that no view touches move only with the assets that one does.

Source: Black and Litterman (1992), "Global Portfolio Optimization"; He and Litterman (1999), "The Intuition Behind
Black-Litterman Model Portfolios", Goldman Sachs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.quant.moments import implied_means
from bursar.quant.riskmodel import Covariance, RiskModel, risk_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What somebody believes.

    picks        (n_views, n_assets): 1 on one asset for an absolute view, 1 and -1 for one asset against another
    returns      (n_views,) expected return of each pick, per period, above cash
    variances    (n_views,) of the errors of the views, above zero; None takes He and Litterman's tau p'Sp
    confidences  (n_views,) between 0 and 1, exclusive, instead of variances: the share of the way from the prior to
                 the view that a single view goes; 1/2 is He and Litterman's. Source: Idzorek (2005)
    """

    picks: FloatArray
    returns: FloatArray
    variances: FloatArray | None = None
    confidences: FloatArray | None = None

    def __post_init__(self) -> None:
        picks = arrays.matrix("picks", self.picks)
        count = picks.shape[0]
        object.__setattr__(self, "picks", picks)
        object.__setattr__(self, "returns", arrays.vector("view returns", self.returns, length=count))
        if self.variances is not None and self.confidences is not None:
            raise InputError("variances and confidences of the views are both given; one of them is needed")
        if self.variances is not None:
            object.__setattr__(self, "variances", _between("view variances", self.variances, count, np.inf))
        if self.confidences is not None:
            object.__setattr__(self, "confidences", _between("confidences", self.confidences, count, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What the views come to.

    means        (n_assets,) expected returns above cash
    uncertainty  (n_assets, n_assets) covariance M of those means
    covariance   S + M, the covariance of the returns to come
    """

    means: FloatArray
    uncertainty: FloatArray
    covariance: Covariance


def black_litterman(
    covariance: ArrayLike | RiskModel,
    market_weights: ArrayLike,
    views: Views | None = None,
    *,
    risk_aversion: float = 2.5,
    tau: float = 0.05,
) -> Posterior:
    """The posterior of the market's equilibrium returns and the views.

    covariance      (n, n) per period, of returns above cash
    market_weights  (n,) of the market portfolio
    risk_aversion   of the market as a whole
    tau             how uncertain the equilibrium is, as a fraction of the covariance
    """
    model = risk_model(covariance)
    spread = arrays.number("tau", tau, above=0.0)
    sigma = model.dense()
    prior = implied_means(model, market_weights, risk_aversion)
    if views is None or views.picks.shape[0] == 0:
        return Posterior(means=prior, uncertainty=spread * sigma, covariance=Covariance.trusted((1.0 + spread) * sigma))
    if views.picks.shape[1] != model.size:
        raise InputError(f"picks has {views.picks.shape[1]} columns; {model.size} assets are needed")
    # M = tS - tSP'(P tS P' + Om)^-1 P tS, the form that needs no inverse of S and so allows a singular one.
    shared = spread * (sigma @ views.picks.T)
    of_views = views.picks @ shared
    system = of_views + np.diag(_errors(views, of_views.diagonal()))
    try:
        gain = np.linalg.solve(system, shared.T).T
    except np.linalg.LinAlgError as error:
        raise InputError("the views contradict or repeat each other with certainty; give them variances") from error
    uncertainty = spread * sigma - gain @ shared.T
    uncertainty = 0.5 * (uncertainty + uncertainty.T)
    return Posterior(
        means=prior + gain @ (views.returns - views.picks @ prior),
        uncertainty=uncertainty,
        covariance=Covariance.trusted(sigma + uncertainty),
    )


def _errors(views: Views, prior_variances: FloatArray) -> FloatArray:
    if views.variances is not None:
        return views.variances
    if views.confidences is not None:
        return prior_variances * (1.0 / views.confidences - 1.0)
    return prior_variances


def _between(name: str, values: ArrayLike, count: int, below: float) -> FloatArray:
    checked = arrays.vector(name, values, length=count)
    for i, value in enumerate(checked.tolist()):
        arrays.number(f"{name}[{i}]", value, above=0.0, below=below)
    return checked
