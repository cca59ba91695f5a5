// Grey pictures side by side under one window (level and width), to look at, select and open.
//
// Pixels arrive as drawn and are only shown through the window of `grey_window`.

const DRAG_PX = 4;
const boards = new WeakMap();

export default function (component) {
  let board = boards.get(component.parentElement);
  if (!board) {
    board = new Board(component.parentElement);
    boards.set(component.parentElement, board);
  }
  view.boards.add(board);
  board.update(component);
  return () => { view.boards.delete(board); boards.delete(component.parentElement); };
}

function decode(text) {
  const bytes = atob(text);
  const pixels = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) pixels[i] = bytes.charCodeAt(i);
  return pixels;
}

class Board extends WindowedPart {
  constructor(root) {
    super();
    const find = (selector) => root.querySelector(selector);
    this.root = find(".board");
    this.tools = find(".tools");
    this.hint = find(".hint");
    this.grid = find(".tiles");
    this.count = find(".count"); this.selection = find(".chosen");
    this.tiles = [];
    this.chosen = null;
    this.anchor = 0;
    this.windowTools = new WindowTools(root, this);
    find(".all").onclick = () => this.choose([...this.chosen, ...this.tiles.map((tile) => tile.key)]);
    find(".none").onclick = () => this.choose([]);
    this.grid.onkeydown = (event) => this.onKey(event);
  }

  update({ data, setStateValue, setTriggerValue }) {
    this.data = data;
    this.setState = setStateValue;
    this.trigger = setTriggerValue;
    if (!view.isSet) Object.assign(view, data.view, { isSet: true });
    this.tools.hidden = !data.tools;
    this.selection.hidden = !data.selectable;
    this.hint.hidden = !data.hint;
    this.hint.textContent = data.hint;
    this.grid.setAttribute("aria-label", data.label);
    this.grid.className = `tiles ${data.columns ? "fixed" : data.few ? "few" : ""}`;
    this.grid.style.setProperty("--tile", data.tile);
    this.grid.style.setProperty("--columns", data.columns || 1);
    this.showTiles();
    if (!this.chosen) this.choose(view.chosen[data.key] ?? []);
    this.showChosen();
    this.paint();
  }

  // Keeps the elements of tiles that stay, so that moving a slider does not flicker.
  showTiles() {
    const { tiles } = this.data;
    while (this.tiles.length > tiles.length) this.tiles.pop().figure.remove();
    tiles.forEach((tile, index) => {
      const kind = this.data.openable ? "BUTTON" : "DIV";
      let shown = this.tiles[index];
      if (!shown || shown.picture.tagName !== kind) {
        const made = this.makeTile(index, kind);
        if (shown) shown.figure.replaceWith(made.figure); else this.grid.append(made.figure);
        shown = this.tiles[index] = made;
      }
      if (shown.text !== tile.pixels) {
        shown.text = tile.pixels;
        shown.pixels = decode(tile.pixels);
        const side = Math.sqrt(shown.pixels.length);
        shown.canvas.width = shown.canvas.height = side;
        shown.frame = new ImageData(side, side);
        shown.out = new Uint32Array(shown.frame.data.buffer);
      }
      shown.key = tile.key;
      shown.alt = tile.alt;
      shown.caption.textContent = tile.caption;
      shown.box.hidden = !this.data.selectable;
      shown.box.setAttribute("aria-label", `Select: ${tile.alt}`);
    });
    this.reach(Math.min(this.anchor, tiles.length - 1), false);
  }

  makeTile(index, kind) {
    const figure = document.createElement("figure");
    const picture = document.createElement(kind.toLowerCase());
    const canvas = document.createElement("canvas");
    const below = document.createElement("figcaption");
    const box = document.createElement("input");
    const caption = document.createElement("span");
    figure.className = "tile";
    picture.className = "picture";
    if (kind === "BUTTON") picture.type = "button"; else picture.setAttribute("role", "img");
    box.type = "checkbox";
    box.tabIndex = -1; // Space on the picture does the same
    picture.append(canvas);
    below.append(box, caption);
    figure.append(picture, below);
    box.onchange = () => this.toggle(index);
    picture.onclick = (event) => this.onClick(event, index);
    picture.onpointerdown = (event) => this.onPointerDown(event, picture);
    return { figure, picture, canvas, context: canvas.getContext("2d"), box, caption };
  }

