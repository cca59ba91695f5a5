"""The known ways to break a promise of differential privacy: what goes wrong, what stands against it, which test.

What nothing stands against is in the list as well. Severity is what happens to the stated ε, in the words of the
list that jax-privacy keeps ("Common Pitfalls in DP Training", google-deepmind/jax_privacy). The list is
shown in the app and, by `pitfalls_document`, in docs/explanation/pitfalls.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mammo_core.privacy.pitfall_tests import TESTS

Severity = Literal["critical", "theoretical", "negligible"]
Status = Literal["prevented", "partly", "not prevented"]
SEVERITIES: dict[Severity, str] = {
    "critical": "The stated ε does not hold, and nothing would show it.",
    "theoretical": "The stated ε fails only against an attacker with rare means.",
    "negligible": "The stated ε is off by less than anybody could use.",
}
STATUSES: dict[Status, str] = {
    "not prevented": "Nothing here stands against it: mind it yourself.",
    "partly": "Something stands against it, but not in every case.",
    "prevented": "The program stands against it; a test fails if that changes.",
}


@dataclass(frozen=True, kw_only=True)
class Pitfall:
    """One way to promise more than is kept.

    Attributes:
        name: Short.
        problem: What goes wrong, in one or two sentences.
        answer: What stands against it here; of what is not prevented, what to mind.
        severity: A key of SEVERITIES.
        status: A key of STATUSES.
        source: Who described it.
    """

    name: str
    problem: str
    answer: str
    severity: Severity
    source: str
    status: Status = "prevented"

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of the tests that fail if the answer is taken away, as pytest takes them."""
        return TESTS.get(self.name, ())


def by_severity(status: Status) -> dict[Severity, list[Pitfall]]:
    """The pitfalls of one status, the gravest first; severities without any are left out."""
    found = {
        severity: [
            pitfall
            for pitfall in PITFALLS
            if (pitfall.status, pitfall.severity) == (status, severity)
        ]
        for severity in SEVERITIES
    }
    return {severity: pitfalls for severity, pitfalls in found.items() if pitfalls}


_ABADI = "Abadi et al. 2016, arXiv:1607.00133"
_DE = "De et al. 2022, arXiv:2204.13650"
_DONG = "Dong, Roth and Su 2019, arXiv:1905.02383"
_GARFINKEL = "Garfinkel and Leclerc 2020, arXiv:2009.03777"
_JAX = "jax-privacy, Common Pitfalls in DP Training"
_PONOMAREVA = "Ponomareva et al. 2023, arXiv:2303.00654"
_TRAMER = "Tramèr et al. 2022, arXiv:2202.12219"

