// The window (level and width) through which a page shows its grey pictures, and the tools that set it.
//
// It is DICOM's linear one (PS3.3 C.11.2.1.2). All parts of a page share it. `browser_part` puts this text before
// that of a part.

const PRESETS = {
  "As drawn": [128, 256],
  "More contrast": [128, 128],
  "Dark parts": [72, 128],
  "Bright parts": [184, 128],
  "Less contrast": [128, 448],
};
const [FULL_LEVEL, FULL_WIDTH] = PRESETS["As drawn"];
const REST_MS = 400;
const view = (window.massBoardView ??= {
  level: FULL_LEVEL, width: FULL_WIDTH, invert: false, isSet: false, boards: new Set(), chosen: {},
});

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

function setView(change, source) {
  Object.assign(view, change);
  view.level = Math.round(clamp(view.level, 0, 255));
  view.width = Math.round(clamp(view.width, 2, 512));
  for (const board of view.boards) board.paintSoon();
  clearTimeout(view.rest);
  view.rest = setTimeout(() => source.tellView(), REST_MS);
}

// A part whose pictures are seen through the window: its `paint` draws them, its `setState` reaches Python.
class WindowedPart {
  // For when the window has come to rest.
  tellView() {
    view.rest = null;
    this.setState("view", { level: view.level, width: view.width, invert: view.invert });
  }

  paintSoon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = null; this.paint(); });
  }
}

// What each of the 256 grey levels looks like, as a pixel of a canvas.
function lookUpTable() {
  const table = new Uint32Array(256);
  for (let grey = 0; grey < 256; grey++) {
    const share = (grey - (view.level - 0.5)) / (view.width - 1) + 0.5;
    let shown = Math.round(clamp(share * 255, 0, 255));
    if (view.invert) shown = 255 - shown;
    table[grey] = (255 << 24) | (shown << 16) | (shown << 8) | shown;
  }
  return table;
}

class WindowTools {
  constructor(root, source) {
    const find = (selector) => root.querySelector(selector);
    find(".tools").prepend(find(".window-tools"));
    this.level = find(".level"); this.levelValue = find(".level-value");
    this.width = find(".width"); this.widthValue = find(".width-value");
    this.invert = find(".invert"); this.preset = find(".preset"); this.reset = find(".reset");
    this.preset.replaceChildren(...["Presets", ...Object.keys(PRESETS)].map((name) => new Option(name)));
    this.level.oninput = () => setView({ level: +this.level.value }, source);
    this.width.oninput = () => setView({ width: +this.width.value }, source);
    this.invert.onclick = () => setView({ invert: !view.invert }, source);
    this.reset.onclick = () => setView({ level: FULL_LEVEL, width: FULL_WIDTH, invert: false }, source);
    this.preset.onchange = () => {
      const [level, width] = PRESETS[this.preset.value] ?? [view.level, view.width];
      setView({ level, width }, source);
    };
  }

  paint() {
    this.level.value = view.level; this.levelValue.textContent = view.level;
    this.width.value = view.width; this.widthValue.textContent = view.width;
    this.invert.setAttribute("aria-pressed", view.invert);
    const preset = Object.entries(PRESETS).find(
      ([, [level, width]]) => level === view.level && width === view.width);
    this.preset.value = preset ? preset[0] : "Presets";
  }
}

