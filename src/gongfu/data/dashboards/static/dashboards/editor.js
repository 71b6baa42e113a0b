// Editing a dashboard: add, move, resize, choose tags; by pointer, by keyboard, by numbers. Saved without a reload.
import { below, clamp, COLUMNS, place, settle } from "./grid.js";
import { fields } from "./fields.js";
import { NAMES } from "./views.js";
import { ask, iconButton, node, say } from "./words.js";

const SIZES = { trend: [6, 5], number: [3, 2], gauge: [3, 4], states: [12, 2], heat: [6, 5], pareto: [6, 5], table: [6, 5], image: [8, 7], text: [4, 2] };

export class Editor {
  constructor(board) {
    this.board = board;
    this.before = structuredClone(board.document);
    this.panel = node("aside", "dash-panel card");
    this.panel.setAttribute("aria-label", say("Arrange"));
    board.append(this.panel);
    this.leaving = (event) => {
      if (this.dirty) event.preventDefault();
    };
    addEventListener("beforeunload", this.leaving);
    this.showBoard();
  }

  get dirty() {
    return JSON.stringify(this.before) !== JSON.stringify(this.board.document);
  }

  /** The tools in the bar and on every widget. */
  dress() {
    const { tools, grid } = this.board;
    const button = (label, name, press, primary) => {
      const made = node("button", primary ? "btn btn-primary" : "btn", say(label));
      made.type = "button";
      made.dataset[name] = "";
      made.addEventListener("click", press);
      return made;
    };
    this.status ??= node("span", "dash-status");
    this.status.setAttribute("role", "status");
    tools.replaceChildren(this.status, button("Add a widget", "add", () => this.add()), button("Done", "save", () => this.save(), true));
    for (const widget of this.board.widgets) {
      const box = grid.querySelector(`[data-widget="${CSS.escape(widget.id)}"]`);
      if (box && !box.querySelector(".dash-grip")) this.handles(box, widget);
    }
  }

  handles(box, widget) {
    const what = widget.title || say(NAMES[widget.kind]);
    const tools = box.querySelector(".dash-widget-tools");
    const grip = iconButton("dots", say("Drag to move {what}", { what }), () => {});
    grip.classList.add("dash-grip");
    const size = iconButton("zoom-in", say("Drag to resize {what}", { what }), () => {});
    size.classList.add("dash-size");
    tools.replaceChildren(
      grip,
      iconButton("edit", say("Edit {what}", { what }), () => this.choose(widget)),
      iconButton("trash", say("Remove {what}", { what }), () => this.remove(widget)),
    );
    box.append(size);
    this.drags(grip, box, widget, false);
    this.drags(size, box, widget, true);
    box.querySelector("h2").addEventListener("click", () => this.choose(widget));
  }