_NOISE = (
    Pitfall(
        name="Noise or clipping missing or too small",
        problem="The noise is left out, halved, or made for a mean where a sum is released; or a patient's "
        "gradient is not clipped. The model looks fine, better even.",
        answer="Two engines, Opacus and ours, are held to each other and to the update written out by hand; an "
        "audit catches trainers broken on purpose.",
        severity="critical",
        source=_TRAMER,
    ),
    Pitfall(
        name="Random numbers used twice",
        problem="The same noise in two steps, layers or models cancels when they are subtracted, and the "
        "gradient stands bare.",
        answer="Every step, weight and model draws anew. Reproducible noise follows from the whole "
        "configuration, so that no two configurations share it.",
        severity="critical",
        source=_JAX,
    ),
    Pitfall(
        name="Seeds that repeat noise",
        problem="A training repeated from its seed on changed data adds the same noise: the difference shows the "
        "patient who was added. Whoever knows a seed can subtract the noise.",
        answer="Noise comes from the operating system and from no seed. Reproducible noise has to be asked "
        "for, and the statement then says that it is for demonstration.",
        severity="critical",
        source=_GARFINKEL,
    ),
    Pitfall(
        name="Seeds of 32 bits",
        problem="A torch generator on the processor keeps 32 bits of its seed, however long it is: four billion "
        "tries find the noise. Opacus draws from such a generator.",
        answer="No protecting noise comes from torch, not in Opacus' steps either.",
        severity="critical",
        source="found here; see privacy/randomness.py",
    ),
    Pitfall(
        name="Clipping layer by layer, noise for all",
        problem="Clipped apart, a patient moves L layers together by √L times the norm that the noise is made "
        "for.",
        answer="One norm over all layers, one noise for all of them; of two parts released together, one joint norm.",
        severity="critical",
        source="McMahan et al. 2018, arXiv:1710.06963",
    ),
    Pitfall(
        name="Clipping per crop, promising per patient",
        problem="A patient with 14 crops moves the sum by 14 times the norm that the noise is made for.",
        answer="All masses of a patient are summed, or averaged, before clipping.",
        severity="critical",
        source="McMahan et al. 2018, arXiv:1710.06963",
    ),
    Pitfall(
        name="A patient split over micro-batches",
        problem="Memory holds few images at once. A patient whose crops lie in two micro-batches is clipped twice and "
        "moves the sum by twice the norm.",
        answer="Micro-batches hold whole patients, however small they are; sums of clipped gradients are added up, and "
        "noise comes once.",
        severity="critical",
        source=f"found here; {_PONOMAREVA}",
    ),
    Pitfall(
        name="Views clipped one by one",
        problem="Eight turned views of one mass, each clipped as if it were a patient, move the sum by eight times "
        "the norm.",
        answer="The loss of a mass is the mean over its views, and a patient's gradient is clipped after all of them "
        "are in it.",
        severity="critical",
        source=_DE,
    ),
    Pitfall(
        name="Gradients of single patients that are not theirs",
        problem="Rules that take gradients apart can be wrong: Opacus 1.6 misreads convolutions of maps stored "
        "channels last, and takes the windows of a Swin for samples.",
        answer="Networks are trained by rules of our own, held to one backward pass per patient, and compared with "
        "autograd on every network before it starts.",
        severity="critical",
        source="found here; see privacy/networks/layer_gradients.py",
    ),
    Pitfall(
        name="Weights beside layers, left out of the norm",
        problem="Tables of positions, class tokens and shared weights have gradients that no layer's rule sees: they "
        "would change without being clipped.",
        answer="Such weights are refused by name, or frozen and named when a classifier is built.",
        severity="critical",
        source="found here; see privacy/networks/trained_layers.py",
    ),
    Pitfall(
        name="Norms rounded down",
        problem="TF32 or bfloat16 products, or sums that cancel, can make a norm too small; the gradient is then "
        "clipped too little.",
        answer="Norm and sum come from the same numbers by products of full single precision, whatever a program "
        "chose outside; a bound of the rounding is added to norms.",
        severity="negligible",
        source="found here; see privacy/networks/unit_gradients.py",
    ),
    Pitfall(
        name="Noise expanded from a key",
        problem="Noise for millions of weights is expanded from a secret key by Philox, made for simulation and not "
        "proven to withstand an attack.",
        answer="The key comes from the operating system and is never written down. The statement names it; up to two "
        "million weights draw from the operating system itself.",
        severity="theoretical",
        status="partly",
        source="Salmon et al. 2011, doi:10.1145/2063384.2063405",
    ),
    Pitfall(
        name="Features that are no numbers",
        problem="One NaN or infinity passes every clip, spreads to all weights and tells that its patient took "
        "part.",
        answer="Masses with such features are refused before training. Where a network is trained, a patient whose "
        "gradient is no number adds nothing.",
        severity="critical",
        source=_JAX,
    ),
    Pitfall(
        name="Gaps in floating-point noise",
        problem="Noise made of floating-point numbers takes only some values; in its lowest digits the sum "
        "below can shine through.",
        answer="Each number is the sum of four from 53 random bits. It is then rounded to single precision and "
        "added in it; only a discrete Gaussian would rule the attack out.",
        severity="theoretical",
        status="partly",
        source="Mironov 2012, doi:10.1145/2382196.2382264; Holohan and Braghin 2021, arXiv:2107.10138",
    ),
    Pitfall(
        name="Order of summation",
        problem="Sums in floating point depend on their order, so one patient more can move them by a little more "
        "than the clipping norm.",
        answer="Not accounted for: a few units in the last of 24 bits, far below the noise.",
        severity="negligible",
        status="not prevented",
        source="Casacuberta et al. 2022, arXiv:2207.10635",
    ),
)

