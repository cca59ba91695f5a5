"""The one control that takes figures and tables out: which files it offers, and what is in them."""

import base64
import io
import zipfile

import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image
from pptx import Presentation
from pyarrow import parquet as pq
from streamlit.testing.v1 import AppTest

from mammo_core.errors import InvalidRequestError
from mammo_core.figures.provenance import Provenance
from pages.ui.components import export
from pages.ui.components.export import ExportBundle, slug

TOLD = Provenance(title="Curves", notes=("ε = 6 per patient.",))


def bundle(**changed):
    figure = go.Figure(go.Scatter(x=[1, 2], y=[0.5, 0.75], name="=site"))
    return ExportBundle(
        **{"name": "curves", "provenance": TOLD, "figures": {"ROC": figure}} | changed
    )


@pytest.fixture
def no_chrome(monkeypatch):
    monkeypatch.setattr(export, "can_draw_images", lambda: False)


def test_figure_is_offered_as_images_page_and_numbers(monkeypatch):
    monkeypatch.setattr(export, "can_draw_images", lambda: True)

    names = list(bundle().files())

    images = ["curves.png", "curves.svg", "curves.pptx"]
    assert names == [*images, "curves.html", "curves.csv", "curves.parquet"]


def test_slides_have_the_title_in_their_own_type_and_a_picture_each(monkeypatch):
    content, drawn = io.BytesIO(), []
    Image.new("RGB", (110, 60)).save(content, "PNG")

    def draw(figure, kind, provenance):
        drawn.append((kind, provenance.title))
        return content.getvalue()

    monkeypatch.setattr(export, "can_draw_images", lambda: True)
    monkeypatch.setattr(export, "figure_image", draw)
    figures = bundle().figures | {"Scores": go.Figure(go.Bar(x=["a"], y=[1]))}

    made = Presentation(io.BytesIO(bundle(figures=figures).files()["curves.pptx"]()))

    assert [slide.shapes.title.text for slide in made.slides] == ["ROC", "Scores"]
    assert drawn == [("png", ""), ("png", "")]
    said = " ".join(
        shape.text_frame.text for shape in made.slides[0].shapes if shape.has_text_frame
    )
    assert "Research use only, not for diagnosis. ε = 6 per patient." in said


def test_several_figures_have_an_image_and_a_table_each(monkeypatch):
    monkeypatch.setattr(export, "can_draw_images", lambda: True)
    figures = bundle().figures | {"Scores": go.Figure(go.Bar(x=["a"], y=[1]))}

    files = bundle(figures=figures).files()

    assert {"curves_1.png", "curves_2.svg", "curves.html", "curves_1.csv"} <= set(files)
    table = pd.read_csv(io.BytesIO(files["curves_2.csv"]()))
    assert table.to_numpy().tolist() == [["series 1", "a", 1]]


def test_numbers_behind_a_figure_are_safe_in_a_spreadsheet(no_chrome):
    files = bundle().files()

    assert files["curves.csv"]().decode().splitlines() == [
        "series,x,y",
        "'=site,1,0.5",
        "'=site,2,0.75",
    ]
    read = pq.read_table(io.BytesIO(files["curves.parquet"]()))
    assert read.column("series").to_pylist() == ["=site", "=site"]
    assert read.schema.metadata[b"Description"].decode() == "ε = 6 per patient."


def test_tables_of_its_own_replace_what_is_drawn_and_are_made_when_asked(no_chrome):
    asked = []

    def runs():
        asked.append(1)
        return pd.DataFrame({"auroc": [0.75]})

    files = bundle(tables={"runs": runs}).files()

    assert "curves.csv" not in files and not asked
    assert files["runs.csv"]() == b"auroc\n0.75\n" and asked


def test_zip_holds_every_file_and_says_where_they_are_from(no_chrome):
    archive = zipfile.ZipFile(io.BytesIO(bundle().zipped()[0]))

    assert set(archive.namelist()) == {"curves.html", "curves.csv", "curves.parquet", "README.txt"}
    readme = archive.read("README.txt").decode()
    for said in (
        "Curves",
        "Research use only, not for diagnosis.",
        "ε = 6 per patient.",
        "Made with",
    ):
        assert said in readme


def test_zip_says_which_file_could_not_be_made(monkeypatch):
    def failing(*_):
        raise InvalidRequestError("Chrome took longer.")

    monkeypatch.setattr(export, "can_draw_images", lambda: True)
    monkeypatch.setattr(export, "figure_image", failing)

    content, missing = bundle().zipped()

    archive = zipfile.ZipFile(io.BytesIO(content))
    assert missing[0] == "curves.png is missing. Chrome took longer." and len(missing) == 3
    assert "curves.png" not in archive.namelist() and "curves.csv" in archive.namelist()
    assert "curves.png is missing. Chrome took longer." in archive.read("README.txt").decode()


def script():
    import plotly.graph_objects as go

    from mammo_core.figures.provenance import Provenance
    from pages.ui.components.export import ExportBundle, export_button

    told = Provenance(title="Curves of *site*")
    export_button(ExportBundle(name="curves", provenance=told, figures={"ROC": go.Figure()}))


def test_control_without_chrome_says_how_to_get_images(no_chrome):
    app = AppTest.from_function(script).run()

    assert not app.exception
    labels = [button.label for button in app.get("download_button")]
    assert "curves.html" in labels and "curves.png" not in labels
    captions = [caption.value for caption in app.caption]
    assert captions[0] == "Curves of \\*site\\*"
    assert "open the HTML file" in captions[1]


def test_image_that_could_not_be_drawn_says_so_on_the_page_with_what_to_do(monkeypatch):
    def failing(*_):
        raise InvalidRequestError("Chrome took longer. Try again, or take the HTML file.")

    monkeypatch.setattr(export, "can_draw_images", lambda: True)
    monkeypatch.setattr(export, "figure_image", failing)
    app = AppTest.from_function(script).run()

    app.button(key="take_curves.png").click().run()

    assert not app.exception
    assert [error.value for error in app.error] == [
        "Chrome took longer. Try again, or take the HTML file."
    ]
    app.button(key="take_curves_zip").click().run()
    assert "curves.svg is missing." in app.error[1].value
    assert "curves.zip" in app.get("html")[0].proto.body


def test_image_is_handed_to_the_browser(monkeypatch):
    monkeypatch.setattr(export, "can_draw_images", lambda: True)
    monkeypatch.setattr(export, "figure_image", lambda *_: b"drawn")
    app = AppTest.from_function(script).run()

    app.button(key="take_curves.png").click().run()

    assert not app.error
    assert base64.b64encode(b"drawn").decode() in app.get("html")[0].proto.body


def test_talk_mode_has_no_control(monkeypatch):
    monkeypatch.setattr(export, "in_talk_mode", lambda: True)

    app = AppTest.from_function(script).run()

    assert not app.get("download_button")


@pytest.mark.parametrize(
    "name", ["../../etc", "<img src=x>", "a/b\\c", "x" * 300, "", "....", "名 前"]
)
def test_file_names_are_harmless_on_every_system(name):
    plain = slug(name)

    assert 1 <= len(plain) <= 40
    assert all(one.isalnum() or one in "-_" for one in plain)
