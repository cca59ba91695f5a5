import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.ui.shell import access_gate
from tests.app.helpers import ROOT

PASSWORD = "correct horse battery"


@pytest.fixture
def listening_everywhere(monkeypatch):
    real = st.get_option
    monkeypatch.setattr(
        access_gate.st,
        "get_option",
        lambda name: "0.0.0.0" if name == "server.address" else real(name),
    )


def open_front_door():
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    return app


def test_unguarded_server_shows_nothing_but_what_to_do(listening_everywhere):
    app = open_front_door()

    assert "MAMMO_PASSWORD_FILE" in app.error[0].value
    assert not app.title


def test_password_opens_the_door_and_a_wrong_one_does_not(listening_everywhere, monkeypatch):
    monkeypatch.setenv("MAMMO_PASSWORD", PASSWORD)
    app = open_front_door()
    assert [box.label for box in app.text_input] == ["Password"]

    app.text_input[0].set_value("wrong password")
    app.button[0].click().run()
    assert "not the password" in app.error[0].value
    assert len(app.get("page_link")) == 0

    app.text_input[0].set_value(PASSWORD)
    app.button[0].click().run()
    assert not app.error
    assert "Password" not in [box.label for box in app.text_input]
    assert app.get("page_link")


def test_every_page_is_behind_the_door(listening_everywhere, monkeypatch):
    monkeypatch.setenv("MAMMO_PASSWORD", PASSWORD)
    for path in sorted((ROOT / "pages").glob("*.py")):
        app = AppTest.from_file(str(path), default_timeout=60).run()

        assert not app.exception
        assert [box.label for box in app.text_input] == ["Password"], path.name


def test_guessing_is_slowed_down(listening_everywhere, monkeypatch):
    monkeypatch.setenv("MAMMO_PASSWORD", PASSWORD)
    app = open_front_door()
    for _ in range(6):
        app.text_input[0].set_value("a guess of some length")
        app.button[0].click().run()

    assert "Try again in" in app.error[0].value
