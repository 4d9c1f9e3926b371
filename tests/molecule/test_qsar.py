"""A model of the user's own scores, if it is what its table says; else it is told at once."""

import shutil

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("sklearn")
pytest.importorskip("onnxruntime")

import joblib
import numpy as np
import onnx
from onnx import TensorProto, helper
from own_oracles import MOLECULES
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge

from novum.errors import UsageError
from novum.molecule.oracles import oracle_from
from novum.molecule.scores import Status

BITS = 64
WEIGHTS = np.arange(BITS, dtype=np.float32).reshape(BITS, 1) / 10


def features(molecules=MOLECULES, **options):
    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS, **options)
    return np.stack([morgan.GetFingerprintAsNumPy(Chem.MolFromSmiles(s)) for s in molecules])


def graph(nodes, outputs, weights=WEIGHTS, shape=("n", BITS)):
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))
    constants = [] if weights is None else [onnx.numpy_helper.from_array(weights, "w")]
    made = helper.make_graph(nodes, "g", [source], outputs, constants)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=versions, ir_version=9)


def floats(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def classifier(*, as_maps):
    """Two classes by a linear rule, as converters of scikit-learn write them."""
    rule = helper.make_node(
        "LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml",
        coefficients=[*(-WEIGHTS.ravel()), *WEIGHTS.ravel()], intercepts=[0.0, -1.0],
        classlabels_strings=["no", "yes"], post_transform="SOFTMAX",
    )  # fmt: skip
    label = helper.make_tensor_value_info("label", TensorProto.STRING, ["n"])
    if not as_maps:
        return graph([rule], [label, floats("p", "n", 2)], None)
    zipped = helper.make_node(
        "ZipMap", ["p"], ["z"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"]
    )
    kind = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    maps = helper.make_value_info("z", helper.make_sequence_type_proto(kind))
    return graph([rule, zipped], [label, maps], None)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models")
    values = [float(len(smiles)) for smiles in MOLECULES]
    labels = ["active" if value > 3 else "inactive" for value in values]
    joblib.dump(Ridge().fit(features(), values), directory / "ridge.joblib")
    forest = RandomForestClassifier(5, random_state=0).fit(features(), labels)
    joblib.dump(forest, directory / "forest.joblib")
    joblib.dump({"not": "a model"}, directory / "dict.joblib")
    (directory / "text.joblib").write_text("hello")
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    onnx.save(graph([product], [floats("y", "n", 1)]), directory / "linear.onnx")
    fixed = graph([product], [floats("y", 1, 1)], shape=(1, BITS))
    onnx.save(fixed, directory / "fixed.onnx")
    onnx.save(classifier(as_maps=True), directory / "maps.onnx")
    onnx.save(classifier(as_maps=False), directory / "columns.onnx")
    (directory / "text.onnx").write_text("hello")
    (directory / "train.smi").write_text("CCO ethanol\n\nCCN ethylamine\n")
    return directory


def make(directory, model, **table):
    given = {"kind": "qsar", "model": model, "better": "high", "bits": BITS, **table}
    return oracle_from(given, directory)


def test_a_regression_gives_its_value(models):
    expected = joblib.load(models / "ridge.joblib").predict(features())
    scores = make(models, "ridge.joblib").score([*MOLECULES, "C("])
    assert [score.value for score in scores[:-1]] == pytest.approx(list(expected))
    assert scores[-1].status is Status.UNREADABLE


def test_a_classifier_gives_the_probability_of_the_class_that_was_asked_for(models):
    expected = joblib.load(models / "forest.joblib").predict_proba(features())
    for column, name in enumerate(("active", "inactive")):
        scores = make(models, "forest.joblib", **{"class": name}).score(MOLECULES)
        assert [score.value for score in scores] == pytest.approx(list(expected[:, column]))


def test_an_onnx_model_gives_its_value(models):
    scores = make(models, "linear.onnx").score(MOLECULES)
    assert [s.value for s in scores] == pytest.approx(list((features() @ WEIGHTS)[:, 0]))


def test_onnx_classifiers_give_probabilities_by_name_or_column(models):
    named = make(models, "maps.onnx", **{"class": "yes"}).score(MOLECULES)
    column = make(models, "columns.onnx", **{"class": 1}).score(MOLECULES)
    assert [s.value for s in named] == pytest.approx([s.value for s in column])
    other = make(models, "columns.onnx", output="p", **{"class": 0}).score(MOLECULES)
    assert [a.value + b.value for a, b in zip(named, other, strict=True)] == pytest.approx([1] * 10)


def test_features_are_what_the_table_says(models):
    plain = make(models, "linear.onnx")
    counted = make(models, "linear.onnx", counts=True)
    narrow = make(models, "linear.onnx", radius=0)
    values = [oracle.score(["CCCCCC"])[0].value for oracle in (plain, counted, narrow)]
    assert len(set(values)) == 3
    assert len({str(oracle.settings) for oracle in (plain, counted, narrow)}) == 3
    spatial = make(models, "linear.onnx", chirality=True)
    left, right = (score.value for score in spatial.score(["C[C@H](F)Cl", "C[C@@H](F)Cl"]))
    assert left != right


def test_far_from_what_it_was_trained_on_there_is_no_value(models):
    oracle = make(models, "ridge.joblib", training="train.smi", least_similarity=0.5)
    near, far = oracle.score(["CCO", "FC(F)(F)c1ccncc1"])
    assert near.numbers == {"similarity": 1.0} and near.status is Status.OK
    assert far.status is Status.REFUSED and "outside of the model's domain" in far.reason
    assert make(models, "ridge.joblib", training="train.smi").score(["C#C"])[0].status is Status.OK


def test_another_model_of_the_same_name_is_another_question(models, tmp_path):
    shutil.copy(models / "ridge.joblib", tmp_path / "model.joblib")
    first = make(tmp_path, "model.joblib").settings
    joblib.dump(Ridge(alpha=2).fit(features(), range(10)), tmp_path / "model.joblib")
    assert make(tmp_path, "model.joblib").settings != first


def test_a_value_that_is_not_finite_is_a_failure(models, tmp_path):
    ridge = joblib.load(models / "ridge.joblib")
    ridge.coef_ = ridge.coef_ * np.nan
    joblib.dump(ridge, tmp_path / "nan.joblib")
    (score,) = make(tmp_path, "nan.joblib").score(["CC"])
    assert score.status is Status.FAILED and "nan" in score.reason


def test_a_model_of_another_version_is_not_trusted(models, tmp_path, monkeypatch):
    ridge = joblib.load(models / "ridge.joblib")
    state = {**ridge.__getstate__(), "_sklearn_version": "1.0"}
    with monkeypatch.context() as patch:
        patch.setattr(Ridge, "__getstate__", lambda _: state, raising=False)
        joblib.dump(ridge, tmp_path / "old.joblib")
    with pytest.raises(UsageError, match=r"made with scikit-learn 1\.0, .*train it anew"):
        make(tmp_path, "old.joblib")


@pytest.mark.parametrize(
    ("model", "table", "told"),
    [
        ("missing.joblib", {}, "`model`: .*No such file"),
        ("dict.joblib", {}, "holds no model, but a dict"),
        ("text.joblib", {}, "text.joblib cannot be loaded"),
        ("ridge.joblib", {"bits": 128}, "wants 64 features, and `bits` is 128"),
        ("ridge.joblib", {"class": "a"}, "gives no probability of a: it is no classifier"),
        ("forest.joblib", {}, "choose `class`, one of: active, inactive"),
        ("forest.joblib", {"class": "maybe"}, "no probability of maybe: active, inactive"),
        ("ridge.joblib", {"training": "nothing.smi"}, "`training`: .*No such file"),
        ("ridge.joblib", {"least_similarity": 0.5}, "`least_similarity` needs `training`"),
        ("text.onnx", {}, "text.onnx cannot be loaded"),
        ("linear.onnx", {"bits": 128}, "wants 64 features, and `bits` is 128"),
        ("linear.onnx", {"output": "z"}, "has no z; known: y"),
        ("linear.onnx", {"class": "yes"}, "must be a column from 0 to 0"),
        ("fixed.onnx", {}, "must want rows of floats"),
        ("maps.onnx", {"class": "maybe"}, "`class`: maps.onnx knows no, yes"),
        ("maps.onnx", {}, "gives .*no values"),
        ("columns.onnx", {"output": "p"}, "gives 2 values a row; use `class`"),
    ],
)
def test_a_model_that_is_not_what_its_table_says_is_told_at_once(models, model, table, told):
    with pytest.raises(UsageError, match=told) as caught:
        make(models, model, **table)
    assert "\n" not in str(caught.value)
