// A wall: dashboards in turn, the clock, the whole screen on a click or with F. Space stops the turn, arrows go on.
import "./board.js";
import { dateTime } from "../console/texts.js";
import { node } from "./words.js";

const stage = document.getElementById("wall");
const ROWS = 12;
const boards = JSON.parse(document.getElementById("wall-boards").textContent).flatMap(screens);
const every = Number(stage.dataset.every) * 1000;
const title = document.getElementById("wall-title");
const clock = document.getElementById("wall-clock");
const dots = document.getElementById("wall-dots");
let at = -1;
let timer = 0;
let standing = false;

document.documentElement.dataset.bsTheme = "dark";
if (boards.length > 1) dots.replaceChildren(...boards.map(() => node("i")));

/** What is too long for one screen becomes several, parted between widgets. */
function screens(board) {
  const parts = [];
  let top = 0;
  for (const widget of board.document.widgets ?? []) {
    const last = parts.at(-1);
    if (!last || widget.y + widget.h - top > ROWS) {
      top = widget.y;
      parts.push([]);
    }
    parts.at(-1).push({ ...widget, y: Math.max(widget.y - top, 0) });
  }
  return (parts.length ? parts : [[]]).map((widgets) => ({ ...board, document: { ...board.document, widgets } }));
}

function show(next) {
  clearTimeout(timer);
  at = (next + boards.length) % boards.length;
  const made = document.createElement("dash-board");
  made.given = structuredClone(boards[at]);
  stage.querySelector("dash-board")?.remove();
  stage.append(made);
  title.textContent = boards[at].name;
  title.href = `/data/dashboards/${boards[at].id}/`;
  [...dots.children].forEach((dot, place) => dot.toggleAttribute("data-now", place === at));
  if (boards.length > 1 && !standing) timer = setTimeout(() => show(at + 1), every);
}

function whole() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") show(at + (event.key === "ArrowRight" ? 1 : -1));
  else if (event.key === " ") {
    event.preventDefault();
    standing = !standing;
    show(at);
  } else if (event.key.toLowerCase() === "f") whole();
});
document.getElementById("wall-full").addEventListener("click", whole);
setInterval(() => {
  clock.textContent = dateTime(Date.now());
}, 1000);
clock.textContent = dateTime(Date.now());
show(0);
