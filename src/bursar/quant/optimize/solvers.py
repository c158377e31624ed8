"""Who solves a convex program: PIQP, HiGHS or Clarabel, called directly.

Each takes a Program and gives an Answer; none raises because a problem is hard. A solver that cannot take the shape
of a program (HiGHS a quadratic one, PIQP a cone) is not asked. Tolerances are an order below the promise of 1e-9 on
constraints, because the weights are divided by a scale afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize.program import Program

SolverName: TypeAlias = Literal["piqp", "highs", "clarabel"]
AnswerStatus: TypeAlias = Literal["optimal", "inaccurate", "infeasible", "unbounded", "failed"]

TOLERANCE = 1e-10
# PIQP's residuals end far below its tolerance. Its gap must be small beside optima that are themselves small: the
# variance of five hundred assets is a thousandth of their mean variance.
PIQP_TOLERANCE = 1e-9
PIQP_GAP = 1e-13
PIQP_GAP_RELATIVE = 1e-9
# Inputs are scaled on the way in; the solver scales again only where variances differ by more than this.
LOPSIDED_FROM = 1e4
# Below this many variables PIQP's factorizations beat the start-up of a simplex method.
SMALL_LINEAR_PROGRAM = 100


PIQP_WORDS: dict[str, AnswerStatus] = {
    "PIQP_SOLVED": "optimal",
    "PIQP_PRIMAL_INFEASIBLE": "infeasible",
    "PIQP_DUAL_INFEASIBLE": "unbounded",
    "PIQP_MAX_ITER_REACHED": "inaccurate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a solver said: a point where it has one, the value of the program there, and the gap to its dual."""

    solver: str
    status: AnswerStatus
    x: FloatArray | None = None
    gap: float = np.inf
    detail: str = ""


def suitable(program: Program) -> tuple[SolverName, ...]:
    """The solvers that can take the program, best first."""
    if program.cones:
        return ("clarabel",)
    if program.quadratic is None:
        return ("piqp", "highs", "clarabel") if program.size <= SMALL_LINEAR_PROGRAM else ("highs", "piqp", "clarabel")
    return ("piqp", "clarabel", "highs")


def solve(program: Program, solver: str) -> Answer:
    """Ask one solver."""
    if solver not in SOLVERS:
        raise InputError(f"solver {solver!r} is not known; {', '.join(SOLVERS)} are")
    return SOLVERS[solver](program)


def piqp(program: Program) -> Answer:
    """An interior-point method for quadratic programs, dense or sparse. Source: Schwan et al. (2023)."""
    if program.cones:
        return Answer(solver="piqp", status="failed", detail="takes no cones")
    return piqp_with_multipliers(program)[0]


def piqp_with_multipliers(program: Program) -> tuple[Answer, tuple[FloatArray, FloatArray]]:
    """PIQP's answer, and its multipliers of the equalities and of the rows (positive where the upper side binds)."""
    import piqp as library  # type: ignore[import-untyped]  # ships no types

    sparse = program.sparse
    solver = library.SparseSolver() if sparse else library.DenseSolver()
    settings = solver.settings
    settings.eps_abs = settings.eps_rel = PIQP_TOLERANCE
    settings.eps_duality_gap_rel, settings.eps_duality_gap_abs = PIQP_GAP_RELATIVE, PIQP_GAP
    settings.preconditioner_iter = 10 if sparse or _lopsided(program.quadratic) else 0
    column_major: Callable[[Any], Any] = np.asfortranarray
    if sparse:
        from scipy.sparse import csc_matrix  # type: ignore[import-untyped]  # ships no types

        column_major = csc_matrix
    quadratic = program.quadratic
    if quadratic is None:
        quadratic = column_major(np.zeros((program.size, program.size)))
    else:
        # Symmetric, so the transpose is the same matrix, and has the column order that the solver asks for.
        quadratic = column_major(quadratic) if sparse else quadratic.T
    has_equalities, has_rows = program.equality_values.size > 0, program.row_upper.size > 0
    solver.setup(
        quadratic,
        program.linear,
        column_major(program.equalities) if has_equalities else None,
        program.equality_values if has_equalities else None,
        column_major(program.rows) if has_rows else None,
        program.row_lower if has_rows else None,
        program.row_upper if has_rows else None,
        program.lower,
        program.upper,
    )
    said = solver.solve().name
    result = solver.result
    word = PIQP_WORDS.get(said, "failed")
    x = np.array(result.x) if word in {"optimal", "inaccurate"} else None
    if x is not None and not math.isfinite(x.dot(x)):
        word, x = "failed", None
    gap = _relative(result.info.duality_gap, result.info.primal_obj + program.constant)
    of_rows = result.z_u - result.z_l if has_rows else np.empty(0)
    of_equalities = np.array(result.y) if has_equalities else np.empty(0)
    return Answer(solver="piqp", status=word, x=x, gap=gap, detail=said), (of_equalities, of_rows)


def _lopsided(quadratic: Any) -> bool:
    if quadratic is None:
        return False
    diagonal = quadratic.diagonal()
    return bool(diagonal.max() > LOPSIDED_FROM * diagonal.min())


def highs(program: Program) -> Answer:
    """A simplex method for linear programs (and an active-set method for small quadratic ones)."""
    if program.cones:
        return Answer(solver="highs", status="failed", detail="takes no cones")
    solver = highs_model(program)
    solver.run()
    return highs_answer(solver)


