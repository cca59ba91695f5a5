"""Waiting for pages in a real browser; the fixtures that open them are in `conftest`."""

from playwright.sync_api import expect

READY = "[data-testid='stApp'][data-test-script-state='notRunning']"


_FITS = """() => [document.documentElement, document.querySelector("[data-testid='stMain']")]
    .every(part => part.scrollWidth <= part.clientWidth)"""
_ABOVE = """([upper, lower]) => document.querySelector(upper).getBoundingClientRect().bottom
    <= document.querySelector(lower).getBoundingClientRect().top"""


def settle(page):
    page.wait_for_selector(READY, timeout=90_000)


def expect_heading(page, name, timeout=20_000):
    """Waits for the one heading of this name: while pages change, an old and a new one stand there for a moment."""
    heading = page.get_by_role("heading", name=name, exact=True)
    expect(heading).to_have_count(1, timeout=timeout)
    expect(heading).to_be_visible()


def expect_no_sideways_scrolling(page):
    """Waits until the page is no wider than its window; charts take a moment to find their size."""
    page.wait_for_function(_FITS)


def expect_above(page, upper, lower):
    """Waits until one part of the page ends before the other begins."""
    page.wait_for_function(_ABOVE, arg=[upper, lower])


def expect_above_the_fold(page, *parts):
    """Waits until these parts of the page are whole in its window, nothing scrolled."""
    for part in parts:
        expect(part).to_be_visible()
        part.evaluate(_IS_WHOLE)


_IS_WHOLE = """part => new Promise((resolve, reject) => {
    const end = performance.now() + 20000;
    const look = () => {
        const { top, left, bottom, right } = part.getBoundingClientRect();
        if (bottom > top && top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth) resolve();
        else if (performance.now() > end) reject(new Error(
            `Expected a part within ${innerWidth} x ${innerHeight}; got ${[left, top, right, bottom]}: ${part.outerHTML.slice(0, 200)}`));
        else requestAnimationFrame(look);
    };
    look();
})"""
