// Keeps the browser's history and the keyboard's focus as a reader expects them. Runs once per browser tab.
(() => {
  if (window.mammoFrame) return;
  window.mammoFrame = true;

  // --- History: one entry for each page that was visited, and for what covers a page.
  // Streamlit adds an entry whenever the server changes the address. Two masses of one click were two entries, and
  // the page that one left lost its settings: its address was emptied just before the next page got its own.
  const COVERS = ["mass", "talk"];
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  const isCovered = (url) => COVERS.some((name) => url.searchParams.has(name));
  let uncovered = null; // the address once Back has closed what covers the page

  history.pushState = history.replaceState = (state, title, address = location.href) => {
    const next = new URL(address, location.href);
    const wasCovered = isCovered(new URL(location.href));
    if (next.pathname !== location.pathname) push(state, title, next);
    else if (uncovered) uncovered = next;
    else if (isCovered(next) && !wasCovered) push({ covers: true }, title, next);
    else if (wasCovered && !isCovered(next) && history.state?.covers) {
      uncovered = next;
      history.back();
    } else replace({ ...history.state, ...state }, title, next);
  };
  addEventListener("popstate", () => {
    if (uncovered) replace(history.state, "", uncovered); // with what was changed meanwhile
    uncovered = null;
  }, true);

  const LINKS = "a[data-testid='stSidebarNavLink'], a[data-testid='stPageLink-NavLink']";
  addEventListener("click", (event) => {
    const link = event.target.closest?.(LINKS);
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const next = new URL(link.href);
    if (next.origin === location.origin && next.pathname !== location.pathname) push({}, "", next);
  }, true);

  // --- Focus: where it was before a dialog opened, once the dialog is closed.
  const DIALOG = "[role='dialog']";
  let focused = null;
  let isOpen = false;
  addEventListener("focusin", (event) => {
    const path = event.composedPath();
    if (!path.some((part) => part.matches?.(`${DIALOG}, [data-focus-guard]`))) [focused] = path;
  }, true);
  new MutationObserver(() => {
    const wasOpen = isOpen;
    isOpen = Boolean(document.querySelector(DIALOG));
    if (wasOpen && !isOpen) requestAnimationFrame(() => {
      if (document.activeElement === document.body && focused?.isConnected) focused.focus();
    });
  }).observe(document.body, { childList: true, subtree: true });
})();
