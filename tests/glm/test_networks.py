"""Random weights have the structure and the moments asked for; folders of weights are read without running them."""

import io
import pickle
import zipfile

import jax
import numpy as np
import pytest
from torch_files import archive, tensor

from glifjax import glm
from glifjax.errors import InputError

KEY = jax.random.key(0)


def draws(make, count=60):
    return np.stack([make(key) for key in jax.random.split(KEY, count)])


@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_normal_weights_obey_dale(sparsity):
    weights = draws(lambda key: glm.networks.normal(40, std=3.0, glorot=True, sparsity=sparsity, key=key))
    first, second = weights[:, :20], weights[:, 20:]
    assert (first >= 0).all()
    assert (second <= 0).all()
    assert not (first * second).any()
    assert not np.einsum("kii->ki", weights).any()
    both = first + second
    values = both[both != 0]
    scatter = 1 / np.sqrt(len(values))
    assert values.mean() == pytest.approx(0, abs=4 * scatter * 3 / np.sqrt(40))
    assert values.std() == pytest.approx(3 / np.sqrt(40), rel=4 * scatter)
    assert (both != 0).mean() == pytest.approx(2 * (1 - sparsity) * (1 - 1 / 40), abs=0.02)


def test_uniform_weights():
    weights = draws(lambda key: glm.networks.uniform(40, -0.5, 0.0, sparsity=0.8, key=key))
    assert (weights <= 0).all()
    assert (weights >= -0.5).all()
    assert weights[weights != 0].mean() == pytest.approx(-0.25, abs=0.01)
    assert (weights != 0).mean() == pytest.approx(0.2 * (1 - 1 / 40), abs=0.01)


def test_the_packs_moments(shared):
    pack = np.load(shared / "reference" / "glm" / "networks.npz")
    makers = {
        "normal": lambda key: glm.networks.normal(40, std=5.0, glorot=True, key=key),
        "normal_sparse": lambda key: glm.networks.normal(40, std=5.0, glorot=True, sparsity=0.9, key=key),
        "uniform": lambda key: glm.networks.uniform(40, -0.5, 0.0, sparsity=0.79, key=key),
        "uniform_dale": lambda key: glm.networks.uniform(40, -0.5, 0.5, sparsity=0.79, key=key),
    }
    for name, make in makers.items():
        ours, theirs = draws(make, 30), pack[name]
        ours, theirs = (np.abs(weights[weights != 0]) for weights in (ours, theirs))
        scatter = theirs.std() / np.sqrt(len(theirs))
        assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * scatter), name
        assert ours.std() == pytest.approx(theirs.std(), rel=0.06), name
    np.testing.assert_allclose(glm.networks.ring(40), pack["ring"][0], atol=1e-6)


def test_what_generators_refuse():
    with pytest.raises(InputError, match="even number"):
        glm.networks.normal(41, key=KEY)
    with pytest.raises(InputError, match=r"0\.5 to 1"):
        glm.networks.normal(40, sparsity=0.2, key=KEY)
    with pytest.raises(InputError, match="low < high"):
        glm.networks.uniform(40, 1.0, 0.0, key=KEY)


def test_folders_are_read_by_number(tmp_path):
    weights = draws(lambda key: glm.networks.normal(8, key=key), 11)
    glm.networks.save(weights, tmp_path / "w")
    np.testing.assert_array_equal(glm.networks.load(tmp_path / "w"), weights)
    with pytest.raises(InputError, match=r"10\.npy is there already, and would be read along"):
        glm.networks.save(weights[:10], tmp_path / "w")
    with pytest.raises(InputError, match="square matrix"):
        glm.networks.save(weights[0][:3], tmp_path / "none")
    with pytest.raises(InputError, match="a NaN"):
        glm.networks.save(np.full((3, 3), np.nan), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    glm.networks.save(weights[0], tmp_path / "one")
    (one,) = glm.networks.load(tmp_path / "one")
    np.testing.assert_array_equal(one, weights[0])


def test_the_peers_files(shared):
    folder = shared / "reference" / "glm"
    expected = np.load(folder / "w0_expected.npz")
    ours = glm.networks.load(folder / "w0")
    for weights, name in zip(ours, ("0.pt", "2.pt", "3.npy", "10.pt"), strict=True):
        np.testing.assert_array_equal(weights, expected[f"m{name}"])


class Harm:
    def __reduce__(self):
        return (print, ("this ran",))


@pytest.mark.parametrize("content", [Harm(), [1, 2], {"a": 1}, "a word"])
def test_archives_of_more_than_an_array_are_refused(tmp_path, capsys, content):
    archive(tmp_path / "0.pt", pickle.dumps(content, protocol=2))
    with pytest.raises(InputError, match=r"0\.pt"):
        glm.networks.load(tmp_path)
    assert capsys.readouterr().out == ""


HUGE = b"J" + (2**31 - 1).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("pickled", "method", "words"),
    [
        (tensor(), zipfile.ZIP_DEFLATED, "is compressed"),
        (tensor(HUGE + HUGE + b"\x86", b"K\x00K\x00\x86"), zipfile.ZIP_STORED, "more numbers than are stored"),
        (b"\x80\x02)" + b"q\x00h\x00\x86" * 100 + b"q\x00h\x00\x93.", zipfile.ZIP_STORED, "no text where one must be"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NNNNtR.", zipfile.ZIP_STORED, "more numbers than are stored"),
    ],
    ids=("compressed", "one number for all", "a name that holds itself twice", "no numbers"),
)
def test_archives_that_explode_are_refused(tmp_path, pickled, method, words):
    archive(tmp_path / "0.pt", pickled, np.arange(4, dtype="<f4").tobytes(), method)
    with pytest.raises(InputError, match=words):
        glm.networks.load(tmp_path)
    archive(tmp_path / "0.pt", tensor(), np.arange(4, dtype="<f4").tobytes())
    np.testing.assert_array_equal(glm.networks.load(tmp_path)[0], [[0, 1], [2, 3]])


def test_what_files_refuse(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        glm.networks.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no"):
        glm.networks.load(tmp_path)
    (tmp_path / "0.pt").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"torch\.save"):
        glm.networks.load(tmp_path)
    (tmp_path / "0.pt").unlink()
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm()], dtype=object), allow_pickle=True)
    (tmp_path / "0.npy").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="array of numbers"):
        glm.networks.load(tmp_path)
    np.save(tmp_path / "0.npy", np.zeros((10, 10)))
    whole = (tmp_path / "0.npy").read_bytes()
    (tmp_path / "0.npy").write_bytes(whole.replace(b"(10, 10), }      ", b"(1000000, 10), } "))
    with pytest.raises(InputError, match="array of numbers"):
        glm.networks.load(tmp_path)
    (tmp_path / "0.npy").write_bytes(whole.replace(b"(10, 10), }      ", b"(10, 10), }    ( "))
    with pytest.raises(InputError, match="array of numbers"):
        glm.networks.load(tmp_path)
    np.save(tmp_path / "0.npy", np.zeros((2, 3)))
    with pytest.raises(InputError, match="square"):
        glm.networks.load(tmp_path)
