import pytest

from tests.app.helpers import open_page


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


@pytest.mark.parametrize("page", ["home", "trade_off"])
def test_every_page_opens_and_says_research_use_only(page):
    app = open_page(page)

    assert not app.exception
    assert "Research use only, not for diagnosis" in texts(app)


def test_front_page_says_how_to_get_data_and_what_is_shipped():
    app = open_page("home")

    assert "RichardObi/mammo_dp" in texts(app)
    assert "built-in demo" in texts(app)
    assert "578 training patients" in texts(app)
