// Boxes on one or two pictures, drawn, moved and resized by pointer, finger or keyboard, under zoom and pan.
//
// A box counts in whole pixels of the full picture, however much of it is shown, and how large. "Turned" numbers
// count the same pixels as they are seen: columns from the other side if the picture is shown mirrored. Python hears
// of the boxes when they have come to rest, and says so only if numbers were typed instead.

const LEAST_PX = 4; // on the screen: anything smaller was a click
const SHARE = 0.01; // of the longer side of what is seen, per key press
const ZOOM_STEP = 1.25;
const LARGEST_ZOOM = 16;
const PAN_SHARE = 0.1; // of what is seen, per key press
const viewers = new WeakMap();
const kept = (window.boxEditorKept ??= {}); // by picture: its box and how many were typed, if the part is built anew

export default function (component) {
  let viewer = viewers.get(component.parentElement);
  if (!viewer) {
    viewer = new Viewer(component.parentElement);
    viewers.set(component.parentElement, viewer);
  }
  view.boards.add(viewer);
  viewer.update(component);
  return () => { view.boards.delete(viewer); viewers.delete(component.parentElement); };
}

// What the pictures share: tools, window, zoom.
class Viewer extends WindowedPart {
  constructor(root) {
    super();
    const find = (selector) => root.querySelector(selector);
    this.hint = find(".hint");
    this.frame = find(".frame");
    this.zoomValue = find(".zoom-value");
    this.pan = find(".pan");
    this.model = find(".view");
    this.model.remove();
    this.stages = [];
    this.zoom = 1;
    this.isPanning = false;
    this.windowTools = new WindowTools(root, this);
    this.windowTools.reset.addEventListener("click", () => this.zoomTo(1));
    find(".zoom-in").onclick = () => this.zoomTo(this.zoom * ZOOM_STEP);
    find(".zoom-out").onclick = () => this.zoomTo(this.zoom / ZOOM_STEP);
    this.pan.onclick = () => this.setPanning(!this.isPanning);
    new ResizeObserver(() => this.paintSoon()).observe(this.frame);
  }

  update({ data, setStateValue }) {
    this.setState = setStateValue;
    if (!view.isSet) Object.assign(view, data.view, { isSet: true });
    this.hint.textContent = data.hint;
    const keys = data.views.map(({ key }) => key);
    if (keys.join() !== this.stages.map(({ key }) => key).join()) {
      this.stages = keys.map((key) => new Stage(this, key, this.model.cloneNode(true)));
      this.frame.replaceChildren(...this.stages.map(({ root }) => root));
      this.frame.style.setProperty("--room", `${100 / keys.length}%`);
      this.zoom = 1;
    }
    this.stages.forEach((stage, index) => stage.update(data.views[index]));
    this.paintSoon();
  }

  setPanning(isPanning) {
    this.isPanning = isPanning;
    this.paintSoon();
  }

  // Zooms all pictures; a pointer stays where it is in the picture below it.
  zoomTo(zoom, below, event) {
    zoom = clamp(zoom, 1, LARGEST_ZOOM);
    if (Math.abs(zoom - 1) < 0.01) zoom = 1;
    const fixed = this.stages.map((stage) => (stage === below ? stage.pointAt(event) : stage.middle()));
    const ratio = this.zoom / zoom;
    this.zoom = zoom;
    this.stages.forEach((stage, index) => stage.zoomed(ratio, fixed[index]));
    this.paintSoon();
  }

  tellSoon() {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.setState(
      "boxes", Object.fromEntries(this.stages.map(({ key, box }) => [key, box]))), REST_MS);
  }

  paint() {
    const table = lookUpTable();
    for (const stage of this.stages) stage.paint(table);
    this.windowTools.paint();
    this.zoomValue.textContent = `${Math.round(100 * this.zoom)} %`;
    this.pan.setAttribute("aria-pressed", this.isPanning);
  }
}

// One picture with its box. `top` and `left`: where what is seen begins, in turned pixels.
class Stage {
  constructor(viewer, key, root) {
    const find = (selector) => root.querySelector(selector);
    this.viewer = viewer;
    this.key = key;
    this.root = root;
    this.name = find(".name");
    this.stage = find(".stage");
    this.canvas = find(".picture");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.mark = find(".mark");
    this.status = find(".status");
    this.picture = new Image();
    this.picture.onload = () => viewer.paintSoon();
    this.memory = (kept[key] ??= { box: null });
    this.top = this.left = 0;
    this.fingers = new Map();
    this.stage.onpointerdown = (event) => this.onPointerDown(event);
    this.stage.onpointermove = (event) => this.onPointerMove(event);
    this.stage.onpointerup = this.stage.onpointercancel = (event) => this.onPointerUp(event);
    this.stage.onmousedown = (event) => { if (event.button === 1) event.preventDefault(); }; // else the page scrolls
    this.stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.stage.onkeydown = (event) => this.onKey(event);
    this.stage.onkeyup = (event) => { if (event.key === " ") this.holdSpace(false); };
    this.stage.onblur = () => this.holdSpace(false);
  }

