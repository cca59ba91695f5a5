// Hands keys on to the page's shortcuts while a slider or another control without text has the focus.
//
// Streamlit's shortcuts are silent there, and the control would take the key for itself.

const PAGES = ["PageUp", "PageDown"]; // no use in a field of one line
const WITHOUT_TEXT = ["range", "checkbox", "radio"];

export default function ({ data }) {
  const onKey = (event) => {
    const from = event.composedPath()[0];
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    const isText = from.tagName === "TEXTAREA" || (from.tagName === "INPUT" && !WITHOUT_TEXT.includes(from.type));
    if (data.once && event.repeat && !isText && data.keys.includes(key)) { // held down
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const isOpen = from.getAttribute?.("aria-expanded") === "true";
    if (from.tagName !== "INPUT" || hasModifier || isOpen || !data.keys.includes(key)) return;
    if (!WITHOUT_TEXT.includes(from.type) && !PAGES.includes(key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    for (const kind of ["keydown", "keyup"]) {
      const { code, keyCode } = event;
      document.body.dispatchEvent(new KeyboardEvent(kind, { key: event.key, code, keyCode, bubbles: true }));
    }
  };
  document.addEventListener("keydown", onKey, true);
  return () => document.removeEventListener("keydown", onKey, true);
}