_SAMPLING = (
    Pitfall(
        name="A step left out when nobody was sampled",
        problem="A random batch can be empty. A trainer that then skips the step, or fails, shows that a patient "
        "was not there.",
        answer="Heads take all patients in every step. Where generators and networks sample, an empty step is noise "
        "like any other.",
        severity="critical",
        source=f"{_JAX}; Opacus",
    ),
    Pitfall(
        name="Dividing by the real size of a batch",
        problem="How many patients a random batch holds is private: dividing by it changes the size of the noise "
        "with it.",
        answer="The noisy sum is divided by a number that is fixed beforehand.",
        severity="critical",
        source=_JAX,
    ),
    Pitfall(
        name="A sampling rate or number of steps other than accounted",
        problem="The accountant is told another rate, noise or number of steps than training takes.",
        answer="One value serves both; Opacus' accountant counts the steps of its engine itself, and a "
        "generator's training refuses steps beyond its budget.",
        severity="critical",
        source=_ABADI,
    ),
    Pitfall(
        name="Shuffling accounted as random sampling",
        problem="Batches cut from a shuffled list are accounted as if every patient were drawn independently. The "
        "real ε can be several times larger.",
        answer="Heads take all patients in every step and claim no gain from sampling. Generators and networks draw "
        "every patient independently.",
        severity="critical",
        source="Chua et al. 2024, arXiv:2403.17673",
    ),
    Pitfall(
        name="Weighted sampling",
        problem="Drawing rare classes more often makes their patients take part more often than accounted. Opacus "
        "does not notice.",
        answer="Every patient is drawn with one probability, whatever the class; there is no sampler to choose.",
        severity="critical",
        source="Opacus; Yousefpour et al. 2021, arXiv:2109.12298",
    ),
    Pitfall(
        name="Batch norm and other mixing of patients",
        problem="A patient's gradient then depends on who else was drawn, and clipping it bounds nothing.",
        answer="Frozen backbones see each mass alone. A network that trains is tried on two inputs first and refused "
        "by the name of the layer that mixes them; so is the paper's GAN with a budget.",
        severity="critical",
        source=_PONOMAREVA,
    ),
    Pitfall(
        name="Views and dropout that depend on who else is there",
        problem="If random views or zeros are dealt out in the order of patients from known numbers, one patient more "
        "changes those of all behind, and so their gradients.",
        answer="Views are drawn for all patients, whoever was sampled; with secret noise they and dropout follow from "
        "the operating system. On a processor torch keeps only four billion starts.",
        severity="theoretical",
        status="partly",
        source=_JAX,
    ),
    Pitfall(
        name="Random state that tells who was sampled",
        problem="A generator of random numbers that is saved with a training has moved on by as many numbers as "
        "the private batches needed.",
        answer="What is saved is never used for private batches.",
        severity="theoretical",
        source=_GARFINKEL,
    ),
)

