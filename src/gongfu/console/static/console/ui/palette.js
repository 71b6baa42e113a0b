// Search over pages, devices and identifiers: Ctrl-K, ⌘K or "/". Without scripts its button is a link to /search/.
import { text } from "../texts.js";

const palette = document.getElementById("palette");
const input = palette?.querySelector("input");
const list = palette?.querySelector(".palette-list");
let chosen = 0;
let pending = null;
let timer = 0;

function mark() {
  const options = [...list.querySelectorAll("[role=option]")];
  options.forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
  const now = options[chosen];
  if (now) {
    input.setAttribute("aria-activedescendant", now.id);
    now.scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

function show(results) {
  list.replaceChildren();
  let group = "";
  results.forEach((result, index) => {
    if (result.group !== group) {
      group = result.group;
      const label = document.createElement("div");
      label.className = "menu-label";
      label.textContent = group;
      list.append(label);
    }
    const option = document.createElement("div");
    option.id = `palette-${index}`;
    option.setAttribute("role", "option");
    option.dataset.url = result.url;
    const name = document.createElement("span");
    name.textContent = result.name;
    const detail = document.createElement("span");
    detail.className = "quiet";
    detail.textContent = result.detail;
    option.append(name, detail);
    list.append(option);
  });
  if (!results.length) {
    const nothing = document.createElement("div");
    nothing.className = "menu-label";
    nothing.textContent = text("Nothing found.");
    list.append(nothing);
  }
  chosen = 0;
  mark();
}

async function search() {
  pending?.abort();
  pending = new AbortController();
  try {
    const address = `${palette.dataset.src}?q=${encodeURIComponent(input.value.trim())}`;
    const answer = await fetch(address, { signal: pending.signal, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    show((await answer.json()).results);
  } catch (error) {
    if (error.name !== "AbortError") show([]);
  }
}

function open() {
  if (palette.open) return;
  palette.showModal();
  input.select();
  search();
}

function go(option) {
  if (option) location.href = option.dataset.url;
}

if (palette) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing && !palette.open)) {
      event.preventDefault();
      open();
    }
  });
  document.querySelector(".top-search")?.addEventListener("click", (event) => {
    event.preventDefault();
    open();
  });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 120);
  });
  input.addEventListener("keydown", (event) => {
    const count = list.querySelectorAll("[role=option]").length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && count) {
      event.preventDefault();
      chosen = (chosen + step + count) % count;
      mark();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      go(list.querySelector("[aria-selected=true]"));
    }
  });
  list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));
  palette.addEventListener("click", (event) => {
    if (event.target === palette) palette.close();
  });
}
