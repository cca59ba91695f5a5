"""What axe, the usual checker of accessibility, finds on every page, dialog and slide, in both themes."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.app.browser import settle
from tests.app.helpers import ROOT

pytestmark = pytest.mark.browser
PAGES = sorted(path.stem.removeprefix("home") for path in (ROOT / "pages").glob("*.py"))
VIEWS = [
    "synthetic?mass=3",
    "synthetic?mass=3&mass_view=Directions",
    "privacy?privacy_tab=Attacks+and+audit",
    "privacy?privacy_tab=Ledger",
    "data?data_tab=Import",
    "synthetic?mass=3&mass_view=To+another+seed",
    "read_case?case_source=Your+own+image",
    "reader_study?study_tab=Set+up",
    "reader_study?study_tab=Results",
    "data?data_tab=The+paper%27s+data",
    *(
        f"privacy?privacy_tab={tab}"
        for tab in ("Unit", "Composition", "Accounting", "Clipping+and+noise", "Pitfalls")
    ),
    *(f"lessons?lesson={number}" for number in range(1, 6)),
    *(f"?tour={step}" for step in range(1, 7)),
    *(f"?talk=1&step={step}" for step in range(1, 16)),
]
# Streamlit writes the groups of its menu as parts of one list
NOT_OURS = [["[data-testid='stSidebarNavItems']"]]


@pytest.fixture(autouse=True)
def laptop(page):
    page.set_viewport_size({"width": 1280, "height": 800})


def serious_faults(page):
    """What axe calls serious or critical, and headings that skip a level; the rule, the part, and why."""
    violations = Axe().run(page, context={"exclude": NOT_OURS}).response["violations"]
    return [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in violations
        if violation["impact"] in ("serious", "critical") or violation["id"] == "heading-order"
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(
    "view", [*PAGES, *(pytest.param(view, marks=pytest.mark.slow) for view in VIEWS)]
)
def test_axe_finds_nothing_serious_in_either_theme(page, address, view):
    page.goto(f"{address}/{view}")
    expect(page.locator("h1, h2").first).to_be_visible(timeout=60_000)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator(".stApp")).to_have_css("color-scheme", theme)
        settle(page)
        assert serious_faults(page) == []


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("<p style='color: #999; background: #aaa'>hardly read</p>", "color-contrast"),
        ("<img src='data:image/png;base64,'>", "image-alt"),
        ("<h6>deep</h6>", "heading-order"),
    ],
)
def test_checker_sees_what_is_wrong(page, address, broken, rule):
    page.goto(f"{address}/glossary")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("it => document.querySelector('h1').insertAdjacentHTML('afterend', it)", broken)

    assert {rule} == {name for name, *_ in serious_faults(page)}