_AROUND = (
    Pitfall(
        name="Statistics of private data before training",
        problem="Scaling, projecting, encoding or starting weights are learned from the private data, outside of "
        "any ε.",
        answer="Projections and starting weights come from synthetic masses, computed textures or from nothing; what "
        "scales a private generator's features, from masses that it drew itself.",
        severity="critical",
        source=_PONOMAREVA,
    ),
    Pitfall(
        name="Early stopping and keeping the best",
        problem="Stopping when, or keeping what, does best on private data is a choice that reveals them.",
        answer="The number of steps is fixed; the last weights, their mean or the last generator are kept. The paper's "
        "choice of a network's best step must be asked for, and the statement says that no ε covers it.",
        severity="critical",
        status="partly",
        source="Papernot and Steinke 2022, arXiv:2110.03620",
    ),
    Pitfall(
        name="Counting only the iterates that are kept",
        problem="Averaged weights are accounted as if only the averaged steps had touched the data.",
        answer="Every step is counted, from the first; averaging itself costs nothing.",
        severity="critical",
        source=_DE,
    ),
    Pitfall(
        name="A release repeated when a training goes on",
        problem="A training that was killed releases its noisy sums again when it is resumed: twice the privacy is "
        "spent.",
        answer="The first release is kept in the saved state, and it is what the resumed training uses.",
        severity="critical",
        source="found here; see synthesis/private_training.py",
    ),
    Pitfall(
        name="Noise used again when a training goes on",
        problem="A resumed training that draws the noise of its first steps again adds it to other gradients: "
        "subtracted, the noise cancels.",
        answer="Secret noise is never written down and goes on afresh; reproducible noise goes on where it stopped. "
        "A state of the one is refused to the other.",
        severity="critical",
        source="found here; see privacy/networks/training_state.py",
    ),
    Pitfall(
        name="Plain steps before the private ones",
        problem="A training without noise that goes on with noise carries what it learned, under an ε that counts the "
        "later steps only.",
        answer="A state is gone on from only if all its steps are in the accountant's history.",
        severity="critical",
        source="found here; see privacy/networks/training_state.py",
    ),
    Pitfall(
        name="Loss curves, thresholds and scores",
        problem="Curves of the loss, thresholds chosen on validation and scores of test patients are computed from "
        "private data without noise.",
        answer="No ε covers them: keep them among those who may see the data. A private generator reports the loss "
        "of synthetic masses only.",
        severity="critical",
        status="partly",
        source=_JAX,
    ),
    Pitfall(
        name="Choosing a recipe on validation",
        problem="The recipe (steps, learning rate, clipping norm) was chosen on the validation patients of "
        "CBIS-DDSM; whoever tunes on own patients does the same.",
        answer="No ε covers the choice. The statement says so; the shipped recipe was chosen once.",
        severity="critical",
        status="not prevented",
        source="Papernot and Steinke 2022, arXiv:2110.03620",
    ),
    Pitfall(
        name="A backbone that saw the patients",
        problem="A network pre-trained on the same patients carries them into every model, whatever the ε.",
        answer="The installed backbones learned from photographs. Of weights from a file or a hub nothing is "
        "known; the statement makes it a condition.",
        severity="critical",
        status="partly",
        source="Tramèr, Kamath and Carlini 2022, arXiv:2212.06470",
    ),
)

