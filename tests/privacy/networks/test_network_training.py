"""The loop: its steps written out, noise, sampling, going on after a stop, and memory that is too small."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from mammo_core.errors import CheckpointError, InvalidRequestError, PrivacyError
from mammo_core.privacy.accounting.sampled import epsilon_spent
from mammo_core.privacy.networks import layer_gradients, network_training
from mammo_core.privacy.networks.network_training import NetworkTraining, train_network
from mammo_core.privacy.networks.training_state import TrainingState
from mammo_core.privacy.networks.unit_gradients import UnitGradients
from mammo_core.privacy.noise.grid import add_noise, step_of
from mammo_core.privacy.noise.kinds import CLIP_MARGIN
from mammo_core.privacy.noise.sources import ReproducibleNoise, SecretNoise
from tests.privacy.networks.made_networks import MadeSource

CPU = torch.device("cpu")
PRIVATE = NetworkTraining(
    steps=6, noise_multiplier=0.8, max_grad_norm=0.3, learning_rate=0.05, sample_rate=1.0
)
QUIET = replace(PRIVATE, noise_multiplier=0.0)
PLAIN = replace(PRIVATE, noise_multiplier=None)
SAMPLED = replace(PRIVATE, sample_rate=0.3)


def small_network(*, outputs=1, dropout=0.0):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, outputs))


def train(training, *, network=None, source=None, noise=None, seed=5, **options):
    network = small_network() if network is None else network
    return train_network(
        network,
        source or MadeSource(),
        training,
        noise=noise or ReproducibleNoise(3),
        device=CPU,
        seed=seed,
        **options,
    )


def flat(weights):
    return torch.cat([tensor.flatten() for tensor in weights.values()])


def moved_by(training, **options):
    """How far one plain step of rate 1 moves the weights, times the number of units."""
    network = small_network()
    before = flat(dict(network.named_parameters())).detach().clone()
    one_step = replace(training, steps=1, optimizer="sgd", learning_rate=1.0)
    after = flat(train(one_step, network=network, **options).network)
    return 24 * training.sample_rate * (before - after)


class Emptied:
    """A source whose unit 3 has no masses."""

    def __init__(self, source):
        self._source, self.num_units = source, source.num_units

    def batch(self, units, draw):
        return self._source.batch(units[units != 3], draw)


@pytest.mark.pitfall("Another neighbouring relation than stated")
def test_emptying_a_unit_moves_the_sum_and_neither_divisor_nor_noise():
    noisy = replace(PRIVATE, noise_multiplier=50.0)

    moved = moved_by(noisy, micro_batch=24) - moved_by(
        noisy, source=Emptied(MadeSource()), micro_batch=24
    )

    # another divisor would move noise by 50 * 0.3 / 23 for each of 65 weights
    assert 0 < moved.norm() <= 0.3 + step_of(50.0 * 0.3) * len(moved) ** 0.5


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_step_without_noise_is_the_mean_of_clipped_gradients_written_out(outputs):
    network, source = small_network(outputs=outputs), MadeSource()
    draw = torch.Generator()
    sums = [torch.zeros_like(parameter) for parameter in network.parameters()]
    whole = small_network(outputs=outputs)
    seen = Spy(source)

    training = replace(QUIET, steps=1, optimizer="sgd", label_smoothing=0.1)
    train(training, network=network, source=seen, micro_batch=24)

    draw.set_state(seen.states[-1])
    batch = source.batch(torch.arange(24), draw)
    for unit in range(24):
        logits = whole(batch.inputs[batch.unit_of_input == unit])
        labels = batch.labels[batch.unit_of_input == unit]
        smooth = 0.9 * labels + 0.05
        if outputs == 1:
            chances = torch.cat(
                [-nn.functional.softplus(logits), -nn.functional.softplus(-logits)], 1
            )
        else:
            chances = logits.log_softmax(1)
        loss = -((1 - smooth) * chances[:, 0] + smooth * chances[:, 1]).sum()
        gradients = torch.autograd.grad(loss, list(whole.parameters()))
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        for summed, gradient in zip(sums, gradients, strict=True):
            summed += gradient * min(1.0, 0.3 * (1 - CLIP_MARGIN) / float(norm))
    for before, summed, after in zip(whole.parameters(), sums, network.parameters(), strict=True):
        torch.testing.assert_close(after, before - 0.05 * summed / 24, rtol=1e-4, atol=1e-6)


class Spy:
    """A source that remembers the states of its generators."""

    def __init__(self, source):
        self._source, self.num_units, self.states, self.asked = source, source.num_units, [], []

    def batch(self, units, draw):
        self.states.append(draw.get_state())
        self.asked.append(units.tolist())
        return self._source.batch(units, draw)


@pytest.mark.pitfall("Noise or clipping missing or too small")
def test_noise_has_the_calibrated_size():
    wide = MadeSource(shape=(6,))
    training = replace(PRIVATE, noise_multiplier=50.0)

    noise = moved_by(training, source=wide) - moved_by(QUIET, source=wide)

    assert len(noise) == 65
    expected = drawn_for(small_network(), ReproducibleNoise(3), 50.0 * 0.3)
    torch.testing.assert_close(noise, expected, rtol=1e-3, atol=step_of(50.0 * 0.3))


@pytest.mark.pitfall("Dividing by the real size of a batch")
@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_noise_and_sum_are_divided_by_the_expected_number_whoever_was_sampled(rate):
    """Divided by the number that was drawn, the noise would tell how many patients took part."""
    training = replace(PRIVATE, noise_multiplier=50.0, sample_rate=rate)
    counts = []

    noise = moved_by(training, on_step=lambda step: counts.append(step.num_units))
    noise -= moved_by(replace(training, noise_multiplier=0.0))

    source = ReproducibleNoise(3)
    source.uniform(24)  # draws who takes part
    drawn = drawn_for(small_network(), source, 50.0 * 0.3)
    assert counts[0] != pytest.approx(24 * rate, abs=0.5)
    torch.testing.assert_close(noise, drawn, rtol=1e-3, atol=step_of(50.0 * 0.3))


@pytest.mark.pitfall("A step left out when nobody was sampled")
def test_a_step_without_units_moves_by_noise_of_the_usual_size():
    rare = replace(PRIVATE, sample_rate=1e-6)

    noise = moved_by(rare)

    source = ReproducibleNoise(3)
    assert (source.uniform(24) > 1e-6).all()
    drawn = drawn_for(small_network(), source, 0.8 * 0.3)
    torch.testing.assert_close(noise, drawn, rtol=1e-3, atol=1e-5)


@pytest.mark.pitfall("Views clipped one by one")
def test_views_of_a_unit_are_clipped_together():
    """Each clipped as a patient of its own, eight views would move the sum by eight times the bound."""

    class InViews:
        """Each unit in so many views, of which each is the same."""

        def __init__(self, views):
            self._source, self._views, self.num_units = MadeSource(), views, 24

        def batch(self, units, draw):
            batch = self._source.batch(units, draw)
            return replace(
                batch,
                inputs=batch.inputs.repeat_interleave(self._views, 0),
                labels=batch.labels.repeat_interleave(self._views),
                weights=batch.weights.repeat_interleave(self._views) / self._views,
                unit_of_input=batch.unit_of_input.repeat_interleave(self._views),
            )

    tight = replace(QUIET, max_grad_norm=0.01)

    one, eight = (moved_by(tight, source=InViews(views)) for views in (1, 8))

    torch.testing.assert_close(eight, one, rtol=1e-3, atol=1e-5)
    assert eight.norm() <= 24 * 0.01 * (1 + 1e-3)


def drawn_for(network, noise, deviation):
    """(K,): what a step adds to sums of nothing."""
    parts = (
        add_noise(torch.zeros(parameter.shape), deviation, noise)
        for parameter in network.parameters()
    )
    return torch.cat([part.flatten() for part in parts]).float()


@pytest.mark.pitfall("Noise or clipping missing or too small")
@pytest.mark.parametrize("micro_batch", [1, 24])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_no_unit_moves_a_step_by_more_than_the_bound(size, micro_batch):
    source, without = MadeSource(), MadeSource()
    source._inputs[source._starts[5] :] *= size
    without._inputs = source._inputs

    class Without:
        """The same units, of which the last adds nothing."""

        num_units = 24

        def batch(self, units, draw):
            batch = without.batch(units, draw)
            weights = batch.weights * (units[batch.unit_of_input] != 23)
            return replace(batch, weights=weights)

    difference, others = (
        moved_by(QUIET, source=one, micro_batch=micro_batch) for one in (source, Without())
    )
    difference -= others

    assert 0.01 < difference.norm() <= 0.3


@pytest.mark.pitfall("A patient split over micro-batches")
@pytest.mark.parametrize("training", [PRIVATE, PLAIN, SAMPLED], ids=["private", "plain", "sampled"])
def test_micro_batches_of_any_size_give_the_same_weights(training):
    weights = [flat(train(training, micro_batch=size).weights) for size in (1, 7, 24, None)]

    for other in weights[1:]:
        torch.testing.assert_close(other, weights[0], rtol=1e-4, atol=1e-5)


@pytest.mark.pitfall("A patient split over micro-batches")
@pytest.mark.parametrize("micro_batch", [1, 7])
def test_no_unit_is_split_over_micro_batches(micro_batch, monkeypatch):
    """Each half would be clipped by itself, and the unit move the sum by twice the bound."""
    sizes, original = [], UnitGradients.add

    def spied(self, losses, unit_of_input=None):
        if unit_of_input is not None:  # as when the layers are tried on made-up inputs
            sizes.append(torch.bincount(unit_of_input))
        return original(self, losses, unit_of_input)

    source = MadeSource()
    monkeypatch.setattr(UnitGradients, "add", spied)

    train(replace(QUIET, steps=1), source=source, micro_batch=micro_batch)

    seen = torch.cat(sizes)[-24:]
    assert torch.equal(seen, source._sizes)
    assert source._sizes.max() == 3


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("training", [PRIVATE, PLAIN, SAMPLED], ids=["private", "plain", "sampled"])
def test_going_on_after_a_stop_gives_the_weights_of_one_go(training, optimizer):
    training = replace(training, optimizer=optimizer, ema_decay=0.5, weight_decay=0.1)
    whole = train(training, network=small_network(dropout=0.3))
    saved = []

    train(training, network=small_network(dropout=0.3), save=saved.append, save_every=4)
    state = TrainingState.from_tensors(saved[0].to_tensors())
    later = train(
        training, network=small_network(dropout=0.3), state=state, noise=ReproducibleNoise(99)
    )

    assert [one.step for one in saved] == [4]
    assert torch.equal(flat(later.network), flat(whole.network))
    assert torch.equal(flat(later.weights), flat(whole.weights))
    assert later.history == whole.history
    assert later.step == whole.step == 6


@pytest.mark.pitfall("Noise used again when a training goes on")
def test_secret_noise_is_not_written_down_and_goes_on_afresh():
    saved = []
    train(PRIVATE, noise=SecretNoise(), save=saved.append, save_every=3)

    first, second = (train(PRIVATE, state=saved[0], noise=SecretNoise()).history for _ in range(2))
    assert saved[0].noise is None
    assert first == second == [(0.8, 1.0, 6)]
    one, other = (
        flat(train(PRIVATE, state=saved[0], noise=SecretNoise()).weights) for _ in range(2)
    )
    assert not torch.allclose(one, other)


@pytest.mark.pitfall("Views and dropout that depend on who else is there")
@pytest.mark.parametrize(("noise", "same"), [(ReproducibleNoise, True), (SecretNoise, False)])
def test_dropout_of_a_secret_training_follows_from_no_seed(noise, same):
    """Who gets which zeros depends on who else takes part: known zeros would give that away."""

    def moved():
        source = noise(1) if same else noise()
        training = replace(QUIET, steps=1)
        return flat(train(training, network=small_network(dropout=0.5), noise=source).weights)

    assert torch.equal(moved(), moved()) == same


@pytest.mark.pitfall("Views and dropout that depend on who else is there")
@pytest.mark.parametrize(("noise", "same"), [(ReproducibleNoise, True), (SecretNoise, False)])
def test_views_of_a_secret_training_follow_from_no_seed(noise, same):
    """Views are drawn in the order of units: one more before a unit would show it otherwise."""

    def moved():
        source, seen = noise(1) if same else noise(), Spy(MadeSource())
        train(replace(QUIET, steps=2), source=seen, noise=source, micro_batch=8)
        return seen.states[1:]  # the first is asked for its shape only

    first, second = moved(), moved()

    assert torch.equal(first[0], first[2]), "the same in all micro-batches of a step"
    assert not torch.equal(first[0], first[3]), "others in another step"
    assert torch.equal(first[0], second[0]) == same


def test_views_and_dropout_of_a_plain_training_follow_from_the_seed():
    one, other = (
        flat(train(PLAIN, network=small_network(dropout=0.5), noise=SecretNoise()).weights)
        for _ in range(2)
    )

    assert torch.equal(one, other)


@pytest.mark.pitfall("Plain steps before the private ones")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (PLAIN, PRIVATE, "private steps only; got one of 6 steps of which 0 were private"),
        (PRIVATE, PLAIN, "plain steps only; got one of 6 steps of which 6 were private"),
        (replace(PRIVATE, ema_decay=0.5), PRIVATE, "without a moving average; got one with"),
        (PRIVATE, replace(PRIVATE, ema_decay=0.5), "with a moving average; got one without"),
    ],
    ids=["plain before private", "private before plain", "average before", "average after"],
)
def test_a_state_of_other_steps_is_refused(before, after, message):
    """Plain steps would stand beside an ε that counts the private ones only."""
    state = train(before)

    with pytest.raises(CheckpointError, match=message):
        train(replace(after, steps=8), state=state)


@pytest.mark.pitfall("Noise used again when a training goes on")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (ReproducibleNoise(3), SecretNoise(), "secret noise; got one with reproducible"),
        (SecretNoise(), ReproducibleNoise(3), "reproducible noise; got one with secret"),
    ],
)
def test_secret_and_reproducible_noise_are_not_mixed(before, after, message):
    """Else steps whose noise anybody can draw again would be called secret."""
    state = train(PRIVATE, noise=before)

    with pytest.raises(CheckpointError, match=message):
        train(replace(PRIVATE, steps=8), state=state, noise=after)


@pytest.mark.pitfall("Noise used again when a training goes on")
@pytest.mark.parametrize("noise", [SecretNoise, lambda: ReproducibleNoise(3)])
def test_steps_after_a_stop_draw_no_noise_that_was_used_before(noise):
    """The same noise on two gradients cancels when their sums are subtracted."""
    drawn = []

    class Spied(MadeSource):
        """Nothing to learn: each step moves by its noise."""

        def batch(self, units, draw):
            batch = super().batch(units, draw)
            return replace(batch, weights=torch.zeros_like(batch.weights))

    training = replace(PRIVATE, optimizer="sgd", steps=2)
    weights = [flat(dict(small_network().named_parameters())).detach()]
    state = None
    for steps in (1, 2, 3, 4):  # each in a process of its own
        state = train(
            replace(training, steps=steps), source=Spied(), state=state, noise=noise(), seed=None
        )
        weights.append(flat(state.network))
        drawn.append(weights[-1] - weights[-2])

    correlations = torch.corrcoef(torch.stack(drawn))[~torch.eye(4, dtype=torch.bool)]
    assert correlations.abs().max() < 6 / 65**0.5
    assert state.history == [(0.8, 1.0, 4)]


def test_a_state_of_another_network_is_refused():
    state = train(PLAIN)

    with pytest.raises(CheckpointError, match="2 are missing, too many or of another shape"):
        train(PLAIN, network=small_network(outputs=2), state=state)


@pytest.mark.pitfall("Shuffling accounted as random sampling")
def test_units_of_a_step_are_a_poisson_sample():
    source, steps = Spy(MadeSource(200)), []

    train(replace(SAMPLED, steps=30), source=source, on_step=steps.append, micro_batch=200)

    counts = torch.tensor([step.num_units for step in steps]).float()
    assert counts.mean() == pytest.approx(60, abs=4 * math.sqrt(200 * 0.21 / 30))
    assert counts.std() == pytest.approx(math.sqrt(200 * 0.21), rel=0.5)
    assert len({tuple(asked) for asked in source.asked}) > 30


@pytest.mark.pitfall("A step left out when nobody was sampled")
def test_a_step_without_units_is_noise_all_the_same():
    rare = replace(PRIVATE, sample_rate=1e-9, steps=1, optimizer="sgd", learning_rate=1e-9)
    steps = []
    before = flat(dict(small_network().named_parameters()))

    after = train(rare, on_step=steps.append)

    assert steps[0].num_units == 0 and math.isnan(steps[0].loss)
    assert (flat(after.weights) - before).abs().min() > 0
    assert after.history == [(0.8, 1e-9, 1)]


@pytest.mark.pitfall("A sampling rate or number of steps other than accounted")
def test_the_history_counts_every_private_step_and_no_plain_one():
    steps = []

    state = train(SAMPLED, on_step=steps.append)

    assert state.history == [(0.8, 0.3, 6)]
    spent = [epsilon_spent(step.history, 1e-4) for step in steps]
    assert spent == sorted(spent) and spent[0] > 0
    assert train(PLAIN).history == []


def test_steps_tell_loss_clipping_and_time():
    steps = []

    train(replace(PLAIN, steps=60), on_step=steps.append)
    assert steps[-1].loss < 0.7 * steps[0].loss
    assert {step.clipped_share for step in steps} == {0.0}

    train(replace(QUIET, max_grad_norm=0.01), on_step=steps.append)
    assert steps[-1].clipped_share == 1.0
    assert steps[-1].seconds > 0
    assert [step.step for step in steps[-6:]] == [1, 2, 3, 4, 5, 6]


def test_plain_training_does_not_clip():
    plain = moved_by(replace(PLAIN, max_grad_norm=1e-6))

    torch.testing.assert_close(plain, moved_by(replace(QUIET, max_grad_norm=1e6)))


def test_public_gradients_are_added_without_noise_or_clipping():
    public = MadeSource(24, seed=9)
    alone = moved_by(PLAIN, source=public)

    both = moved_by(replace(PRIVATE, public_weight=0.5), public=public)

    torch.testing.assert_close(both - moved_by(PRIVATE), 0.5 * alone, rtol=1e-2, atol=1e-3)


def test_moving_average_is_that_of_the_weights_after_each_step():
    network, seen = small_network(), []
    training = replace(PRIVATE, ema_decay=0.5, steps=3)

    state = train(
        training,
        network=network,
        on_step=lambda _: seen.append(flat(dict(network.named_parameters())).detach().clone()),
    )

    expected = 0.5 * (0.5 * seen[0] + 0.5 * seen[1]) + 0.5 * seen[2]
    torch.testing.assert_close(flat(state.weights), expected)
    torch.testing.assert_close(flat(state.network), seen[2])


@pytest.mark.pitfall("Batch norm and other mixing of patients")
def test_a_network_that_mixes_patients_is_refused_before_data_are_used():
    network, steps = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 1)), []

    with pytest.raises(PrivacyError, match="0 \\(BatchNorm1d\\)"):
        train(PRIVATE, network=network, on_step=steps.append)

    assert steps == []
    train(PLAIN, network=network, on_step=steps.append)
    assert len(steps) == 6


def test_frozen_weights_stay_and_are_not_in_the_state():
    network = small_network()
    network[0].requires_grad_(False)
    before = network[0].weight.clone()

    state = train(replace(PRIVATE, weight_decay=0.5), network=network)

    assert torch.equal(network[0].weight, before)
    assert set(state.network) == {"3.weight", "3.bias"}


SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
]


@pytest.mark.parametrize("shortage", SHORTAGES, ids=["GPU", "CPU"])
@pytest.mark.parametrize("training", [SAMPLED, PLAIN], ids=["private", "plain"])
def test_short_memory_halves_the_micro_batch_and_changes_nothing_else(training, shortage):
    expected = flat(train(training, micro_batch=1).weights)
    steps, source = [], MadeSource()

    class Large:
        num_units = 24

        def batch(self, units, draw):
            if len(units) > 2:
                raise shortage
            return source.batch(units, draw)

    state = train(training, source=Large(), micro_batch=8, on_step=steps.append)

    torch.testing.assert_close(flat(state.weights), expected, rtol=1e-4, atol=1e-5)
    assert [step.micro_batch for step in steps] == [2] * 6
    assert "going on with 2 units at once" in steps[0].message
    assert steps[1].message == ""
    if training is SAMPLED:
        assert state.history == [(0.8, 0.3, 6)], "a repeated step is one release"


def test_shortage_in_the_middle_of_a_step_does_not_count_units_twice(monkeypatch):
    expected = flat(train(PRIVATE, micro_batch=4).weights)
    original, calls = UnitGradients.add, []

    def sometimes(self, losses, unit_of_input=None):
        calls.append(unit_of_input)
        if len(calls) == 8:  # the first six try the layers on made-up inputs
            raise SHORTAGES[0]
        return original(self, losses, unit_of_input)

    monkeypatch.setattr(UnitGradients, "add", sometimes)

    torch.testing.assert_close(
        flat(train(PRIVATE, micro_batch=8).weights), expected, rtol=1e-4, atol=1e-5
    )


def test_memory_for_not_even_one_unit_is_an_error_that_says_what_to_do():
    class Huge(Spy):
        def batch(self, units, draw):
            if self.asked:  # once, for the shape of inputs
                raise SHORTAGES[0]
            return super().batch(units, draw)

    with pytest.raises(InvalidRequestError, match="one unit at a time .* Choose a smaller network"):
        train(PRIVATE, source=Huge(MadeSource()), micro_batch=8)


def test_other_errors_are_not_taken_for_short_memory():
    class Broken:
        num_units = 24

        def batch(self, units, draw):
            if len(units) > 1:
                raise RuntimeError("something else")
            return MadeSource().batch(units, draw)

    with pytest.raises(RuntimeError, match="something else"):
        train(PRIVATE, source=Broken(), micro_batch=8)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"sample_rate": 1.5},
        {"noise_multiplier": -1.0},
        {"optimizer": "lion"},
        {"max_grad_norm": 0.0},
        {"max_grad_norm": math.inf},
        {"label_smoothing": 1.0},
        {"ema_decay": 1.0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
        replace(PRIVATE, **wrong)


LAYOUTS = {
    "contiguous": lambda inputs: inputs,
    "channels last": lambda inputs: inputs.to(memory_format=torch.channels_last),
    "strided": lambda inputs: inputs.repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda inputs: inputs[:, :1].expand(-1, 3, -1, -1),
}


class LaidOut:
    """Images of a made source in a layout."""

    def __init__(self, layout, num_units=24):
        self._source, self.num_units = MadeSource(24, shape=(3, 6, 6)), num_units
        self._layout = LAYOUTS[layout]

    def batch(self, units, draw):
        batch = self._source.batch(units, draw)
        return replace(batch, inputs=self._layout(batch.inputs))


def convolutions():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4, 4, 3),
            nn.Flatten(),
            nn.Linear(16, 1),
        )


def moved(layout, num_units):
    network = convolutions()
    before = flat(dict(network.named_parameters())).detach().clone()
    training = replace(QUIET, steps=1, optimizer="sgd", learning_rate=1.0)
    state = train(training, network=network, source=LaidOut(layout, num_units))
    return num_units * (before - flat(state.network))


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_unit_more_moves_a_step_by_the_bound_at_most_in_any_layout(layout):
    sums = [moved(layout, count) for count in (1, 2, 3, 9)]

    assert sums[0].norm() == pytest.approx(0.3, rel=2e-3)
    for fewer, more in ((0, 1), (1, 2)):
        assert (sums[more] - sums[fewer]).norm() <= 0.3
    if layout == "channels last":
        torch.testing.assert_close(sums[3], moved("contiguous", 9), rtol=1e-4, atol=1e-6)


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layers_are_tried_on_numbers_that_lie_in_memory_as_inputs_do(layout, monkeypatch):
    tried = []

    def note(network, example):
        tried.append(example)

    monkeypatch.setattr(network_training, "require_private_layers", note)
    train(QUIET, network=convolutions(), source=LaidOut(layout))

    inputs = LaidOut(layout).batch(torch.tensor([0]), torch.Generator()).inputs
    assert tried[0].shape == (3, *inputs.shape[1:])
    assert tried[0].stride()[1:] == inputs.stride()[1:]
    assert not torch.equal(tried[0][0], tried[0][1])


@pytest.mark.pitfall("Wrong gradients of single patients")
@pytest.mark.parametrize("wrong_batch", [1, 2, 3])
def test_a_network_whose_gradients_are_wrong_in_some_batch_is_not_trained(monkeypatch, wrong_batch):
    right = layer_gradients._convolution

    def misread(layer, inputs, gradients):
        found = right(layer, inputs, gradients)
        return found if len(inputs) != wrong_batch else {n: -g for n, g in found.items()}

    monkeypatch.setattr(layer_gradients, "_convolution", misread)

    with pytest.raises(PrivacyError, match="not the one that autograd finds for single inputs"):
        train(PRIVATE, network=convolutions(), source=LaidOut("channels last"))
