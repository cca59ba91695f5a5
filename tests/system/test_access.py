import pytest

from mammo_core.errors import InvalidRequestError
from mammo_core.system.access import Access, PasswordCheck, access_to

LONG = "correct horse battery"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost"])
def test_this_computer_alone_needs_no_password(address):
    access = access_to(address, {})

    assert access == Access(is_local=True, password=None, proxy_note="")
    assert "this computer only" in access.summary


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "10.0.0.5", "mammo.example"])
def test_others_may_not_connect_unless_someone_keeps_guard(address):
    with pytest.raises(InvalidRequestError, match="Expected a password or a proxy .* MAMMO_PASSW"):
        access_to(address, {})
    with pytest.raises(InvalidRequestError, match="Expected a password or a proxy"):
        access_to(address, {"MAMMO_BEHIND_PROXY": "  "})


def test_a_named_proxy_is_repeated_to_the_operator():
    access = access_to("0.0.0.0", {"MAMMO_BEHIND_PROXY": "nginx, hospital sign-on"})

    assert access.password is None
    assert "without a password, because: nginx, hospital sign-on." in access.summary


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{LONG}\r\n".encode(),
        f"{LONG} \n\n".encode(),
        f"\ufeff{LONG}\r\n".encode("utf-16-le"),
        f"{LONG}\n".encode("utf-16"),
    ],
)
def test_password_file_may_be_of_any_editor(tmp_path, content):
    (tmp_path / "password").write_bytes(content)

    access = access_to("0.0.0.0", {"MAMMO_PASSWORD_FILE": str(tmp_path / "password")})

    assert access.password == LONG


def test_password_comes_from_a_file_and_is_never_shown(tmp_path):
    file = tmp_path / "password"
    file.write_text(LONG + "\n")

    access = access_to("0.0.0.0", {"MAMMO_PASSWORD_FILE": str(file)})

    assert access.password == LONG
    assert LONG not in repr(access) + access.summary
    assert "in clear unless" in access.summary


def test_password_is_asked_for_on_this_computer_too_if_one_is_set():
    assert access_to("127.0.0.1", {"MAMMO_PASSWORD": LONG}).password == LONG


def test_unreadable_or_short_passwords_are_refused(tmp_path):
    with pytest.raises(InvalidRequestError, match="Expected a file with the password at"):
        access_to("0.0.0.0", {"MAMMO_PASSWORD_FILE": str(tmp_path / "none")})
    with pytest.raises(InvalidRequestError, match="12 characters or more in MAMMO_PASSWORD; got 5"):
        access_to("0.0.0.0", {"MAMMO_PASSWORD": "short"})
    with pytest.raises(InvalidRequestError, match="got 0"):
        access_to("127.0.0.1", {"MAMMO_PASSWORD": ""})


def test_five_wrong_passwords_shut_the_door_for_a_minute_even_to_the_right_one():
    clock = [0.0]
    check = PasswordCheck(LONG, now=lambda: clock[0])
    assert check.accepts(LONG)

    for second in range(5):
        clock[0] = second
        assert not check.accepts("wrong")
    with pytest.raises(InvalidRequestError, match="Try again in 56 s"):
        check.accepts(LONG)
    clock[0] = 60.5

    assert check.accepts(LONG)