  update({ picture, shape, mirrored, name, label, typed }) {
    this.shape = shape;
    this.isMirrored = mirrored;
    this.name.textContent = name;
    this.stage.setAttribute("aria-label", label);
    this.root.style.setProperty("--aspect", shape[1] / shape[0]);
    if (this.shown !== picture) this.picture.src = this.shown = picture;
    if (this.memory.count !== typed.count) Object.assign(this.memory, typed);
  }

  get box() { return this.memory.box; } // [top, left, height, width]
  set box(box) { this.memory.box = box; }

  // Rows and columns seen.
  get seen() { return this.shape.map((length) => length / this.viewer.zoom); }

  // Turned pixels per pixel of the screen.
  get scale() { return this.seen[1] / this.stage.getBoundingClientRect().width; }

  // A box as it is seen; a box that is seen as it is.
  turned([top, left, height, width]) {
    return [top, this.isMirrored ? this.shape[1] - left - width : left, height, width];
  }

  pointAt(event) {
    const frame = this.stage.getBoundingClientRect(), { scale } = this;
    return [this.top + (event.clientY - frame.top) * scale, this.left + (event.clientX - frame.left) * scale];
  }

  // What zooming without a pointer keeps in its place: the middle of the box, of what is seen if that is elsewhere.
  middle() {
    const corner = [this.top, this.left];
    const boxed = this.box && this.turned(this.box);
    const isSeen = boxed && corner.every((from, axis) =>
      boxed[axis] + boxed[axis + 2] > from && boxed[axis] < from + this.seen[axis]);
    return corner.map((from, axis) =>
      isSeen ? boxed[axis] + boxed[axis + 2] / 2 : from + this.seen[axis] / 2);
  }

  zoomed(ratio, [y, x]) {
    this.panTo(y - (y - this.top) * ratio, x - (x - this.left) * ratio);
  }

  panTo(top, left) {
    this.top = clamp(top, 0, this.shape[0] - this.seen[0]);
    this.left = clamp(left, 0, this.shape[1] - this.seen[1]);
    this.viewer.paintSoon();
  }

  get isPanning() { return this.viewer.isPanning || this.isSpaceHeld; }

  holdSpace(isHeld) {
    this.isSpaceHeld = isHeld;
    this.viewer.paintSoon();
  }

