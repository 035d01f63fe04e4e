import numpy as np
import pytest
import torch
from torch import nn

from eie.compress import checkpoint, export, lenets, packed
from eie.compress.train import Phase, Recipe, compress
from eie.formats import FormatError


class Sequences(nn.Module):
    """Reads a sequence and tells which of its last values is largest."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 8, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.norm(self.lstm(x)[0][:, -1]))


class Points:
    """Batches of random sequences, the same ones each epoch, in another order."""

    def __init__(self):
        generator = torch.Generator().manual_seed(7)
        self.inputs = torch.randn(64, 4, 3, generator=generator)
        self.targets = self.inputs[:, -1].argmax(1)

    def __len__(self):
        return 4

    def epoch(self, generator):
        for chosen in torch.randperm(64, generator=generator).split(16):
            yield self.inputs[chosen], self.targets[chosen]


NAMES = ("lstm.weight_ih_l0", "lstm.weight_hh_l0", "out")
RECIPE = Recipe(
    train=Phase(15, 3e-2),
    prune=Phase(6, 2e-2),
    share=Phase(2, 5e-3),
    bits=dict.fromkeys(NAMES, 3),
    keep={"lstm.weight_ih_l0": 0.5, "out": 0.75},
    sensitivity={"lstm.weight_hh_l0": 0.8},
)


def fresh():
    torch.manual_seed(0)
    return Sequences()


def done(recipe=RECIPE, **options):
    return compress(fresh(), recipe, Points(), progress=False, **options)


@pytest.fixture(scope="module")
def finished():
    return done()


def tensors(run):
    """Everything a run has made, by name."""
    groups = {name: getattr(run, name) for name in ("masks", "codes", "codebooks", "dense", "pruned", "trace")}
    found = {f"{group} {name}": value for group, of in groups.items() for name, value in of.items()}
    return found | run.model.state_dict()


def assert_same(a, b):
    a, b = tensors(a), tensors(b)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


def test_lstm_and_linear_layers_are_compressed(finished):
    points = Points()
    assert set(finished.codes) == set(NAMES)
    assert (finished.model(points.inputs).argmax(1) == points.targets).float().mean() > 0.9
    kept = {name: int(codes.count_nonzero()) for name, codes in finished.codes.items()}
    assert kept["lstm.weight_ih_l0"] == 48
    assert kept["out"] == 18
    dense = finished.dense["lstm.weight_hh_l0"]
    assert kept["lstm.weight_hh_l0"] == int((dense.abs() >= 0.8 * dense.std(correction=0)).sum())
    for name, weight in (("out", finished.model.out.weight), (NAMES[0], finished.model.lstm.weight_ih_l0)):
        assert len(weight.unique()) <= 8
        assert torch.equal(weight, finished.codebooks[name][finished.codes[name].int()])
        assert torch.equal(weight != 0, finished.masks[name])


def test_shared_weights_are_trained(finished):
    for name, trace in finished.trace.items():
        assert trace.shape == (RECIPE.share.epochs + 1, 8)
        assert torch.equal(trace[-1], finished.codebooks[name])
        assert not torch.equal(trace[0], trace[-1])
        assert not trace[:, 0].any()


def test_seed_decides_all(finished):
    assert_same(finished, done())
    assert not torch.equal(finished.codebooks["out"], done(seed=1).codebooks["out"])


def test_number_of_threads_decides_nothing(finished):
    before = torch.get_num_threads()
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        assert_same(finished, done())
    finally:
        torch.set_num_threads(before)
    assert not torch.are_deterministic_algorithms_enabled()


class Stopped(Exception):
    pass


@pytest.mark.parametrize("epoch", [0, 3, 15, 18, 21, 22])
def test_stopped_run_goes_on_to_the_same_end(finished, tmp_path, epoch):
    class Stopping(Points):
        seen = 0

        def epoch(self, generator):
            for batch in super().epoch(generator):
                if self.seen == 4 * epoch + 2:
                    raise Stopped
                self.seen += 1
                yield batch

    path = tmp_path / "run.safetensors"
    with pytest.raises(Stopped):
        compress(fresh(), RECIPE, Stopping(), path=path, progress=False)
    assert path.exists()
    assert_same(finished, done(path=path))
    assert_same(finished, done(path=path))  # a finished run is only read


def test_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    short = Recipe(Phase(1, 0.01), Phase(0, 0.01), Phase(0, 0.01), RECIPE.bits, RECIPE.keep, RECIPE.sensitivity)
    done(short, path=path)
    with pytest.raises(ValueError, match="another recipe, seed or module"):
        done(short, path=path, seed=1)


def test_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    done(path=path)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(200):
        bad = bytearray(whole)
        bad[generator.integers(len(bad))] ^= 1 << generator.integers(8)
        path.write_bytes(bad)
        with pytest.raises(FormatError, match="safetensors: "):
            checkpoint.read(path)
    for size in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match="safetensors: "):
            checkpoint.read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(FormatError, match="safetensors: "):
        checkpoint.read(path)
    path.unlink()
    with pytest.raises(FormatError, match="no such file"):
        checkpoint.read(path)


def test_pruning_at_once_and_without_retraining():
    nothing = Phase(0, 0.0)
    run = done(Recipe(nothing, nothing, nothing, RECIPE.bits, dict.fromkeys(NAMES, 0.25)))
    start = fresh().out.weight
    largest = start.abs().flatten().argsort(descending=True)[:6]
    assert run.codes["out"].flatten().nonzero().flatten().tolist() == sorted(largest.tolist())


def test_recipe_must_fit_the_module():
    with pytest.raises(ValueError, match=r"bits must be given for .*out, got out$"):
        done(Recipe(RECIPE.train, RECIPE.prune, RECIPE.share, {"out": 4}, RECIPE.keep, RECIPE.sensitivity))


def test_compressed_network_keeps_all_of_the_module(finished, tmp_path):
    path = tmp_path / "net.safetensors"
    packed.write(path, export.compressed("sequences", finished, 4))
    network = packed.read(path)
    assert [part.name for part in network.parts] == list(NAMES)
    assert network.steps == ()  # no plain chain
    torch.manual_seed(5)
    again = export.load(network, Sequences())
    assert torch.equal(again(Points().inputs), finished.model(Points().inputs))


def test_module_of_another_shape_is_refused(finished):
    with pytest.raises(ValueError, match="must have the network's layers"):
        export.load(export.compressed("sequences", finished, 4), lenets.lenet_300_100())


def test_digits_are_shifted_whole():
    images = np.zeros((5, 28, 28), np.uint8)
    images[:, 10, 20] = 255
    labels = np.arange(5, dtype=np.uint8)
    digits = lenets.Digits(images, labels, batch=2, shift=1)
    batches = list(digits.epoch(torch.Generator().manual_seed(0)))
    assert len(batches) == len(digits) == 3
    assert sorted(torch.cat([y for _, y in batches]).tolist()) == [0, 1, 2, 3, 4]
    places = torch.cat([x for x, _ in batches]).nonzero()[:, 2:] - torch.tensor([10, 20])
    assert len(places) == 5
    assert places.abs().max() == 1


def test_digits_without_a_shift_come_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)
    ((x, y),) = lenets.Digits(images, np.arange(4, dtype=np.uint8), batch=4).epoch(torch.Generator().manual_seed(0))
    assert torch.equal(x, torch.from_numpy(images[y.numpy()])[:, None] / 255)


def test_error_is_in_percent():
    images = np.zeros((4, 28, 28), np.uint8)
    model = lenets.lenet_300_100()
    guess = int(model(torch.zeros(1, 1, 28, 28)).argmax())
    labels = np.full(4, guess, np.uint8)
    labels[0] = (guess + 1) % 10
    assert lenets.error_percent(model, images, labels) == 25
