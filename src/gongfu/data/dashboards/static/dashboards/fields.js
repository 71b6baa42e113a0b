// The fields of one widget in the editor's panel.
import { RANGE_NAMES } from "./ranges.js";
import { NAMES } from "./views.js";
import { ask, iconButton, node, say } from "./words.js";

const MEASURES = { last: "Last value", mean: "Mean", min: "Least", max: "Greatest", sum: "Sum", change: "Increase" };
const MOST = { trend: 7, gauge: 1, number: 1, states: 12, heat: 1, pareto: 12, table: 50, image: 50, text: 0 };
let serial = 0;

function line(label, field) {
  const box = node("div", "dash-field");
  const name = node("label", "form-label", say(label));
  field.id ||= `dash-field-${(serial += 1)}`;
  name.htmlFor = field.id;
  box.append(name, field);
  return box;
}

function select(label, choices, value, change) {
  const field = node("select", "form-select");
  for (const [key, name] of Object.entries(choices)) field.add(new Option(say(name), key));
  field.value = value;
  field.addEventListener("change", () => change(field.value));
  return line(label, field);
}

function input(label, value, change, kind = "text", more = {}) {
  const field = node("input", "form-control");
  field.type = kind;
  if (kind === "number") field.step = "any";
  Object.assign(field, more);
  field.value = value ?? "";
  field.addEventListener("input", () => change(field.value));
  return line(label, field);
}

/** Set a number, or take the field away when it is empty. */
function put(widget, name, text) {
  if (text === "" || Number.isNaN(Number(text))) delete widget[name];
  else widget[name] = Number(text);
}

/** All fields of `widget`; `editor.changed()` hears of every change. */
export function fields(widget, editor) {
  const changed = (anew) => editor.changed(widget, anew);
  const parts = [
    select("Kind of widget", NAMES, widget.kind, (kind) => {
      widget.kind = kind;
      widget.sources = (widget.sources ?? []).slice(0, MOST[kind]);
      changed(true);
    }),
    input("Title", widget.title, (text) => {
      widget.title = text.slice(0, 80);
      changed();
    }, "text", { maxLength: 80 }),
  ];
  if (widget.kind === "pareto") {
    parts.push(select("What is counted", { alarms: "Alarms", states: "Hours of each state" }, widget.of ?? "alarms", (of) => {
      widget.of = of;
      changed();
    }));
  }
  if (widget.kind === "number" || widget.kind === "heat") {
    parts.push(select("Measure", MEASURES, widget.measure ?? "last", (measure) => {
      widget.measure = measure;
      changed();
    }));
  }
  if (MOST[widget.kind]) parts.push(tags(widget, editor));
  if (widget.kind === "text") {
    const area = node("textarea", "form-control");
    area.rows = 6;
    area.maxLength = 4000;
    area.value = widget.text ?? "";
    area.addEventListener("input", () => {
      widget.text = area.value;
      changed();
    });
    parts.push(line("Text", area));
  }
  if (widget.kind === "image") parts.push(picture(widget, editor), node("p", "form-hint", say("Drag each value to its place, or move it with the arrow keys.")));
  if (widget.kind === "trend" || widget.kind === "gauge") {
    const names = widget.kind === "trend" ? ["Lower limit", "Upper limit"] : ["Scale from", "Scale to"];
    const pair = node("div", "dash-pair");
    ["low", "high"].forEach((name, index) => pair.append(input(names[index], widget[name], (text) => {
      put(widget, name, text);
      changed();
    }, "number")));
    parts.push(pair);
  }
  if (widget.kind !== "text" && widget.kind !== "image") {
    const pair = node("div", "dash-pair");
    if (["trend", "number", "heat", "states", "pareto"].includes(widget.kind)) {
      pair.append(select("Time", { "": "As the dashboard", ...RANGE_NAMES }, widget.range ?? "", (range) => {
        widget.range = range;
        changed();
      }));
    }
    if (["trend", "gauge", "number", "heat"].includes(widget.kind)) {
      pair.append(input("Decimals", widget.decimals, (text) => {
        put(widget, "decimals", text);
        changed();
      }, "number", { min: 0, max: 9, step: 1 }));
    }
    parts.push(pair);
  }
  parts.push(places(widget, editor));
  return parts;
}

function places(widget, editor) {
  const box = node("div", "dash-places");
  for (const [name, label, from] of [["x", "Column", 1], ["y", "Row", 1], ["w", "Width", 0], ["h", "Height", 0]]) {
    const field = input(label, widget[name] + from, (text) => {
      if (text === "") return;
      widget[name] = Number(text) - from;
      editor.place(widget);
    }, "number", { min: 1, step: 1 });
    const given = field.querySelector("input");
    given.dataset.place = name;
    given.dataset.from = from;
    box.append(field);
  }
  return box;
}

