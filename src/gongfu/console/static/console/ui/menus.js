// <details class="menu">: one open at a time, closed by Escape and by a click elsewhere, walked with the arrows.

const open = () => document.querySelector("details.menu[open]");

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLElement) || !menu.matches("details.menu") || !menu.open) return;
  for (const other of document.querySelectorAll("details.menu[open]")) {
    if (other !== menu && !other.contains(menu)) other.open = false;
  }
}, true);

document.addEventListener("click", (event) => {
  const menu = open();
  if (menu && !menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = open();
  if (!menu) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target.matches("input, select, textarea")) return;
  const items = [...menu.querySelectorAll(".menu-item")];
  if (!items.length) return;
  event.preventDefault();
  const now = items.indexOf(document.activeElement);
  items[(now + step + items.length) % items.length].focus();
});

// The rooms of the navigation stay as they were left.
const KEY = "gongfu-rooms-closed";
const closed = new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
for (const room of document.querySelectorAll("details.room[data-room]")) {
  if (closed.has(room.dataset.room) && !room.querySelector("[aria-current]")) room.open = false;
  room.addEventListener("toggle", () => {
    if (room.open) closed.delete(room.dataset.room);
    else closed.add(room.dataset.room);
    localStorage.setItem(KEY, JSON.stringify([...closed]));
  });
}

// Theme: shown at once, kept by the server.
for (const button of document.querySelectorAll("button[name=theme]")) {
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    document.documentElement.dataset.theme = button.value;
    for (const other of document.querySelectorAll("button[name=theme]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    const menu = button.closest("details.menu");
    if (menu) menu.open = false;
    const data = new FormData(button.form);
    data.set("theme", button.value);
    await fetch(button.form.action, { method: "POST", body: data, redirect: "manual" });
  });
}
