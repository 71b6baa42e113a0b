// <site-plan src="/network/map/plans/4.json?view=run" image="…" width="1200" height="800" org="3" plan="4" editable>:
// things on a picture of their site. What stands nowhere yet waits beside it, and is dragged to its place.
import { text } from "../console/texts.js";
import { post, say } from "./sending.js";

const ASK_EVERY_MS = 5000;
const SVG = "http://www.w3.org/2000/svg";

class SitePlan extends HTMLElement {
  connectedCallback() {
    this.width = Number(this.getAttribute("width"));
    this.height = Number(this.getAttribute("height"));
    this.board = document.createElement("div");
    this.board.className = "plan-board";
    this.board.style.aspectRatio = `${this.width} / ${this.height}`;
    const picture = document.createElement("img");
    picture.src = this.getAttribute("image");
    picture.alt = this.getAttribute("name") ?? "";
    picture.draggable = false;
    this.lines = document.createElementNS(SVG, "svg");
    this.lines.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.lines.setAttribute("aria-hidden", "true");
    this.waiting = document.createElement("div");
    this.waiting.className = "plan-waiting";
    this.board.append(picture, this.lines);
    this.replaceChildren(this.board, this.waiting);
    this.pins = new Map();
    this.load();
    this.timer = setInterval(() => {
      if (!document.hidden && !this.held) this.load();
    }, ASK_EVERY_MS);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  get editable() {
    return this.hasAttribute("editable");
  }

  async load() {
    try {
      const answer = await fetch(this.getAttribute("src"), { headers: { Accept: "application/json" } });
      if (answer.ok && !this.held) this.show(await answer.json());
    } catch {
      // What was shown stays.
    }
  }

  show(data) {
    const seen = new Set();
    for (const one of [...data.pins, ...data.waiting]) {
      seen.add(one.id);
      const pin = this.pins.get(one.id) ?? this.make(one);
      pin.firstChild.className = `state state-${one.grade}`;
      pin.firstChild.textContent = one.name;
      pin.lastChild.textContent = one.note;
      pin.classList.toggle("plan-ghost", one.build !== "in_use");
      if (one.x === undefined) {
        if (pin.parentElement !== this.waiting) this.waiting.append(pin);
        pin.style.left = pin.style.top = "";
      } else {
        if (pin.parentElement !== this.board) this.board.append(pin);
        this.put(pin, one.x, one.y);
      }
    }
    for (const [key, pin] of this.pins) {
      if (!seen.has(key)) {
        pin.remove();
        this.pins.delete(key);
      }
    }
    this.waiting.hidden = !this.waiting.children.length;
    this.edges = data.lines;
    this.join();
  }

  /** Links between what stands on the picture. */
  join() {
    const lines = this.edges.flatMap((one) => {
      const [a, b] = [this.pins.get(one.a), this.pins.get(one.b)];
      if (!a?.place || !b?.place) return [];
      const line = document.createElementNS(SVG, "line");
      line.setAttribute("x1", a.place[0]);
      line.setAttribute("y1", a.place[1]);
      line.setAttribute("x2", b.place[0]);
      line.setAttribute("y2", b.place[1]);
      line.setAttribute("class", `plan-line plan-${one.grade} plan-${one.build}`);
      return [line];
    });
    this.lines.replaceChildren(...lines);
  }

  make(one) {
    const pin = document.createElement("button");
    pin.type = "button";
    pin.className = "plan-pin";
    pin.append(document.createElement("span"), document.createElement("small"));
    this.pins.set(one.id, pin);
    let start = null;
    pin.addEventListener("pointerdown", (event) => {
      if (!this.editable || event.button) return;
      start = { x: event.clientX, y: event.clientY, moved: false };
      this.held = pin;
      pin.setPointerCapture(event.pointerId);
    });
    pin.addEventListener("pointermove", (event) => {
      if (!start) return;
      start.moved ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > 5;
      if (!start.moved) return;
      if (pin.parentElement !== this.board) this.board.append(pin);
      const area = this.board.getBoundingClientRect();
      const x = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1) * this.width;
      const y = Math.min(Math.max((event.clientY - area.top) / area.height, 0), 1) * this.height;
      this.put(pin, x, y);
      this.join();
    });
    pin.addEventListener("pointerup", () => {
      const dragged = start?.moved;
      start = this.held = null;
      if (dragged) this.keep(one.id, pin);
    });
    pin.addEventListener("pointercancel", () => {
      start = this.held = null;
      this.load();
    });
    pin.addEventListener("click", () => {
      this.dispatchEvent(new CustomEvent("map-choose", { detail: one.id, bubbles: true }));
    });
    pin.addEventListener("keydown", (event) => this.nudge(event, one.id, pin));
    return pin;
  }

  put(pin, x, y) {
    pin.place = [x, y];
    pin.style.left = `${(100 * x) / this.width}%`;
    pin.style.top = `${(100 * y) / this.height}%`;
  }

  /** Arrow keys move what the mouse would drag. */
  nudge(event, key, pin) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || !this.editable) return;
    event.preventDefault();
    const far = this.width / 100;
    const [x, y] = pin.place ?? [this.width / 2, this.height / 2];
    if (pin.parentElement !== this.board) this.board.append(pin);
    this.put(pin, Math.min(Math.max(x + step[0] * far, 0), this.width), Math.min(Math.max(y + step[1] * far, 0), this.height));
    pin.focus();
    this.join();
    clearTimeout(pin.timer);
    pin.timer = setTimeout(() => this.keep(key, pin), 500);
  }

  async keep(key, pin) {
    const [x, y] = pin.place.map((part) => Math.round(part * 10) / 10);
    try {
      await post("/network/map/move", this.getAttribute("org"), { places: { [key]: [x, y] }, plan: Number(this.getAttribute("plan")) });
    } catch (error) {
      say(error.message || text("Try again"));
    }
    this.load();
  }
}

customElements.define("site-plan", SitePlan);
