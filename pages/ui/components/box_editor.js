// A box on a picture, drawn, moved and resized by pointer, finger or keyboard.
//
// Everything counts in pixels of the full picture, which is shown smaller. Python hears of the box when it
// has come to rest, and says so only if numbers were typed instead.

const REST_MS = 350;
const LEAST_PX = 4; // on the screen: anything smaller was a click
const SHARE = 0.01; // of the picture's longer side, per key press
const stages = new WeakMap();

export default function (component) {
  let stage = stages.get(component.parentElement);
  if (!stage) {
    stage = new Stage(component.parentElement);
    stages.set(component.parentElement, stage);
  }
  stage.update(component);
  return () => stages.delete(component.parentElement);
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

class Stage {
  constructor(root) {
    const find = (selector) => root.querySelector(selector);
    this.stage = find(".stage");
    this.picture = find(".picture");
    this.mark = find(".mark");
    this.status = find(".status");
    this.hint = find(".hint");
    this.box = null; // [top, left, height, width]
    this.stage.onpointerdown = (event) => this.onPointerDown(event);
    this.stage.onkeydown = (event) => this.onKey(event);
  }

  update({ data, setStateValue }) {
    this.setState = setStateValue;
    this.shape = data.shape;
    this.hint.textContent = data.hint;
    this.stage.setAttribute("aria-label", data.label);
    if (this.shown !== data.picture) {
      this.shown = data.picture;
      this.picture.src = data.picture;
      this.typed = null;
    }
    const typed = JSON.stringify(data.box);
    if (this.typed !== typed) { // another picture, or typed numbers
      this.typed = typed;
      this.box = data.box;
    }
    this.paint();
  }

  // Pixels of the full picture per pixel of the screen, and where the pointer is in the picture.
  get scale() { return this.shape[1] / this.picture.getBoundingClientRect().width; }

  place(event) {
    const frame = this.picture.getBoundingClientRect();
    return [
      clamp((event.clientY - frame.top) * this.scale, 0, this.shape[0]),
      clamp((event.clientX - frame.left) * this.scale, 0, this.shape[1]),
    ];
  }

  onPointerDown(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    this.stage.focus({ preventScroll: true });
    const start = this.place(event), before = this.box && [...this.box];
    const edge = event.target.dataset?.edge;
    const isMove = !edge && event.target === this.mark;
    this.stage.setPointerCapture(event.pointerId);
    this.stage.onpointermove = (move) => {
      const now = this.place(move);
      if (edge) this.setCorners(...this.opposite(before, edge), ...now);
      else if (isMove) this.moveTo(before[0] + now[0] - start[0], before[1] + now[1] - start[1]);
      else this.setCorners(...start, ...now);
    };
    this.stage.onpointerup = this.stage.onpointercancel = () => {
      this.stage.onpointermove = this.stage.onpointerup = this.stage.onpointercancel = null;
      if (this.box && Math.min(this.box[2], this.box[3]) < LEAST_PX * this.scale) this.box = before;
      this.paint();
      this.tellSoon();
    };
  }

  opposite([top, left, height, width], edge) {
    return [edge[0] === "n" ? top + height : top, edge[1] === "w" ? left + width : left];
  }

  setCorners(y1, x1, y2, x2) {
    this.box = [Math.min(y1, y2), Math.min(x1, x2), Math.abs(y2 - y1), Math.abs(x2 - x1)];
    this.paint();
  }

  moveTo(top, left) {
    const [, , height, width] = this.box;
    this.box = [
      clamp(top, 0, Math.max(0, this.shape[0] - height)),
      clamp(left, 0, Math.max(0, this.shape[1] - width)), height, width,
    ];
    this.paint();
  }

  // Arrows move, with Shift they resize, plus and minus scale, Enter puts a box in the middle, Escape takes it away.
  onKey(event) {
    const step = Math.max(1, Math.round(SHARE * Math.max(...this.shape)));
    const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key === "Escape") this.box = null;
    else if (event.key === "Enter" || (!this.box && event.key in arrows)) {
      if (!this.box) {
        const side = Math.min(...this.shape) / 5;
        this.box = [(this.shape[0] - side) / 2, (this.shape[1] - side) / 2, side, side];
      }
    } else if (!this.box) return;
    else if (event.key in arrows) {
      const [down, right] = arrows[event.key].map((way) => way * step);
      const [top, left, height, width] = this.box;
      if (event.shiftKey) {
        this.box = [
          top, left, clamp(height + down, step, this.shape[0] - top), clamp(width + right, step, this.shape[1] - left),
        ];
      } else this.moveTo(top + down, left + right);
    } else if ("+-=".includes(event.key)) this.grow(event.key === "-" ? -step : step);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.paint();
    this.tellSoon();
  }

  grow(step) {
    const [top, left, height, width] = this.box;
    const [bottom, right] = [top + height + step, left + width + step];
    if (Math.min(height, width) + 2 * step < 1) return;
    const [y, x] = [Math.max(0, top - step), Math.max(0, left - step)];
    this.box = [y, x, Math.min(bottom, this.shape[0]) - y, Math.min(right, this.shape[1]) - x];
  }

  tellSoon() {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.setState("box", this.box && this.rounded()), REST_MS);
  }

  rounded() {
    const [top, left, height, width] = this.box.map(Math.round);
    return [top, left, Math.max(1, height), Math.max(1, width)];
  }

  paint() {
    this.mark.hidden = !this.box;
    if (!this.box) {
      this.status.textContent = "No box yet.";
      return;
    }
    const share = (value, of) => `${(100 * value) / of}%`;
    const [top, left, height, width] = this.rounded();
    Object.assign(this.mark.style, {
      top: share(top, this.shape[0]), left: share(left, this.shape[1]),
      height: share(height, this.shape[0]), width: share(width, this.shape[1]),
    });
    this.status.textContent = `Box: ${width} × ${height} pixels at column ${left}, row ${top}.`;
  }
}