_CLAIMS = (
    Pitfall(
        name="Reporting the target instead of what was spent",
        problem="The ε that was asked for is printed, not the one that the noise paid for.",
        answer="ε is computed from the noise and the steps that were taken.",
        severity="critical",
        source=_ABADI,
    ),
    Pitfall(
        name="A wrong formula in the accountant",
        problem="A bound for another mechanism, or a mistake in it, makes every ε wrong.",
        answer="Full batches have a closed form. It is held to Opacus' PRV and to dp-accounting's PLD accountant, "
        "and the audit to it.",
        severity="critical",
        source="Gopi et al. 2021, arXiv:2106.02848; Balle and Wang 2018, arXiv:1805.06530",
    ),
    Pitfall(
        name="Another neighbouring relation than stated",
        problem="Sensitivity for adding a patient is half of that for replacing one: mixing them up doubles what a "
        "patient loses.",
        answer="Adding or removing one unit, everywhere, and every statement names it.",
        severity="critical",
        source=_JAX,
    ),
    Pitfall(
        name="δ too large",
        problem="At δ of 1 / number of patients one of them could be published outright.",
        answer="Such a δ is refused before training.",
        severity="critical",
        source="Dwork and Roth 2014, doi:10.1561/0400000042",
    ),
    Pitfall(
        name="Crops promised, patients meant",
        problem="An ε for single crops protects a patient with many far less.",
        answer="The patient is the unit unless crops are chosen; the statement then gives the ε of the patient with "
        "most crops as well. Units are carried over before anything is added up.",
        severity="critical",
        source=_DONG,
    ),
    Pitfall(
        name="A generator that saw the same patients",
        problem="A private classifier beside synthetic masses of a generator without privacy: the masses may "
        "reveal what the classifier hides.",
        answer="Cards name the patients that a generator saw. The statement covers them only if its guarantee can "
        "be added, and takes unknown masses for the worst.",
        severity="critical",
        source="Osuala et al. 2024, arXiv:2407.12669, whose generator was trained so",
    ),
    Pitfall(
        name="Several releases, each with an ε of its own",
        problem="Ten models of ε = 1 from the same patients are not ε = 1.",
        answer="The ledger adds up everything that was released from a cohort on this computer, with every cohort "
        "that shares a patient, and refuses beyond a budget.",
        severity="critical",
        source=_DONG,
    ),
    Pitfall(
        name="Several computers, several ledgers",
        problem="What was released elsewhere from the same patients is in no ledger here.",
        answer="Share one MLflow server, and mind that its ledger is locked against two programs of one computer "
        "only.",
        severity="critical",
        status="not prevented",
        source=_DONG,
    ),
    Pitfall(
        name="A huge ε in place of none",
        problem="Training without privacy is drawn as ε = 1000, as if that promised something.",
        answer="ε = ∞ is a path of its own, without clipping and noise, and called no privacy.",
        severity="critical",
        source=_PONOMAREVA,
    ),
    Pitfall(
        name="A promise beside other weights",
        problem="A file is exchanged, and its card still promises what was true of the old one.",
        answer="A generator loads only if its file has the hash that its card names.",
        severity="critical",
        source="found here; see synthesis/checkpoints.py",
    ),
    Pitfall(
        name="Rounding in the claimed ε",
        problem="Noise found by search can fall short of the target by a rounding error.",
        answer="Noise is rounded up; the spent ε never exceeds the target.",
        severity="negligible",
        source=_JAX,
    ),
    Pitfall(
        name="A failed attack taken for a promise",
        problem="That an attack or an audit finds nothing is shown as privacy.",
        answer="Attacks are shown as lower bounds beside what is promised, with copies planted to see that they "
        "work; without a guarantee they are said to prove nothing.",
        severity="critical",
        source="Jagielski et al. 2020, arXiv:2006.07709",
    ),
)

_OUTSIDE = (
    Pitfall(
        name="Files that run code when opened",
        problem="Unpickling a checkpoint runs whatever its sender put in, next to the patients' data.",
        answer="Nothing is unpickled: weights are safetensors, states are loaded as tensors only.",
        severity="critical",
        source="Opacus' load_checkpoint unpickles",
    ),
    Pitfall(
        name="One patient under two names",
        problem="Two ids of one patient are two units: what is promised to each holds for neither together.",
        answer="Only the data's owner can know. `data check` finds identical images, not similar ones.",
        severity="critical",
        status="not prevented",
        source=_PONOMAREVA,
    ),
    Pitfall(
        name="The number of patients",
        problem="How many patients, or units, there are is used in training and printed in every statement.",
        answer="It is taken as public. If the number itself is a secret, do not publish it or the learning rate "
        "that depends on it.",
        severity="theoretical",
        status="not prevented",
        source=_JAX,
    ),
    Pitfall(
        name="Whoever holds this computer",
        problem="Features, scores of test patients, saved trainings and the images lie here as they are.",
        answer="Differential privacy protects what is released, not what is stored: protect the computer, and "
        "release models and their statements only.",
        severity="critical",
        status="not prevented",
        source=_PONOMAREVA,
    ),
    Pitfall(
        name="Time and other side channels",
        problem="How long a step takes, or how much memory, can depend on who was sampled and on the noise.",
        answer="Not hidden. Heads take all patients in every step, so their time hardly varies.",
        severity="theoretical",
        status="not prevented",
        source="Jin et al. 2022, arXiv:2112.05307",
    ),
)

PITFALLS: Sequence[Pitfall] = (*_NOISE, *_SAMPLING, *_AROUND, *_CLAIMS, *_OUTSIDE)