  onClick(event, index) {
    if (this.dragged) { this.dragged = false; return; }
    if (this.data.selectable && event.shiftKey) {
      const [low, high] = [Math.min(this.anchor, index), Math.max(this.anchor, index)];
      const range = this.tiles.slice(low, high + 1).map((tile) => tile.key);
      this.choose([...this.chosen, ...range]);
    } else if (this.data.selectable && (event.ctrlKey || event.metaKey)) {
      this.toggle(index);
    } else if (this.data.openable) {
      this.reach(index, false);
      this.tellNow();
      this.trigger("opened", this.tiles[index].key);
    }
  }

  // With a mouse or pen; a finger on a picture scrolls the page and has the sliders.
  onPointerDown(event, picture) {
    this.dragged = false;
    if (event.pointerType === "touch" || event.button !== 0) return;
    const start = { x: event.clientX, y: event.clientY, level: view.level, width: view.width };
    picture.onpointermove = (move) => {
      const right = move.clientX - start.x, down = move.clientY - start.y;
      if (!this.dragged && Math.hypot(right, down) < DRAG_PX) return;
      if (!this.dragged) picture.setPointerCapture(event.pointerId);
      this.dragged = true;
      setView({ level: start.level + down, width: start.width + right }, this);
    };
    picture.onpointerup = picture.onpointercancel = () => {
      picture.onpointermove = picture.onpointerup = picture.onpointercancel = null;
    };
  }

  onKey(event) {
    const current = this.tiles.findIndex((tile) => tile.picture === event.target);
    if (current < 0) return;
    const tops = this.tiles.map((tile) => tile.figure.offsetTop);
    const columns = tops.filter((top) => top === tops[0]).length;
    const last = this.tiles.length - 1;
    const goals = {
      ArrowLeft: current - 1, ArrowRight: current + 1,
      ArrowUp: current - columns, ArrowDown: current + columns, Home: 0, End: last,
    };
    if (event.key === " " && this.data.selectable) this.toggle(current);
    else if (event.key in goals) {
      const goal = goals[event.key];
      if (goal >= 0 && goal <= last) this.reach(goal, true);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // One tile is in the tab order; arrow keys move on from it.
  reach(index, focus) {
    this.anchor = Math.max(index, 0);
    if (!this.data.openable) return;
    this.tiles.forEach((tile, i) => { tile.picture.tabIndex = i === this.anchor ? 0 : -1; });
    if (focus) this.tiles[index].picture.focus();
  }

  toggle(index) {
    const { key } = this.tiles[index];
    const next = new Set(this.chosen);
    if (!next.delete(key)) next.add(key);
    this.anchor = index;
    this.choose([...next]);
  }

  // A selected mass stays so when the board shows others and comes back, also after another page.
  choose(keys) {
    const isNews = this.chosen || keys.length;
    this.chosen = new Set(keys);
    view.chosen[this.data.key] = keys;
    this.showChosen();
    if (!isNews) return;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.tellChosen(), REST_MS / 2);
  }

  showChosen() {
    for (const tile of this.tiles) {
      const isChosen = this.chosen.has(tile.key);
      tile.box.checked = isChosen;
      tile.figure.classList.toggle("is-chosen", isChosen);
      const state = this.data.selectable && isChosen ? ", selected" : "";
      tile.picture.setAttribute("aria-label", tile.alt + state);
    }
    const count = this.tiles.filter((tile) => this.chosen.has(tile.key)).length;
    this.count.textContent = count ? `${count} selected` : "none selected";
  }

  tellChosen() {
    this.rest = null;
    this.setState("chosen", [...this.chosen]);
  }

  // What waits to come to rest is told before a mass opens: told just after, its rerun would cut the
  // opening's short, and with it what that had set.
  tellNow() {
    if (this.rest) { clearTimeout(this.rest); this.tellChosen(); }
    if (view.rest) { clearTimeout(view.rest); this.tellView(); }
  }

  paint() {
    const table = lookUpTable();
    for (const { pixels, out, frame, context } of this.tiles) {
      for (let i = 0; i < pixels.length; i++) out[i] = table[pixels[i]];
      context.putImageData(frame, 0, 0);
    }
    this.windowTools.paint();
  }
}
