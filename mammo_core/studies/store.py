"""Keeps studies and their answers in `MAMMO_HOME`: one folder a study, one file a reader, each answer written at once.

The answers name cases by their ids only. No picture is kept, neither real nor generated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from mammo_core.config import validate
from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import to_dict
from mammo_core.errors import InvalidRequestError, StoreError
from mammo_core.storage.atomic import disk_errors_explained, write_json
from mammo_core.storage.records import append_record, read_records
from mammo_core.studies.study import (
    HIGHEST,
    Reading,
    Study,
    reader_key,
    readings,
    study_from,
    study_values,
)
from mammo_core.text.untrusted import single_line

_STUDY, _ANSWERS = "study.json", "answers"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a reader answered at one step.

    Attributes:
        reading: The step.
        value: 0 to 100, 100 for surely malignant, or surely real; with forced choice 0 for the first mass, 100 for the
            second.
        seconds: In view, breaks left out.
        made: When, ISO 8601 in UTC.
    """

    reading: Reading
    value: int
    seconds: float
    made: str


@dataclass(frozen=True)
class ReaderAnswers:
    """All answers of one reader to a study, in order.

    Attributes:
        asked: All steps of the reader.
    """

    reader: str
    answers: tuple[Answer, ...]
    asked: tuple[Reading, ...]

    @property
    def next(self) -> Reading | None:
        """The step that is not answered yet; None after the last."""
        return self.asked[len(self.answers)] if len(self.answers) < len(self.asked) else None

    def is_complete(self, aided: bool) -> bool:
        """Whether a pass was read to its end."""
        left = self.asked[len(self.answers) :]
        return not any(reading.aided == aided for reading in left)


class StudyStore:
    """The studies of one installation.

    Args:
        home: `MAMMO_HOME`.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "studies"

    def save(self, study: Study) -> Path:
        """Writes a study, unless it is there; returns its file.

        Raises:
            StoreError: If it cannot be written.
        """
        path = self.folder / study.key / _STUDY
        if not path.exists():
            with disk_errors_explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, study_values(study))
        return path

    def find(self, key: str) -> Study:
        """Reads the study whose key begins with these digits.

        Raises:
            InvalidRequestError: If there is none or several, or it was changed after it was made.
        """
        found = [known for known in self.keys() if known.startswith(key)]
        if len(found) != 1 or not key:
            raise InvalidRequestError(
                f"Expected one study; {len(found)} have a key beginning with {single_line(key)!r}. Known are: "
                f"{', '.join(self.keys()) or 'none'}. Make one with `study create`."
            )
        path = self.folder / found[0] / _STUDY
        study = load_study(path)
        if study.key != found[0]:
            raise InvalidRequestError(
                f"Expected the study {found[0]} in {path}; got {study.key}. Get the file again, or make a new study."
            )
        return study

    def keys(self) -> list[str]:
        """Lists the keys of all studies, the newest last."""
        files = self.folder.glob(f"*/{_STUDY}")
        return [path.parent.name for path in sorted(files, key=lambda path: path.stat().st_mtime)]

    def read(self, study: Study, reader: str) -> ReaderAnswers:
        """Reads what a reader has answered so far.

        Raises:
            InvalidRequestError: If the name is empty.
            StoreError: If the file is not of this study and reader.
        """
        return self._read(study, self._file(study, reader), reader)

    def read_all(self, study: Study) -> list[ReaderAnswers]:
        """Reads the answers of all readers, by name; raises as `read`."""
        files = sorted((self.folder / study.key / _ANSWERS).glob("*.jsonl"))
        found = [self._read(study, path) for path in files]
        return sorted((one for one in found if one.answers), key=lambda one: one.reader.casefold())

    def add(
        self, study: Study, reader: str, reading: Reading, value: int, seconds: float
    ) -> Answer:
        """Writes the answer to the step that is the reader's next, and waits until the disk has it.

        Raises:
            InvalidRequestError: If this step is not the next one, because it was answered in another window, or the
                value is not of the scale.
            StoreError: If it cannot be written.
        """
        validate.at_least(0, value=value, seconds=seconds)
        validate.at_most(HIGHEST, value=value)
        self.save(study)
        path = self._file(study, reader)
        with disk_errors_explained(path):
            path.parent.mkdir(exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            known = self._read(study, path, reader)
            if known.next != reading:
                raise InvalidRequestError(
                    f"Expected an answer to step {len(known.answers) + 1} of {len(known.asked)}; got one to step "
                    f"{reading.number + 1}. {known.reader} has answered it in another window. Go on with the next one."
                )
            answer = Answer(
                reading=reading,
                value=value,
                seconds=round(seconds, 2),
                made=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            if not read_records(path):
                append_record(path, {"study": study.key, "reader": single_line(reader)})
            append_record(path, to_dict(answer))
        return answer

    def _file(self, study: Study, reader: str) -> Path:
        return self.folder / study.key / _ANSWERS / f"{reader_key(reader)}.jsonl"

    def _read(self, study: Study, path: Path, reader: str = "") -> ReaderAnswers:
        records = read_records(path)
        if not records:
            return ReaderAnswers(single_line(reader), (), readings(study, reader) if reader else ())
        try:
            name = str(records[0]["reader"])
            answers = tuple(from_dict(Answer, values) for values in records[1:])
            asked = readings(study, name)
            is_ours = records[0]["study"] == study.key and reader_key(name) == path.stem
            if not is_ours or [one.reading for one in answers] != list(asked[: len(answers)]):
                raise ValueError("answers of another study or reader, or not all of them")
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"Expected the answers of one reader to the study {study.key} in {path}; got something else ({error}). "
                "Put a copy of the file in its place."
            ) from error
        return ReaderAnswers(name, answers, asked)


def load_study(path: Path) -> Study:
    """Reads a study's file.

    Raises:
        InvalidRequestError: If there is none, or it was changed after it was made.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            f"Expected the file of a reader study at {path}; got none ({error}). Check the path, or make a study."
        ) from error
    return study_from(values, path)
