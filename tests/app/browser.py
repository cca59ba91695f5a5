"""Waiting for pages in a real browser; the fixtures that open them are in `conftest`."""

READY = "[data-testid='stApp'][data-test-script-state='notRunning']"


_FITS = """() => [document.documentElement, document.querySelector("[data-testid='stMain']")]
    .every(part => part.scrollWidth <= part.clientWidth)"""
_ABOVE = """([upper, lower]) => document.querySelector(upper).getBoundingClientRect().bottom
    <= document.querySelector(lower).getBoundingClientRect().top"""


def settle(page):
    page.wait_for_selector(READY, timeout=90_000)


def expect_no_sideways_scrolling(page):
    """Waits until the page is no wider than its window; charts take a moment to find their size."""
    page.wait_for_function(_FITS)


def expect_above(page, upper, lower):
    """Waits until one part of the page ends before the other begins."""
    page.wait_for_function(_ABOVE, arg=[upper, lower])
