"""Archives that are whole, damaged, or made to do harm."""

import io
import struct
import warnings
import zipfile
from types import SimpleNamespace

import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion import archives
from mammo_core.ingestion.archives import ArchiveLimits, unpack_safely


def packed(path, members, method=zipfile.ZIP_DEFLATED):
    """A ZIP file of (name or ZipInfo, content) in the order given, without any check."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names given twice
        for name, content in members:
            archive.writestr(name, content)
    return path


def special(name, mode):
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = mode << 16
    return member


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def target(tmp_path):
    """Where to unpack; after each test nothing but it and the archives may be there."""
    return tmp_path / "place" / "unpacked"


def refuse(archive, target, match, **options):
    before = files_below(archive.parent)

    with pytest.raises(IngestionError, match=match):
        unpack_safely(archive, target, **options)

    assert files_below(archive.parent) == before
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


def test_everything_is_unpacked_and_told(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("x/", b""), ("x/1.png", b"one"), ("2.txt", b"two")])
    told = []

    count = unpack_safely(archive, target, on_progress=lambda *now: told.append(now))

    assert count == 2
    assert files_below(target) == {"x/1.png": b"one", "2.txt": b"two"}
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert list(target.parent.iterdir()) == [target]


def test_only_what_is_wanted_is_unpacked_under_its_new_name(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("repo-1/keep/1.png", b"one"), ("repo-1/code.py", b"no")])

    unpack_safely(
        archive,
        target,
        wanted=lambda name: name.removeprefix("repo-1/") if "keep" in name else None,
    )

    assert files_below(target) == {"keep/1.png": b"one"}


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "x/../../evil",
        "/etc/evil",
        "C:/evil",
        "..\\evil",
        "x\\..\\..\\evil",
        "x//y",
        "x/./y",
        "x/.. /y",
        "new\nline",
        "escape\x1b[31m",
        "turned\u202egnp.exe",
        "x" * 300,
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, target, name):
    archive = packed(tmp_path / "a.zip", [("good.png", b"fine"), (name, b"evil")])

    refuse(archive, target, "plain names below one folder")


def test_name_cut_by_a_zero_byte_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("good.pngX/../../evil", b"evil")])
    archive.write_bytes(archive.read_bytes().replace(b"good.pngX", b"good.png\0"))

    refuse(archive, target, "plain names below one folder")


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060666, 0o010666, 0o140777])
def test_links_and_devices_are_refused(tmp_path, target, mode):
    archive = packed(tmp_path / "a.zip", [(special("link", mode), b"/etc/passwd")])

    refuse(archive, target, "a link or device")


@pytest.mark.parametrize(
    "names", [("a.png", "a.png"), ("a.png", "A.PNG"), ("caf\u00e9", "cafe\u0301")]
)
def test_names_that_meet_on_some_file_system_are_refused(tmp_path, target, names):
    archive = packed(tmp_path / "a.zip", [(name, b"x") for name in names])

    refuse(archive, target, "twice")


def test_name_that_is_file_and_folder_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("a", b"x"), ("a/b", b"y")])

    refuse(archive, target, "a file or a folder")


def test_encrypted_members_are_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("secret.png", b"x")])
    content = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(mark) + offset] |= 1
    archive.write_bytes(content)

    refuse(archive, target, "encrypted")


def test_other_ways_of_packing_are_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("a.png", b"x" * 100)], zipfile.ZIP_LZMA)

    refuse(archive, target, "packed by method 14")


def test_bomb_by_ratio_is_refused_before_it_unpacks(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [(f"{i}.png", bytes(1 << 20)) for i in range(4)])

    refuse(archive, target, "packed at most 200 to 1", limits=ArchiveLimits(trusted_bytes=3 << 20))


def test_mask_that_is_nearly_empty_is_no_bomb(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("mask.dcm", bytes(4 << 20))])

    assert unpack_safely(archive, target) == 1


def test_file_larger_than_any_image_is_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1 << 20)
    archive = packed(tmp_path / "a.zip", [("large.dcm", bytes((1 << 20) + 1))])

    refuse(archive, target, "files of at most 1 MiB")


def test_disk_that_is_nearly_full_is_left_alone(tmp_path, target, monkeypatch):
    monkeypatch.setattr(
        archives.shutil, "disk_usage", lambda path: SimpleNamespace(free=(1 << 30) + 5)
    )
    archive = packed(tmp_path / "a.zip", [("a.png", b"123456")])

    refuse(archive, target, "the limit and the disk leave")


def test_too_much_in_all_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [(f"{i}.png", b"x" * 100) for i in range(5)])

    refuse(archive, target, "to unpack", limits=ArchiveLimits(num_bytes=499))
    refuse(archive, target, "at most 4 files", limits=ArchiveLimits(num_files=4))
    assert unpack_safely(archive, target, limits=ArchiveLimits(num_bytes=500, num_files=5)) == 5


def test_table_of_contents_that_would_fill_the_memory_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("a.png", b"x")])
    content = bytearray(archive.read_bytes())
    struct.pack_into("<L", content, content.rfind(b"PK\x05\x06") + 12, 1 << 30)
    archive.write_bytes(content)

    refuse(archive, target, "table of contents of at most 32 MiB")


def test_members_that_share_bytes_are_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("a.png", b"x" * 50), ("b.png", b"y" * 50)])
    content = bytearray(archive.read_bytes())
    second = content.rfind(b"PK\x01\x02")
    struct.pack_into("<L", content, second + 42, 0)  # where its bytes begin
    archive.write_bytes(content)

    refuse(archive, target, "bytes of its own")


def test_damaged_and_truncated_archives_leave_nothing(tmp_path, target):
    whole = packed(
        tmp_path / "a.zip", [(f"{i}.png", b"content" * 9) for i in range(9)]
    ).read_bytes()
    archive = tmp_path / "damaged.zip"

    for content in (b"", b"<html>no</html>", whole[: len(whole) // 2], whole[40:]):
        archive.write_bytes(content)
        refuse(archive, target, "damaged or cut short|bytes of its own|Expected")
    flipped = bytearray(whole)
    flipped[45] ^= 255
    archive.write_bytes(flipped)
    refuse(archive, target, "damaged or cut short")


def test_declared_size_that_lies_is_found(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [("a.png", b"x" * 5000)])
    content = bytearray(archive.read_bytes())
    struct.pack_into("<L", content, content.rfind(b"PK\x01\x02") + 24, 10)
    archive.write_bytes(content)

    refuse(archive, target, "damaged or cut short")


def test_stopping_leaves_nothing(tmp_path, target):
    archive = packed(tmp_path / "a.zip", [(f"{i}.png", b"x") for i in range(5)])
    asked = iter([False, False, True])

    assert unpack_safely(archive, target, should_stop=lambda: next(asked)) == 0
    assert list(target.parent.iterdir()) == []


def test_existing_folder_is_never_touched(tmp_path):
    archive = packed(tmp_path / "a.zip", [("a.png", b"x")])
    target = tmp_path / "mine"
    target.mkdir()
    (target / "own.txt").write_text("own")

    with pytest.raises(IngestionError, match="Expected no folder mine yet"):
        unpack_safely(archive, target)

    assert files_below(target) == {"own.txt": b"own"}


def test_archive_in_an_archive_stays_packed(tmp_path, target):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as nested:
        nested.writestr("../evil", b"evil")
    archive = packed(tmp_path / "a.zip", [("inner.zip", inner.getvalue())])

    unpack_safely(archive, target)

    assert list(files_below(target)) == ["inner.zip"]