  drags(handle, box, widget, resizing) {
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
      const grid = this.board.grid.getBoundingClientRect();
      const wide = grid.width / COLUMNS;
      const tall = parseFloat(getComputedStyle(this.board.grid).gridAutoRows) + parseFloat(getComputedStyle(this.board.grid).rowGap);
      const from = { x: event.clientX, y: event.clientY, widget: { ...widget } };
      box.toggleAttribute("data-dragged", true);
      const move = (moved) => {
        const dx = (moved.clientX - from.x) / wide;
        const dy = (moved.clientY - from.y) / tall;
        if (resizing) Object.assign(widget, { w: from.widget.w + dx, h: from.widget.h + dy });
        else Object.assign(widget, { x: from.widget.x + dx, y: from.widget.y + dy });
        clamp(widget);
        place(box, widget);
      };
      const end = () => {
        handle.removeEventListener("pointermove", move);
        box.toggleAttribute("data-dragged", false);
        this.moved(widget);
      };
      handle.addEventListener("pointermove", move);
      handle.addEventListener("pointerup", end, { once: true });
      handle.addEventListener("pointercancel", end, { once: true });
    });
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!by) return;
      event.preventDefault();
      if (resizing || event.shiftKey) Object.assign(widget, { w: widget.w + by[0], h: widget.h + by[1] });
      else Object.assign(widget, { x: widget.x + by[0], y: widget.y + by[1] });
      clamp(widget);
      this.moved(widget);
    });
  }

  /** After a widget took another place: the others make room. */
  moved(widget) {
    settle(this.board.widgets, widget);
    for (const one of this.board.widgets) {
      const box = this.board.box(one);
      if (box) place(box, one);
    }
    if (this.chosen === widget) this.panel.querySelectorAll("[data-place]").forEach((field) => { field.value = widget[field.dataset.place] + Number(field.dataset.from); });
  }

  /** From the number fields. */
  place(widget) {
    clamp(widget);
    this.moved(widget);
  }

  add() {
    const { widgets } = this.board;
    let number = widgets.length + 1;
    while (widgets.some((one) => one.id === `w${number}`)) number += 1;
    const [w, h] = SIZES.trend;
    const widget = { id: `w${number}`, kind: "trend", x: 0, y: below(widgets), w, h };
    // Beside the last one, where there is room.
    const last = widgets.at(-1);
    if (last && last.x + last.w + w <= COLUMNS && last.h >= h) Object.assign(widget, { x: last.x + last.w, y: last.y });
    widgets.push(widget);
    this.board.grid.querySelector(".dash-empty")?.remove();
    this.board.redraw(widget);
    this.choose(widget);
    this.board.box(widget)?.scrollIntoView({ block: "nearest" });
  }

  remove(widget) {
    const { board } = this;
    board.views.get(widget.id)?.dispose();
    board.views.delete(widget.id);
    board.box(widget)?.remove();
    board.widgets.splice(board.widgets.indexOf(widget), 1);
    if (this.chosen === widget) this.showBoard();
  }

  choose(widget) {
    this.chosen = widget;
    for (const box of this.board.grid.children) box.toggleAttribute("data-chosen", box.dataset.widget === widget.id);
    const head = node("div", "dash-panel-head");
    head.append(node("h2", "", widget.title || say(NAMES[widget.kind])), iconButton("x", say("Done"), () => this.showBoard()));
    this.panel.replaceChildren(head, ...fields(widget, this));
    this.panel.querySelector(widget.sources?.length || widget.kind === "text" ? "input" : "[type=search]")?.focus();
  }

  /** What was entered in the panel: draw it at once. `anew` when other fields belong to it now. */
  changed(widget, anew = false) {
    if (anew) {
      // A size that nobody chose follows the kind.
      const [w, h] = SIZES[widget.kind];
      const usual = Object.values(SIZES).some((size) => size[0] === widget.w && size[1] === widget.h);
      if (usual) Object.assign(widget, { w, h });
      clamp(widget);
      this.moved(widget);
      this.choose(widget);
    }
    clearTimeout(this.drawing);
    this.drawing = setTimeout(() => this.board.redraw(widget), 150);
  }

  /** What belongs to the whole dashboard. */
  showBoard() {
    this.chosen = null;
    for (const box of this.board.grid.children) box.removeAttribute("data-chosen");
    const { document } = this.board;
    document.variables ??= {};
    const parts = [node("h2", "", this.board.given.name)];
    for (const [name, label] of [["device", "Device"], ["place", "Place"]]) {
      const line = node("label", "form-check");
      const box = node("input", "form-check-input");
      box.type = "checkbox";
      box.checked = Boolean(document.variables[name]);
      box.addEventListener("change", () => {
        document.variables[name] = box.checked;
      });
      line.append(box, node("span", "form-check-label", `${say("Choose…")} ${say(label)}`));
      parts.push(line);
    }
    this.panel.replaceChildren(...parts);
  }

  async save(over = false) {
    const { board } = this;
    this.say("Saving…");
    const document = structuredClone(board.document);
    try {
      const version = over ? (await ask(`/data/boards/${board.given.id}/newest`)).version : board.given.version;
      const saved = await ask(`/data/boards/${board.given.id}/document`, { method: "PUT", body: { version, document } });
      Object.assign(board.given, saved);
      this.before = structuredClone(saved.document);
      this.end();
      board.dataset.saved = saved.version;
    } catch (error) {
      this.status.replaceChildren(node("span", "dash-error", `${say("Not saved")}: ${error.message}`));
      if (error.code === "outdated") this.conflict();
    }
  }

  conflict() {
    const button = (label, press) => {
      const made = node("button", "btn", say(label));
      made.type = "button";
      made.addEventListener("click", press);
      this.status.append(made);
    };
    button("Load the newer version", async () => {
      Object.assign(this.board.given, await ask(`/data/boards/${this.board.given.id}/newest`));
      this.before = structuredClone(this.board.document);
      this.status.replaceChildren();
      this.showBoard();
      this.board.rebuild();
    });
    button("Save mine over it", () => this.save(true));
  }

  end() {
    removeEventListener("beforeunload", this.leaving);
    this.panel.remove();
    this.board.edited();
  }

  say(sentence) {
    this.status.textContent = say(sentence);
  }
}