function tags(widget, editor) {
  widget.sources ??= [];
  const box = node("fieldset", "dash-tags");
  box.append(node("legend", "form-label", say("Tags")));
  const chosen = node("ul", "dash-chosen");
  const names = (editor.names ??= new Map());
  const show = () => {
    const known = new Map((editor.board.views.get(widget.id)?.answer?.tags ?? []).map((tag) => [tag.tag, `${tag.device_name} · ${tag.name}`]));
    chosen.replaceChildren(...widget.sources.map((source, place) => {
      const item = node("li");
      const name = source.key || names.get(source.tag) || known.get(source.tag) || `#${source.tag}`;
      item.append(node("span", "", name), iconButton("x", say("Remove {what}", { what: name }), () => {
        widget.sources.splice(place, 1);
        show();
        editor.changed(widget);
      }));
      return item;
    }));
  };
  show();
  const found = node("ul", "dash-found");
  const search = input("Search tags", "", () => look(), "search", { autocomplete: "off" });
  const field = search.querySelector("input");
  let asked = 0;
  const look = async () => {
    const turn = (asked += 1);
    try {
      const answer = await ask(`/data/boards/tags?q=${encodeURIComponent(field.value)}`);
      if (turn !== asked) return;
      found.replaceChildren(...answer.tags.map((tag) => result(tag)));
    } catch (error) {
      found.replaceChildren(node("li", "quiet", error.message));
    }
  };
  const byKey = node("input", "form-check-input");
  byKey.type = "checkbox";
  const result = (tag) => {
    const item = node("li");
    const button = node("button", "plain-button");
    button.type = "button";
    button.append(node("span", "", tag.name), node("small", "", `${tag.device}${tag.unit ? ` · ${tag.unit}` : ""}`));
    button.addEventListener("click", () => {
      const source = byKey.checked ? { key: tag.key } : { tag: tag.tag };
      if (widget.sources.some((one) => one.tag === source.tag && one.key === source.key)) return;
      if (MOST[widget.kind] === 1) widget.sources.length = 0;
      if (widget.sources.length >= MOST[widget.kind]) return;
      if (widget.kind === "image") Object.assign(source, { x: 0.5, y: Math.min(0.1 + 0.1 * widget.sources.length, 0.9) });
      widget.sources.push(source);
      names.set(tag.tag, `${tag.device} · ${tag.name}`);
      show();
      editor.changed(widget);
    });
    item.append(button);
    return item;
  };
  box.append(chosen, search);
  const { variables = {} } = editor.board.document;
  if (variables.device || variables.place) {
    const label = node("label", "form-check");
    label.append(byKey, node("span", "form-check-label", say("Of the chosen device")));
    box.append(label);
  }
  box.append(found);
  look();
  return box;
}

function picture(widget, editor) {
  const field = node("input", "form-control");
  field.type = "file";
  field.accept = "image/png,image/jpeg,image/svg+xml";
  field.addEventListener("change", async () => {
    if (!field.files.length) return;
    const form = new FormData();
    form.append("file", field.files[0]);
    form.append("organisation", editor.board.given.organisation);
    try {
      widget.picture = (await ask("/data/boards/pictures", { method: "POST", form })).picture;
      editor.changed(widget);
    } catch (error) {
      field.setCustomValidity(error.message);
      field.reportValidity();
      field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
    }
  });
  return line("Upload a picture", field);
}

/** Values on a picture can be dragged while it is edited. */
export function pins(view, frame) {
  const { widget } = view;
  for (const pin of frame.querySelectorAll(".dash-pin")) {
    const source = (widget.sources ?? []).find((one) => String(one.tag) === pin.dataset.tag);
    if (!source) continue;
    pin.tabIndex = 0;
    pin.setAttribute("role", "button");
    const put = (x, y) => {
      source.x = Math.round(Math.min(Math.max(x, 0), 1) * 1000) / 1000;
      source.y = Math.round(Math.min(Math.max(y, 0), 1) * 1000) / 1000;
      pin.style.setProperty("--left", source.x);
      pin.style.setProperty("--top", source.y);
    };
    pin.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!by) return;
      event.preventDefault();
      put((source.x ?? 0.5) + by[0] * 0.01, (source.y ?? 0.5) + by[1] * 0.01);
    });
    pin.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      pin.focus();
      pin.setPointerCapture(event.pointerId);
      const area = (frame.querySelector("img") ?? frame).getBoundingClientRect();
      const move = (moved) => put((moved.clientX - area.left) / area.width, (moved.clientY - area.top) / area.height);
      pin.addEventListener("pointermove", move);
      pin.addEventListener("pointerup", () => pin.removeEventListener("pointermove", move), { once: true });
    });
  }
}
