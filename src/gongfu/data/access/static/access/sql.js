// The SQL page: run, stop, show as table, lines or bars, keep what was chosen with a saved query.
import { echarts } from "../console/elements/live-chart.js";
import "./editor.js";
import { guess, isNumber, option } from "./chart.js";

const page = document.getElementById("sql-page");
const area = document.getElementById("sql");
const status = document.getElementById("sql-status");
const failure = document.getElementById("sql-error");
const sentences = JSON.parse(document.getElementById("sql-texts").textContent);
const SHOWN = 1000;
let running = null;
let result = null;
let chosen = null;
let kind = "table";
let chart = null;

const element = (tag, content = "", name = "") => Object.assign(document.createElement(tag), { textContent: content, className: name });

function text(sentence, values = {}) {
  return Object.entries(values).reduce((all, [name, value]) => all.replace(`{${name}}`, value), sentences[sentence] ?? sentence);
}

function body(values) {
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) form.append(name, value);
  return { method: "POST", body: form, headers: { "X-CSRFToken": page.dataset.csrf, Accept: "application/json" } };
}

function say(error) {
  failure.hidden = !error;
  failure.replaceChildren();
  if (!error) return;
  const box = element("div");
  box.append(element("p", error.message, "mb-1"));
  if (error.remedy) box.append(element("p", error.remedy, "mb-0"));
  failure.append(box);
}

async function run() {
  if (running) return;
  const id = crypto.randomUUID?.() ?? `run-${Date.now()}-${Math.floor(Math.random() * 1e9)}`;
  running = { id, asked: new AbortController(), from: performance.now() };
  document.getElementById("sql-run").disabled = true;
  document.getElementById("sql-stop").hidden = false;
  say(null);
  const ticking = setInterval(() => {
    status.value = `${text("Running…")} ${((performance.now() - running.from) / 1000).toFixed(1)} s`;
  }, 100);
  try {
    const answer = await fetch(page.dataset.run, { ...body({ sql: area.value, run: id }), signal: running.asked.signal });
    const told = await answer.json();
    if (answer.ok) show(told);
    else {
      status.value = "";
      say(told);
    }
  } catch (error) {
    status.value = error.name === "AbortError" ? text("Stopped.") : "";
    if (error.name !== "AbortError") say({ message: text("The node does not answer.") });
  } finally {
    clearInterval(ticking);
    running = null;
    document.getElementById("sql-run").disabled = false;
    document.getElementById("sql-stop").hidden = true;
  }
}

function stop() {
  if (!running) return;
  fetch(page.dataset.stop, body({ run: running.id })).catch(() => {});
  running.asked.abort();
}

function show(told) {
  result = told;
  const seconds = (told.milliseconds / 1000).toFixed(told.milliseconds < 1000 ? 3 : 1);
  status.value = told.columns.length
    ? text("{rows} rows in {time} s", { rows: told.rows.length, time: seconds })
    : text("The query did nothing that has a result.");
  if (told.more) status.value += ` · ${text("Only the first {rows} rows are shown; a file holds all of them.", { rows: told.rows.length })}`;
  document.getElementById("sql-result").hidden = !told.columns.length;
  if (!told.columns.length) return;
  chosen = remembered() ?? guess(told.columns);
  picks();
  table();
  draw();
}

function table() {
  const made = element("table", "", "table table-sm");
  const head = made.createTHead().insertRow();
  for (const column of result.columns) {
    const cell = element("th", column.name);
    cell.append(element("small", column.type));
    if (isNumber(column)) cell.classList.add("number");
    head.append(cell);
  }
  const rows = made.createTBody();
  for (const row of result.rows.slice(0, SHOWN)) {
    const line = rows.insertRow();
    row.forEach((value, index) => {
      const shown = value === null ? "—" : typeof value === "object" ? JSON.stringify(value) : String(value);
      const cell = line.insertCell();
      cell.textContent = shown;
      cell.title = shown.length > 40 ? shown : "";
      if (isNumber(result.columns[index])) cell.className = "number";
    });
  }
  const box = document.getElementById("sql-table");
  box.replaceChildren(result.rows.length ? made : element("p", text("No rows."), "empty"));
}

