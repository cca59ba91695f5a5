// A presenter's keys for the screen itself: F fills it, B or a full stop makes it black, the space bar goes on.

const TYPED_INTO = ["INPUT", "TEXTAREA", "SELECT"];
const CURTAIN = "talk-curtain";

function toggleCurtain() {
  const hanging = document.getElementById(CURTAIN);
  if (hanging) return hanging.remove();
  const curtain = document.createElement("div");
  curtain.id = CURTAIN;
  curtain.style.cssText = "position: fixed; inset: 0; z-index: 1000000; background: #000;";
  curtain.addEventListener("click", () => curtain.remove());
  document.body.append(curtain);
}

function toggleFullScreen() {
  const change = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  change.catch(() => {}); // a browser may forbid it; the talk goes on in its window
}

function goOn() {
  for (const kind of ["keydown", "keyup"])
    document.body.dispatchEvent(new KeyboardEvent(kind, { key: "PageDown", code: "PageDown", keyCode: 34, bubbles: true }));
}

export default function () {
  const onKey = (event) => {
    const from = event.composedPath()[0];
    const isText = TYPED_INTO.includes(from.tagName) && from.type !== "range";
    if (isText || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const isPressed = ["BUTTON", "SUMMARY", "A"].includes(from.tagName) || from.role === "button";
    if (key === "f") toggleFullScreen();
    else if (key === "b" || key === ".") toggleCurtain();
    else if (key === " " && !isPressed) goOn();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener("keydown", onKey, true);
  return () => {
    document.removeEventListener("keydown", onKey, true);
    document.getElementById(CURTAIN)?.remove();
  };
}
