import pytest
import torch

from mammo_core.synthesis.structure import FlowStructure, NormalStructure


def two_classes(count, rng):
    """Class 0 around (-4, 0), class 1 on two islands at (4, ±3): no normal distribution."""
    labels = torch.randint(0, 2, (count,), generator=rng)
    island = 2 * torch.randint(0, 2, (count,), generator=rng) - 1
    centre = torch.stack([8.0 * labels - 4, 3.0 * island * labels], dim=1)
    return centre + 0.4 * torch.randn(count, 2, generator=rng), labels


@pytest.fixture(scope="module")
def flow():
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    flow = FlowStructure(2, width=64)
    flow.fit_scale(two_classes(2000, rng)[0])
    optimizer = torch.optim.Adam(flow.parameters(), lr=3e-3)
    for _ in range(600):
        optimizer.zero_grad()
        flow.loss(*two_classes(256, rng), rng).backward()
        optimizer.step()
    return flow.eval()


@torch.no_grad()
def test_flow_learns_a_distribution_with_islands(flow):
    latents = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))

    benign = flow(latents, torch.zeros(400, dtype=torch.long))
    malignant = flow(latents, torch.ones(400, dtype=torch.long))

    assert benign[:, 0].mean() == pytest.approx(-4, abs=0.5)
    assert malignant[:, 0].mean() == pytest.approx(4, abs=0.5)
    upper = (malignant[:, 1] > 0).float().mean().item()
    assert 0.35 < upper < 0.65  # both islands
    assert (malignant[:, 1].abs() < 1).float().mean() < 0.15  # and little between


@torch.no_grad()
def test_flow_is_smooth_in_its_latents(flow):
    latents = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    labels = torch.zeros(50, dtype=torch.long)

    moved = flow(latents + 1e-3, labels) - flow(latents, labels)

    assert moved.abs().max() < 0.1


def test_normal_structure_has_means_and_deviations_of_its_class():
    structure = NormalStructure(3)
    structure.mean[1] += 5
    structure.deviation[1] *= 2

    drawn = structure(torch.ones(2, 3), torch.tensor([0, 1]))

    assert drawn.tolist() == [[1.0] * 3, [7.0] * 3]
