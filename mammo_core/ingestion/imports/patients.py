"""Decides which images are of one patient, and asks where tables and files leave that in doubt.

The unit of privacy is the patient: one person under two names gets half the protection that is stated, and two
persons under one name are counted once. So doubts are errors, until whoever imports says which ids are right;
then they are warnings, and the record of the import keeps them. Texts that leave this module name no patient.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

from mammo_core.errors import IngestionError

PatientsAsIn = Literal["", "table", "files"]
PATIENTS_AS_IN: tuple[PatientsAsIn, ...] = ("", "table", "files")
HOW_TO_SAY = (
    "Correct the ids, or give the right ones in a column patient_id; then say which are right: "
    "--patients-as-in table, or files (in the app: Whose image it is)."
)

_PLACEHOLDER = re.compile(
    r"anon(ym(ous|i[sz]ed)?)?|de_?id(entified)?|removed|redacted|deleted|erased|hidden|masked|private|confidential|"
    r"unknown|un(specified|defined)|none|null|nil|nan?|missing|empty|blank|dummy|default|x{2,}|"
    r"patient(id)?|no(name|id)?|name|id|not|available|applicable|specified|provided"
)
_FEW_IMAGES = 4  # of a usual examination: both breasts from two sides
_FEW_STUDIES = 2
_MANY_IMAGES, _MANY_STUDIES = 8, 5
_MANY_TIMES = 5  # as many images or studies as other patients have
_SIDE = r"(l|r|lt|rt|left|right)"
_VIEW = r"(cc|mlo|ml|lm|lmo|xcc|xccl|xccm|fb)"
_VIEW_WORD = re.compile(rf"{_SIDE}|{_SIDE}?{_VIEW}\d?|{_VIEW}{_SIDE}|view\d?")
_ENDS_WITH_VIEW = re.compile(rf"(?P<stem>.*\d)({_SIDE}?{_VIEW}\d?|{_VIEW}{_SIDE}|{_SIDE})")


@dataclass(frozen=True, kw_only=True)
class Owned:
    """What table and file say of whose an image is; "" where they say nothing.

    Attributes:
        by_table: Raw identifier, as is `by_file`.
        study: UID, as are `series` and `uid`.
        name: Of the file, without folder and suffix.
    """

    by_table: str = field(default="", repr=False)
    by_file: str = field(default="", repr=False)
    study: str = field(default="", repr=False)
    series: str = field(default="", repr=False)
    uid: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class PatientsRecord:
    """How patients were told apart, for the record of the cohort. Names nobody.

    Attributes:
        as_in: "table", "files", "table and files" (which agree), "each file" (every file counts as a
            patient's), or "" where nothing says it.
        confirmed: Whether the user said so.
        by_table: Patients by the table; 0 if it names none. So `by_files`.
        doubts: What spoke against it.
    """

    as_in: str
    confirmed: bool
    by_table: int
    by_files: int
    doubts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Converts to JSON-ready values."""
        return asdict(self)

    @property
    def said(self) -> str:
        """Says it for whoever imports."""
        if self.as_in == "each file":
            return "Each file counts as another patient's."
        return f"Patients are as in the {self.as_in}. {self.counts}"

    @property
    def counts(self) -> str:
        """Says how many patients each grouping has."""
        table = _patients(self.by_table) if self.by_table else "no patient"
        return f"The table names {table}, the files {self.by_files or 'none'}."


@dataclass(frozen=True, kw_only=True)
class Patients:
    """The raw identifier of each image's patient, "" if nothing says it, and how that was decided."""

    ids: tuple[str, ...] = field(repr=False)
    record: PatientsRecord


def decide_patients(
    images: Sequence[Owned], as_in: PatientsAsIn, *, one_per_file: bool = False
) -> Patients:
    """Decides whose each image is.

    Args:
        as_in: Which ids the user says are right.
        one_per_file: Whether the user says that each file is another patient's.

    Raises:
        IngestionError: If that is in doubt and the user has not said it.
    """
    by_table = [_plain(one.by_table) for one in images]
    by_file = [_plain(one.by_file) for one in images]
    if one_per_file:
        refused = list(_doubts_of_files(by_table, by_file))
        doubts = [*refused, *_doubts_of_names([image.name for image in images])]
        ids, where = ["" for _ in images], "each file"
    elif as_in:
        ids, where = {"table": by_table, "files": by_file}[as_in], as_in
        doubts = [*_doubts_of_two(by_table, by_file), *_doubts_of_ids(ids, images)]
        refused = []
    else:
        ids, where = _together(by_table, by_file)
        doubts = [*_doubts_of_two(by_table, by_file), *_doubts_of_ids(ids, images)]
        refused = doubts
    record = PatientsRecord(
        as_in=where,
        confirmed=bool(as_in) or one_per_file,
        by_table=len({*by_table} - {""}),
        by_files=len({*by_file} - {""}),
        doubts=tuple(doubts),
    )
    if refused:
        raise IngestionError(
            "Expected to know which images are of one patient, as privacy is guaranteed to patients; "
            f"{' Also: '.join(refused)} {record.counts} {HOW_TO_SAY}"
        )
    return Patients(ids=tuple(ids), record=record)


def _plain(raw: str) -> str:
    return unicodedata.normalize("NFC", raw.strip(" \0\t\r\n"))


def is_placeholder(identifier: str) -> bool:
    """Checks whether an identifier is made of words that stand for none.

    Example:
        >>> is_placeholder("ANONYMOUS"), is_placeholder("Anon_0007")
        (True, False)
    """
    words = [word for word in re.split(r"[\W_]+", identifier.lower()) if word]
    return bool(words) and (
        all(map(_PLACEHOLDER.fullmatch, words)) or bool(_PLACEHOLDER.fullmatch("".join(words)))
    )


def _together(by_table: Sequence[str], by_file: Sequence[str]) -> tuple[list[str], str]:
    """Takes the table's ids, and the files' where it names none or a placeholder."""
    table = ["" if is_placeholder(one) else one for one in by_table]
    file = ["" if is_placeholder(one) else one for one in by_file]
    same = {two: one for one, two in zip(table, file, strict=True) if one and two}
    ids = [
        one or same.get(two, two) or first or second
        for one, two, first, second in zip(table, file, by_table, by_file, strict=True)
    ]
    where = [name for name, said in (("table", table), ("files", file)) if any(said)]
    where = where or [name for name, said in (("table", by_table), ("files", by_file)) if any(said)]
    return ids, " and ".join(where)


def _doubts_of_two(by_table: Sequence[str], by_file: Sequence[str]) -> Iterator[str]:
    """Says where table and files group images differently, placeholders left out."""
    pairs = [
        ("" if is_placeholder(one) else one, "" if is_placeholder(two) else two)
        for one, two in zip(by_table, by_file, strict=True)
    ]
    both = {pair for pair in pairs if all(pair)}
    tables, files = {one for one, _ in both}, {two for _, two in both}
    if len(both) > len(tables) or len(both) > len(files):
        yield (
            f"the table names {_patients(len(tables))}, the files' own PatientIDs {_patients(len(files))} for the same "
            "images."
        )
    only_table = any(one and not two for one, two in pairs)
    if only_table and any(two and not one and two not in files for one, two in pairs):
        yield "some images have an id in the table only, others in the file only, and nothing links the two."


def _doubts_of_files(by_table: Sequence[str], by_file: Sequence[str]) -> Iterator[str]:
    for what, ids in (("the table names", by_table), ("the files name", by_file)):
        said = {one for one in ids if one and not is_placeholder(one)}
        if said and len(said) < sum(one in said for one in ids):
            yield (
                f"one patient per file makes {_patients(len(ids))} of {len(ids)} files, but {what} {len(said)}."
            )


def _doubts_of_names(names: Sequence[str]) -> Iterator[str]:
    """Says whether files that each count as a patient's are called as views of one."""
    count = len({_without_view(name) for name in names})
    if count < len(set(names)):
        yield (
            f"names of files differ by side or view only: one patient per file makes {len(names)}, without that "
            f"there are {count}."
        )


def _doubts_of_ids(ids: Sequence[str], images: Sequence[Owned]) -> Iterator[str]:
    """Says what is odd about ids, whichever were taken."""
    sizes = Counter(one for one in ids if one)
    for one, size in sizes.items():
        if size > 1 and is_placeholder(one):
            yield f"{size} images have the patient id {one!r}, a placeholder."
    yield from _too_large(sizes, ids, images)
    as_written = f"{_patients(len(sizes))} as written"
    for what, alike in (
        ("leading zeros, case, spaces or a trailing .0 (as 1 and 0001 do)", _without_zeros),
        ("side or view (as 12_LEFT_CC and 12_LEFT_MLO do)", _without_view),
    ):
        count = _merged(sizes, alike)
        if count < len(sizes):
            yield f"ids differ by {what} only: {as_written}, {count} without that."
    if len(images) > 1 and any(
        one and one in (image.uid, image.series) for one, image in zip(ids, images, strict=True)
    ):
        yield "the ids are UIDs of images or series, not of patients."
    count = _linked_by_study(ids, images)
    if count < len(sizes):
        yield f"images of one study have different patient ids: {as_written}, {count} by study."


def _too_large(
    sizes: Mapping[str, int], ids: Sequence[str], images: Sequence[Owned]
) -> Iterator[str]:
    """Says whether one id has more images or studies than one patient has, or than the others have."""
    studies: dict[str, set[str]] = defaultdict(set)
    for one, image in zip(ids, images, strict=True):
        if one and image.study:
            studies[one].add(image.study)
    for what, counts, few, many in (
        ("images", dict(sizes), _FEW_IMAGES, _MANY_IMAGES),
        ("studies", {one: len(of) for one, of in studies.items()}, _FEW_STUDIES, _MANY_STUDIES),
    ):
        if not counts:
            continue
        largest = max(counts, key=lambda one: counts[one])
        size = counts.pop(largest)
        if is_placeholder(largest):
            continue
        if len(sizes) == 1 and size > few:
            yield f"all {size} {what} have one and the same patient id."
        elif counts and size > max(many, _MANY_TIMES * median(counts.values())):
            yield f"{size} {what} have one and the same patient id, far more than any other."


def _merged(sizes: Mapping[str, int], alike: Callable[[str], Hashable]) -> int:
    """Counts the ids if those that are alike are one."""
    return len({alike(one) for one in sizes})


def _without_zeros(identifier: str) -> tuple[str, ...]:
    plain = re.sub(r"^(\d+)[.,]0+$", r"\1", unicodedata.normalize("NFKC", identifier).casefold())
    return tuple(run.lstrip("0") or "0" for run in re.findall(r"\d+|[^\W\d_]+", plain)) or (plain,)


def _without_view(identifier: str) -> str:
    """Takes words for side and view out of an id, and the number of a mass behind them."""
    words = [word for word in re.split(r"[\W_]+", identifier.lower()) if word]
    kept: list[str] = []
    after_view = False
    for word in words:
        if _VIEW_WORD.fullmatch(word):
            after_view = True
        elif not (after_view and re.fullmatch(r"\d{1,2}", word)):
            kept.append(word)
    if kept and (match := _ENDS_WITH_VIEW.fullmatch(kept[-1])):
        kept[-1] = match["stem"]
    return " ".join(kept or words)


def _linked_by_study(ids: Sequence[str], images: Sequence[Owned]) -> int:
    """Counts the ids if those that share a study are one."""
    first: dict[str, str] = {}
    parent = {one: one for one in ids if one}

    def root(one: str) -> str:
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    for one, image in zip(ids, images, strict=True):
        if one and image.study:
            parent[root(one)] = root(first.setdefault(image.study, one))
    return len({root(one) for one in parent})


def _patients(count: int) -> str:
    return f"{count} patient{'' if count == 1 else 's'}"
