// The map's page: the drawing, the plan, and the panel beside them that shows what was chosen.
import "./network-map.js";
import "./site-plan.js";
import { post } from "./sending.js";

const panel = () => document.getElementById("map-panel");
let asking = null;

/** Show the facts of a node or link beside the drawing. */
async function choose(key) {
  const target = panel();
  if (!target) return;
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(`${target.dataset.src}&node=${encodeURIComponent(key)}`, { signal: asking.signal });
    if (!answer.ok) return;
    target.innerHTML = await answer.text();
    target.dataset.node = key;
    if (matchMedia("(max-width: 991.98px)").matches) target.scrollIntoView({ block: "start" });
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

document.addEventListener("map-choose", (event) => choose(event.detail));
document.addEventListener("click", (event) => {
  const picked = event.target.closest(".map-pick");
  if (picked) {
    choose(picked.dataset.node);
    return;
  }
  const button = event.target.closest("[data-map]");
  const map = document.querySelector("network-map");
  if (!button || !map) return;
  if (button.dataset.map === "draw") {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    document.getElementById("link-kind").hidden = !on;
    map.drawing = on;
  } else if (button.dataset.map === "reset") {
    if (confirm(button.dataset.ask)) post("/network/map/forget", map.getAttribute("org"), {}).then(() => map.load());
  } else if (button.dataset.map === "whole") {
    map.whole();
  } else if (button.dataset.map === "in" || button.dataset.map === "out") {
    map.zoom(button.dataset.map === "in" ? 1 / 1.3 : 1.3);
  } else {
    map.save(button.dataset.map);
  }
});
document.getElementById("org")?.addEventListener("change", (event) => event.target.form.submit());
// What is open in the list stays open when it is fetched again.
const opened = new Set();
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id !== "map-list") return;
  opened.clear();
  document.querySelectorAll("#map-list details").forEach((one, index) => one.open && opened.add(index));
  event.target.dataset.seen = "";
});
document.addEventListener("htmx:afterSwap", () => {
  if (!opened.size) return;
  document.querySelectorAll("#map-list details").forEach((one, index) => {
    one.open = opened.has(index);
  });
});
