"""Waiting for pages in a real browser; the fixtures that open them are in `conftest`."""

READY = "[data-testid='stApp'][data-test-script-state='notRunning']"


def settle(page):
    page.wait_for_selector(READY, timeout=90_000)
