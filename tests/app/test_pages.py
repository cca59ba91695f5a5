import pytest

from tests.app.helpers import ROOT, open_page


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


@pytest.mark.parametrize("page", sorted(path.stem for path in (ROOT / "pages").glob("*.py")))
def test_every_page_opens_and_says_research_use_only(page):
    app = open_page(page)

    assert not app.exception
    assert "Research use only, not for diagnosis" in texts(app)


def test_front_page_says_how_to_get_data_and_what_is_shipped():
    app = open_page("home")

    assert "RichardObi/mammo_dp" in texts(app)
    assert "built-in demo" in texts(app)
    assert "578 training patients" in texts(app)
    assert "cascade: no guarantee" in texts(app)
    assert "cascade_private: (10, 0.0001)-differential privacy per patient" in texts(app)
    assert "processor cores" in texts(app)
    assert "your own: 0 runs" in texts(app)