def highs_model(program: Program) -> Any:
    """A silent HiGHS instance that holds the program."""
    import highspy
    from scipy.sparse import csc_array, triu, vstack

    infinity = highspy.kHighsInf
    solver = silent_highs()
    for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        solver.setOptionValue(name, TOLERANCE)
    matrix = vstack([csc_array(program.equalities), csc_array(program.rows)], format="csc")
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = program.size, matrix.shape[0]
    model.col_cost_ = program.linear
    model.col_lower_ = np.clip(program.lower, -infinity, infinity)
    model.col_upper_ = np.clip(program.upper, -infinity, infinity)
    model.row_lower_ = np.clip(np.concatenate([program.equality_values, program.row_lower]), -infinity, infinity)
    model.row_upper_ = np.clip(np.concatenate([program.equality_values, program.row_upper]), -infinity, infinity)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    solver.passModel(model)
    if program.quadratic is not None:
        lower_triangle = csc_array(triu(csc_array(program.quadratic)).T)
        hessian = highspy.HighsHessian()
        hessian.dim_, hessian.format_ = program.size, highspy.HessianFormat.kTriangular
        hessian.start_, hessian.index_ = lower_triangle.indptr, lower_triangle.indices
        hessian.value_ = lower_triangle.data
        solver.passHessian(hessian)
    return solver


def silent_highs() -> Any:
    """An empty HiGHS instance that prints nothing and uses one thread."""
    import highspy

    create: Any = highspy.Highs
    solver = create()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


def highs_answer(solver: Any) -> Answer:
    """What a HiGHS run came to."""
    import highspy

    status = solver.getModelStatus()
    words: dict[Any, AnswerStatus] = {
        highspy.HighsModelStatus.kOptimal: "optimal",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
        highspy.HighsModelStatus.kUnbounded: "unbounded",
        # Which of the two is settled by the search for conflicts.
        highspy.HighsModelStatus.kUnboundedOrInfeasible: "unbounded",
    }
    word = words.get(status, "failed")
    x = np.array(solver.getSolution().col_value) if word == "optimal" else None
    return Answer(solver="highs", status=word, x=x, gap=0.0 if word == "optimal" else np.inf, detail=status.name)


def clarabel(program: Program) -> Answer:
    """An interior-point method for cones: second-order, power and exponential beside linear ones."""
    import clarabel as library  # type: ignore[import-untyped]  # ships no types
    from scipy.sparse import csc_matrix, eye_array, triu, vstack

    n = program.size
    unit = eye_array(n, format="csr")
    blocks: list[Any] = []
    offsets: list[FloatArray] = []
    cones: list[Any] = []

    def block(matrix: Any, offset: FloatArray, *kinds: Any) -> None:
        if offset.size:
            blocks.append(csc_matrix(matrix))
            offsets.append(offset)
            cones.extend(kinds)

    # Clarabel's form is matrix x + s = offset with s in the cone.
    rows = csc_matrix(program.rows).tocsr()
    block(program.equalities, program.equality_values, library.ZeroConeT(program.equality_values.size))
    for matrix, low, high in ((rows, program.row_lower, program.row_upper), (unit, program.lower, program.upper)):
        below, above = np.isfinite(high), np.isfinite(low)
        block(matrix[below], high[below], library.NonnegativeConeT(int(below.sum())))
        block(-matrix[above], -low[above], library.NonnegativeConeT(int(above.sum())))
    for cone in program.cones:
        size = cone.offset.size
        one = {
            "second_order": library.SecondOrderConeT(size),
            "power": library.PowerConeT(2 / 3),
            "exponential": library.ExponentialConeT(),
        }[cone.kind]
        block(-cone.matrix, cone.offset, *[one] * (1 if cone.kind == "second_order" else size // 3))
    quadratic = csc_matrix((n, n)) if program.quadratic is None else csc_matrix(triu(csc_matrix(program.quadratic)))
    settings = library.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = TOLERANCE
    solver = library.DefaultSolver(
        quadratic, program.linear, csc_matrix(vstack(blocks)), np.concatenate(offsets), cones, settings
    )
    return _clarabel_answer(solver.solve(), program.constant)


def _clarabel_answer(solution: Any, constant: float) -> Answer:
    import clarabel as library

    kinds = library.SolverStatus
    words: list[tuple[Any, AnswerStatus]] = [
        (kinds.Solved, "optimal"),
        (kinds.AlmostSolved, "inaccurate"),
        (kinds.InsufficientProgress, "inaccurate"),
        (kinds.MaxIterations, "inaccurate"),
        (kinds.PrimalInfeasible, "infeasible"),
        (kinds.AlmostPrimalInfeasible, "infeasible"),
        (kinds.DualInfeasible, "unbounded"),
        (kinds.AlmostDualInfeasible, "unbounded"),
    ]
    word: AnswerStatus = next((word for kind, word in words if solution.status == kind), "failed")
    x = np.array(solution.x) if word in {"optimal", "inaccurate"} else None
    if x is not None and not np.isfinite(x).all():
        word, x = "failed", None
    gap = _relative(abs(solution.obj_val - solution.obj_val_dual), solution.obj_val + constant)
    return Answer(solver="clarabel", status=word, x=x, gap=gap, detail=str(solution.status))


def _relative(gap: float, value: float) -> float:
    # Programs are scaled to sizes near one, so a value below this is zero.
    return abs(float(gap)) / max(abs(float(value)), 1e-12)


SOLVERS: dict[str, Callable[[Program], Answer]] = {"piqp": piqp, "highs": highs, "clarabel": clarabel}