  onPointerDown(event) {
    const isPan = event.button === 1 || (event.button === 0 && this.isPanning);
    if (event.button !== 0 && !isPan) return;
    event.preventDefault();
    this.stage.focus({ preventScroll: true });
    this.stage.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, event);
    if (this.fingers.size === 1) this.drag = isPan ? this.panning(event) : this.drawing(event);
    else {
      this.drag?.undo?.();
      this.drag = this.fingers.size === 2 ? this.pinching() : null;
    }
  }

  onPointerMove(event) {
    if (!this.fingers.has(event.pointerId)) return;
    this.fingers.set(event.pointerId, event);
    this.drag?.move(event);
  }

  onPointerUp(event) {
    if (!this.fingers.delete(event.pointerId)) return;
    this.drag?.end?.();
    this.drag = null;
  }

  panning(event) {
    const { top, left, scale } = this;
    return {
      move: (now) => this.panTo(
        top - (now.clientY - event.clientY) * scale, left - (now.clientX - event.clientX) * scale),
    };
  }

  pinching() {
    const spread = ([one, other]) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const between = ([one, other]) => ({
      clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2,
    });
    const { zoom } = this.viewer, first = [...this.fingers.values()];
    const held = this.pointAt(between(first));
    return {
      move: () => {
        const now = [...this.fingers.values()], middle = between(now);
        this.viewer.zoomTo((zoom * spread(now)) / Math.max(1, spread(first)), this, middle);
        const [y, x] = this.pointAt(middle);
        this.panTo(this.top + held[0] - y, this.left + held[1] - x);
      },
    };
  }

  drawing(event) {
    const start = this.pointAt(event), before = this.box, boxed = before && this.turned(before);
    const edge = event.target.dataset?.edge;
    const isMove = !edge && event.target === this.mark;
    const undo = () => { this.box = before; this.paintMark(); };
    return {
      undo,
      move: (now) => {
        const [y, x] = this.pointAt(now);
        if (edge) this.setCorners(this.opposite(boxed, edge), [y, x]);
        else if (isMove) this.moveTo(boxed[0] + y - start[0], boxed[1] + x - start[1]);
        else this.setCorners(start, [y, x]);
      },
      end: () => {
        if (!isMove && this.box && Math.min(this.box[2], this.box[3]) < LEAST_PX * this.scale) undo();
        this.viewer.tellSoon();
      },
    };
  }

  opposite([top, left, height, width], edge) {
    return [edge[0] === "n" ? top + height : top, edge[1] === "w" ? left + width : left];
  }

  // Corners and places are turned ones and lie between pixels.
  setCorners(one, other) {
    const whole = [one, other].map((corner) =>
      corner.map((at, axis) => clamp(Math.round(at), 0, this.shape[axis])));
    const [top, left] = [0, 1].map((axis) => Math.min(whole[0][axis], whole[1][axis]));
    const [height, width] = [0, 1].map((axis) => Math.abs(whole[0][axis] - whole[1][axis]));
    this.box = this.turned([top, left, height, width]);
    this.paintMark();
  }

  moveTo(top, left) {
    const [, , height, width] = this.box;
    const whole = [[top, height], [left, width]].map(([at, length], axis) =>
      clamp(Math.round(at), 0, Math.max(0, this.shape[axis] - length)));
    this.box = this.turned([...whole, height, width]);
    this.paintMark();
  }

  // Outwards from the whole picture, the page scrolls on. A trackpad's pinch arrives as a wheel with Ctrl.
  onWheel(event) {
    if (event.deltaY > 0 && this.viewer.zoom === 1 && !event.ctrlKey) return;
    event.preventDefault();
    const pace = event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.002;
    this.viewer.zoomTo(this.viewer.zoom * Math.exp(-event.deltaY * pace), this, event);
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const way = arrows[event.key], { viewer } = this;
    if (event.key === " ") this.holdSpace(true);
    else if (event.key === "+" || event.key === "=") viewer.zoomTo(viewer.zoom * ZOOM_STEP);
    else if (event.key === "-") viewer.zoomTo(viewer.zoom / ZOOM_STEP);
    else if (event.key === "0") viewer.zoomTo(1);
    else if (event.key.toLowerCase() === "p") viewer.setPanning(!viewer.isPanning);
    else if (way && this.isPanning) {
      const [down, right] = way.map((sign, axis) => sign * PAN_SHARE * this.seen[axis]);
      this.panTo(this.top + down, this.left + right);
    } else if (way || event.key === "Enter" || event.key === "Escape") this.changeBox(event, way);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Enter puts a box in the middle, arrows move it, with Shift they resize it, Escape takes it away.
  changeBox({ key, shiftKey }, way) {
    if (key === "Escape") this.box = null;
    else if (!this.box) {
      const [y, x] = this.middle(), half = Math.min(...this.seen) / 10;
      this.setCorners([y - half, x - half], [y + half, x + half]);
    } else if (way) {
      const step = Math.max(1, Math.round((SHARE * Math.max(...this.shape)) / this.viewer.zoom));
      const [top, left, height, width] = this.turned(this.box), [down, right] = way;
      if (shiftKey) {
        this.setCorners([top, left], [
          top + Math.max(step, height + down * step), left + Math.max(step, width + right * step),
        ]);
      } else this.moveTo(top + down * step, left + right * step);
      this.reveal();
    }
    this.paintMark();
    this.viewer.tellSoon();
  }

  // Pans to a box that left what is seen.
  reveal() {
    const [top, left, height, width] = this.turned(this.box), [rows, columns] = this.seen;
    this.panTo(clamp(this.top, top + height - rows, top), clamp(this.left, left + width - columns, left));
  }

  paint(table) {
    this.stage.classList.toggle("is-panning", this.isPanning);
    this.paintMark();
    const frame = this.stage.getBoundingClientRect();
    const [width, height] = [frame.width, frame.height].map((length) => Math.round(length * devicePixelRatio));
    if (!width || !height || !this.picture.naturalWidth) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const down = this.picture.naturalHeight / this.shape[0], across = this.picture.naturalWidth / this.shape[1];
    const [top, left, rows, columns] = this.turned([this.top, this.left, ...this.seen]);
    this.context.setTransform(this.isMirrored ? -1 : 1, 0, 0, 1, this.isMirrored ? width : 0, 0);
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(
      this.picture, left * across, top * down, columns * across, rows * down, 0, 0, width, height);
    const pixels = this.context.getImageData(0, 0, width, height);
    const colours = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < colours.length; i++) colours[i] = table[colours[i] & 255];
    this.context.putImageData(pixels, 0, 0);
  }

  paintMark() {
    this.mark.hidden = !this.box;
    if (!this.box) {
      this.status.textContent = "No box yet.";
      return;
    }
    const [top, left, height, width] = this.turned(this.box), [rows, columns] = this.seen;
    const share = (value, of) => `${(100 * value) / of}%`;
    Object.assign(this.mark.style, {
      top: share(top - this.top, rows), left: share(left - this.left, columns),
      height: share(height, rows), width: share(width, columns),
    });
    this.status.textContent = `Box: ${this.box[3]} × ${this.box[2]} pixels at column ${this.box[1]}, row ${this.box[0]}.`;
  }
}