function picks() {
  const names = result.columns.map((column, index) => new Option(column.name, index));
  document.getElementById("sql-x").replaceChildren(...names.map((one) => one.cloneNode(true)));
  document.getElementById("sql-y").replaceChildren(
    ...names.filter((one) => isNumber(result.columns[one.value])).map((one) => one.cloneNode(true)),
  );
  document.getElementById("sql-by").replaceChildren(new Option("—", -1), ...names.map((one) => one.cloneNode(true)));
  document.getElementById("sql-x").value = chosen.x;
  document.getElementById("sql-by").value = chosen.by;
  for (const one of document.getElementById("sql-y").options) one.selected = chosen.y.includes(Number(one.value));
}

async function draw() {
  for (const chip of document.querySelectorAll("[data-show]")) chip.setAttribute("aria-pressed", String(chip.dataset.show === kind));
  for (const pick of document.querySelectorAll(".sql-pick")) pick.hidden = kind === "table";
  const canvas = document.getElementById("sql-chart");
  canvas.hidden = kind === "table";
  document.getElementById("sql-table").hidden = kind !== "table";
  document.querySelector("#sql-save [name=chart]").value = kind === "table" || !result ? "" : kept();
  if (kind === "table" || !result) return;
  if (!chosen.y.length) {
    chart?.dispose();
    chart = null;
    canvas.textContent = text("There is nothing to draw: choose a column of numbers.");
    return;
  }
  const library = await echarts();
  if (!chart) {
    canvas.textContent = "";
    chart = library.init(canvas, null, { renderer: "canvas" });
    new ResizeObserver(() => chart?.resize()).observe(canvas);
  }
  chart.setOption(option(canvas, result, chosen, kind), true);
  canvas.setAttribute("aria-label", chosen.y.map((index) => result.columns[index].name).join(", "));
}

const name = (index) => result.columns[index]?.name ?? "";
const kept = () => `${kind}:${name(chosen.x)}:${chosen.y.map(name).join(",")}:${chosen.by >= 0 ? name(chosen.by) : ""}`;

/** What a saved query was drawn with, when its columns are still there. */
function remembered() {
  const saved = document.querySelector("#sql-save [name=chart]").value.split(":");
  if (saved.length < 4) return null;
  const at = (one) => result.columns.findIndex((column) => column.name === one);
  const x = at(saved[1]);
  const y = saved[2].split(",").map(at).filter((index) => index >= 0);
  if (x < 0 || !y.length) return null;
  kind = saved[0] === "bar" ? "bar" : "line";
  return { x, y, by: at(saved[3]) };
}

function catalogue({ detail }) {
  // What joins names to numbers first, the plain tables below it.
  const friendly = ["points", "last_points", "minutes", "hours", "days", "text_points", "events", "series"];
  const place = (table_) => (friendly.indexOf(table_) + 100) % 100;
  const all = Object.entries(detail.tables).sort((a, b) => place(a[0]) - place(b[0]));
  document.getElementById("sql-catalogue").replaceChildren(...all.map(([table_, columns]) => {
    const box = element("details");
    const list = element("ul");
    for (const [column, type] of columns) {
      const item = element("li");
      item.append(element("span", column), element("small", type));
      list.append(item);
    }
    box.append(element("summary", table_), list);
    return box;
  }));
}

document.getElementById("sql-run").addEventListener("click", run);
document.getElementById("sql-stop").addEventListener("click", stop);
area.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
for (const chip of document.querySelectorAll("[data-show]")) {
  chip.addEventListener("click", () => {
    kind = chip.dataset.show;
    draw();
  });
}
for (const id of ["sql-x", "sql-y", "sql-by"]) {
  document.getElementById(id).addEventListener("change", () => {
    chosen = {
      x: Number(document.getElementById("sql-x").value),
      y: [...document.getElementById("sql-y").selectedOptions].map((one) => Number(one.value)),
      by: Number(document.getElementById("sql-by").value),
    };
    draw();
  });
}
for (const again of document.querySelectorAll(".sql-again")) {
  again.addEventListener("click", () => {
    area.value = again.dataset.sql;
    area.focus();
  });
}
document.getElementById("sql-save").addEventListener("submit", (event) => {
  event.target.elements.sql.value = area.value;
});
document.querySelector("sql-editor").addEventListener("words", catalogue);
new MutationObserver(() => draw()).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
