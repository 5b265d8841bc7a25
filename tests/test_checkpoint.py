"""Files: round trips, damage, and that reading never runs code."""

import io
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.errors import UserError
from equilearn.learn.checkpoint import load_tree, read_header, save_tree, write_atomically


def tree():
    return {
        "w": jnp.arange(6.0).reshape(2, 3),
        "n": jnp.asarray(3),
        "key": jax.random.key(7),
        "act": jax.nn.relu,
    }


def test_round_trip_is_exact_also_for_keys(tmp_path):
    save_tree(tmp_path / "a.npz", tree(), {"note": "x"})
    like = {**tree(), "w": jnp.zeros((2, 3)), "key": jax.random.key(0)}
    back = load_tree(tmp_path / "a.npz", like)
    assert jnp.array_equal(back["w"], tree()["w"])
    assert jax.random.uniform(back["key"]) == jax.random.uniform(jax.random.key(7))
    assert back["act"] is jax.nn.relu
    assert read_header(tmp_path / "a.npz")["note"] == "x"


def test_other_shapes_and_structures_are_refused_by_name(tmp_path):
    save_tree(tmp_path / "a.npz", tree(), {})
    with pytest.raises(UserError, match=r"\['w'\] is float32\[2, 3\] in the file but float32\[4\] here"):
        load_tree(tmp_path / "a.npz", {**tree(), "w": jnp.zeros(4)})
    with pytest.raises(UserError, match="another problem or other settings"):
        load_tree(tmp_path / "a.npz", {"v": jnp.zeros(4)})


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 torn"])
def test_damaged_files_are_named(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz: not a file written by equilearn, or damaged"):
        read_header(tmp_path / "a.npz")


def test_every_truncation_is_noticed(tmp_path):
    save_tree(tmp_path / "a.npz", tree(), {})
    whole = (tmp_path / "a.npz").read_bytes()
    for length in range(0, len(whole) - 1, 97):
        (tmp_path / "b.npz").write_bytes(whole[:length])
        with pytest.raises(UserError):
            load_tree(tmp_path / "b.npz", tree())


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran')",))


def test_opening_a_file_never_runs_code(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([Malicious()], dtype=object))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    with pytest.raises(UserError, match="not a file written by equilearn"):
        read_header(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(UserError, match="not a file written by equilearn"):
        read_header(tmp_path / "b.npz")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(UserError, match=r"a\.json: cannot be written \(no space left on device\); free space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
