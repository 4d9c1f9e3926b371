"""Oracles that are models of the user's own: scikit-learn or ONNX, on Morgan fingerprints.

    [oracle]
    kind = "qsar"
    model = "model.joblib"

A scikit-learn model is a pickle, and loading a pickle runs the code in it: name only files that
you made, or whose maker you trust. An ONNX model is data.
"""

import hashlib
import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import rdkit
from numpy.typing import NDArray
from pydantic import Field
from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.molecule.scores import Score, Setting, Status
from novum.tables import checked

Numbers = NDArray[Any]
Predict = Callable[[Numbers], Numbers]  # rows of features to one value each
BATCH = 1024  # molecules whose features are in memory at once


class ModelTable(Table):
    """What a table of kind `qsar` may hold."""

    model: str
    better: Literal["low", "high"]
    name: str = "qsar"
    radius: int = Field(default=2, ge=0, le=10)
    bits: int = Field(default=2048, ge=8, le=2**20)
    counts: bool = False
    chirality: bool = False
    class_: str | int | None = Field(default=None, alias="class")
    output: str = ""
    training: str = ""
    least_similarity: float = Field(default=0.0, ge=0, le=1)


class ModelOracle:
    """Scores molecules by a regression's value, or by the probability of a class."""

    batch = 256

    def __init__(self, settings: ModelTable, directory: Path) -> None:
        content = _content(directory / settings.model, "model")
        library = "onnxruntime" if settings.model.endswith(".onnx") else "scikit-learn"
        if find_spec({"scikit-learn": "sklearn"}.get(library, library)) is None:
            raise UsageError(f"this model needs {library}: pip install 'novum[qsar]'")
        load = _onnx if library == "onnxruntime" else _sklearn
        self._predict = load(content, settings)
        self._features = rdFingerprintGenerator.GetMorganGenerator(
            radius=settings.radius, fpSize=settings.bits, includeChirality=settings.chirality
        )
        self._counts = settings.counts
        self._least = settings.least_similarity
        self.name = settings.name
        self.version = f"{library} {version(library)}, rdkit {rdkit.__version__}"
        self.better = settings.better
        self.settings: dict[str, Setting] = {
            "model": hashlib.sha256(content).hexdigest(),
            "class": str(settings.class_),
            **settings.model_dump(include={"radius", "bits", "counts", "chirality", "output"}),
        }
        self._training = self._read_training(settings, directory)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """An oracle for the model that a table names.

        Raises:
            UsageError: if the table is not sound, or the model cannot be used with it.
        """
        return cls(checked(ModelTable, table), directory)

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order."""
        scores: list[Score] = []
        for start in range(0, len(molecules), BATCH):
            scores += self._batch(molecules[start : start + BATCH])
        return scores

    def _batch(self, molecules: Sequence[str]) -> list[Score]:
        answers: dict[int, Score] = {}
        readable: dict[int, Molecule] = {}
        for position, smiles in enumerate(molecules):
            try:
                readable[position] = read(smiles)
            except MoleculeError as error:
                answers[position] = Score.without(smiles, error.status, error.reason)
        if readable:
            rows = np.stack([self._row(molecule) for molecule in readable.values()])
            values = self._predict(rows)
            for (position, molecule), value in zip(readable.items(), values, strict=True):
                answers[position] = self._score(molecule, float(value))
        return [answers[position] for position in range(len(molecules))]

    def _row(self, molecule: Molecule) -> Numbers:
        of = self._features
        if self._counts:
            return np.asarray(of.GetCountFingerprintAsNumPy(molecule.mol), np.float32)
        return np.asarray(of.GetFingerprintAsNumPy(molecule.mol), np.float32)

    def _score(self, molecule: Molecule, value: float) -> Score:
        numbers = {}
        if self._training:
            near = max(DataStructs.BulkTanimotoSimilarity(self._bits(molecule), self._training))
            numbers["similarity"] = near
            if near < self._least:
                return Score.without(
                    molecule.smiles,
                    Status.REFUSED,
                    f"outside of the model's domain: at most {near:.2f} similar to a molecule"
                    f" that it was trained on; at least {self._least:g} is wanted",
                )
        if not math.isfinite(value):
            return Score.without(molecule.smiles, Status.FAILED, f"the model gives {value}")
        return Score(molecule.smiles, value, numbers=numbers)

    def _bits(self, molecule: Molecule) -> DataStructs.ExplicitBitVect:
        return self._features.GetFingerprint(molecule.mol)

    def _read_training(
        self, settings: ModelTable, directory: Path
    ) -> list[DataStructs.ExplicitBitVect]:
        """Fingerprints of the molecules that the model was trained on: a SMILES on each line."""
        if not settings.training:
            if settings.least_similarity:
                raise UsageError("`least_similarity` needs `training`, the molecules to compare")
            return []
        content = _content(directory / settings.training, "training")
        self.settings["training"] = hashlib.sha256(content).hexdigest()
        self.settings["least_similarity"] = settings.least_similarity
        found = []
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            try:
                found += [self._bits(read(line.split()[0]))] if line.strip() else []
            except MoleculeError as error:
                raise UsageError(f"{settings.training}:{number}: {error.reason}") from None
        if not found:
            raise UsageError(f"`training`: there is no molecule in {settings.training}")
        return found


def _content(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"`{key}`: {path}: {error.strerror}") from None


def _sklearn(content: bytes, settings: ModelTable) -> Predict:
    import joblib  # noqa: PLC0415  only for this kind of model
    from sklearn.exceptions import InconsistentVersionWarning  # noqa: PLC0415  as above

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            model = joblib.load(io.BytesIO(content))
    except InconsistentVersionWarning as warning:
        made, here = warning.original_sklearn_version, version("scikit-learn")
        raise UsageError(
            f"{settings.model} was made with scikit-learn {made}, and may give wrong values with"
            f" {here}: train it anew, or pip install scikit-learn=={made}"
        ) from None
    except Exception as error:  # a pickle may raise anything
        kind = type(error).__name__
        raise UsageError(f"{settings.model} cannot be loaded: {kind}: {error}") from None
    _require_width(getattr(model, "n_features_in_", settings.bits), settings)
    if settings.class_ is None:
        return _regression(model, settings)
    classes = [str(one) for one in getattr(model, "classes_", [])]
    if str(settings.class_) not in classes or not hasattr(model, "predict_proba"):
        known = ", ".join(classes) or "it is no classifier"
        raise UsageError(f"{settings.model} gives no probability of {settings.class_}: {known}")
    column = classes.index(str(settings.class_))
    return lambda rows: np.asarray(model.predict_proba(rows))[:, column]


def _regression(model: Any, settings: ModelTable) -> Predict:  # noqa: ANN401  anybody's model
    if hasattr(model, "classes_"):
        known = ", ".join(str(one) for one in model.classes_)
        raise UsageError(f"{settings.model} is a classifier: choose `class`, one of: {known}")
    if not hasattr(model, "predict"):
        raise UsageError(f"{settings.model} holds no model, but a {type(model).__name__}")
    return lambda rows: np.asarray(model.predict(rows)).reshape(len(rows), -1)[:, 0]


def _onnx(content: bytes, settings: ModelTable) -> Predict:
    import onnxruntime  # noqa: PLC0415  only for this kind of model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # `novum score` has processes
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options)
    except Exception as error:  # its exceptions have no common class
        words = str(error).splitlines()[0]
        raise UsageError(f"{settings.model} cannot be loaded: {words}") from None
    source, *more = session.get_inputs()
    fixed = len(source.shape) != 2 or isinstance(source.shape[0], int)
    if more or fixed or source.type != "tensor(float)":
        told = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in session.get_inputs())
        raise UsageError(f"{settings.model} wants {told}; it must want rows of floats, [n, bits]")
    if isinstance(source.shape[1], int):
        _require_width(source.shape[1], settings)
    outputs = [one.name for one in session.get_outputs()]
    output = settings.output or outputs[0 if settings.class_ is None else -1]
    if output not in outputs:
        raise UsageError(f"`output`: {settings.model} has no {output}; known: {', '.join(outputs)}")

    def predict(rows: Numbers) -> Numbers:
        return _column(session.run([output], {source.name: rows})[0], len(rows), settings)

    predict(np.zeros((1, settings.bits), np.float32))  # an output that is of no use is told now
    return predict


def _column(found: Any, count: int, settings: ModelTable) -> Numbers:  # noqa: ANN401  as ONNX has it
    """The one value a row that is wanted, of a vector, a matrix, or a list of maps by class."""
    if isinstance(found, list):
        by_name = [{str(key): value for key, value in row.items()} for row in found]
        if str(settings.class_) not in by_name[0]:
            raise UsageError(f"`class`: {settings.model} knows {', '.join(by_name[0])}")
        return np.asarray([row[str(settings.class_)] for row in by_name])
    if found.dtype.kind not in "fiu" or found.ndim > 2 or len(found) != count:
        raise UsageError(f"{settings.model} gives {found.dtype} of shape {found.shape}, no values")
    matrix: Numbers = found.reshape(count, -1)
    if settings.class_ is None:
        if matrix.shape[1] != 1:
            raise UsageError(f"{settings.model} gives {matrix.shape[1]} values a row; use `class`")
        return np.asarray(matrix[:, 0])
    if not isinstance(settings.class_, int) or not 0 <= settings.class_ < matrix.shape[1]:
        raise UsageError(f"`class` must be a column from 0 to {matrix.shape[1] - 1}")
    return np.asarray(matrix[:, settings.class_])


def _require_width(width: int, settings: ModelTable) -> None:
    if width != settings.bits:
        raise UsageError(f"{settings.model} wants {width} features, and `bits` is {settings.bits}")
