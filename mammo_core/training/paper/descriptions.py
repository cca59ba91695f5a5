"""Describes each of the paper's experiments, and every way in which our run of it differs."""

from __future__ import annotations

from mammo_core.config.runs import RunConfig


def meaning_of(config: RunConfig, *, is_reinitialised: bool) -> str:
    """Says what was trained, on what, at which ε, in one sentence."""
    masses = {
        "real": "real masses",
        "real+synthetic": "real and synthetic masses mixed",
        "synthetic": "synthetic masses only",
        "pretrain": "real masses",
    }[config.strategy]
    if config.trained_part == "network":
        part = "The whole Swin-T"
    elif config.strategy == "pretrain":
        part = "A linear head, begun on synthetic masses with the whole Swin-T, then alone,"
    else:
        part = "A head of two layers on the frozen ImageNet Swin-T"
    privacy = (
        f"with DP at ε = {config.privacy.target_epsilon:g}"
        if config.privacy.is_private
        else "without DP"
    )
    again = ", after a pre-training whose head is thrown away" if is_reinitialised else ""
    return f"{part} trained on {masses} {privacy}{again}."


_ALL_DIFFER = (
    "ImageNet weights: timm's ms_in1k, by Swin's authors; the paper's are torchvision's IMAGENET1K_V1. "
    "Torchvision's file, given with --weights, makes the network the same.",
    "Resizing from 128 to 224 px: bicubic; the paper's is OpenCV's area method, rounded to whole greys.",
    "Random numbers: other generators, so that no seed begins, flips or draws as the paper's does.",
)
_CHOICE_DIFFERS = (
    "ε: of all steps, since the best epoch was chosen after looking at all; the paper reports what was "
    "spent up to the chosen epoch. The noise is calibrated by the RDP accountant as in the paper; the "
    "tighter ε of the same noise is stated."
)
_PLAIN_BATCHES_DIFFER = (
    "Batches of steps without DP: each mass is drawn anew at every step, as with DP; the paper deals all masses out once an "
    "epoch, in batches of 128."
)
_FROZEN_DIFFERS = (
    "Stochastic depth: the paper's frozen network stays in training mode, so blocks are left out at random "
    "(up to one time in five) and features vary; ours do not."
)
_WHOLE_DIFFERS = "Stochastic depth (up to 0.2) is off, and tables of relative positions stay as ImageNet left them."
_PRETRAINED_DIFFERS = (
    "Pre-training: its last step is taken, with stochastic depth (up to 0.2) off; the paper takes its best epoch on real "
    "validation masses, with it on."
)


def differences_of(config: RunConfig) -> tuple[str, ...]:
    """Lists what we do otherwise, in sentences."""
    differences: list[str] = list(_ALL_DIFFER)
    is_whole = config.trained_part == "network"
    differences.append(_WHOLE_DIFFERS if is_whole else _FROZEN_DIFFERS)
    if config.strategy == "pretrain":
        differences.append(_PRETRAINED_DIFFERS)
    if config.privacy.is_private:
        differences.append(_CHOICE_DIFFERS)
    if config.strategy == "pretrain" or not config.privacy.is_private:
        differences.append(_PLAIN_BATCHES_DIFFER)
    return tuple(differences)


def inferred_of(name: str, *, is_reinitialised: bool) -> tuple[str, ...]:
    """Lists what the published files leave open or contradict, and what was taken."""
    if name == "dbr0":
        return (
            "The configuration names the frozen network, the results sheet the whole one. Taken: the whole "
            "one with a linear head, as in dbr15; the height of the result speaks for it.",
        )
    if name == "dbr15":
        return (
            "The sheet's rows of the seeds 42 and 44 agree to every digit: its mean over three seeds is one over two runs, "
            "one of them counted twice.",
        )
    if is_reinitialised:
        return (
            "The configuration loads a network of which only the head was pre-trained (dbr14), and the code "
            "then puts a new head in its place: nothing of the pre-training is left. Taken: dbr1 once more, "
            "with other random numbers. The sheet's dbr5 and dbr11 agree to every digit.",
        )
    return ()
