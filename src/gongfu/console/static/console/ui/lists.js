// Lists: choosing rows, choosing columns, filters without empty parameters in the address.

document.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  for (const name of [...new Set(parameters.keys?.() ?? Object.keys(parameters))]) {
    const values = [].concat(parameters.getAll?.(name) ?? parameters[name]);
    if (values.every((value) => value === "")) parameters.delete ? parameters.delete(name) : delete parameters[name];
  }
});

// Fetching again by itself must not take a selection or an open menu away, nor work for a page nobody sees.
document.addEventListener("htmx:beforeRequest", (event) => {
  const poller = event.target.closest?.("[data-poll], [hx-trigger^=every]");
  if (!poller) return;
  const busy = document.hidden || document.querySelector("#selection input[name=pk]:checked, #list details[open]");
  if (busy) event.preventDefault();
});

function count(form) {
  const boxes = [...form.querySelectorAll("input[name=pk]")];
  const chosen = boxes.filter((box) => box.checked).length;
  const bar = form.querySelector(".bulk");
  if (!bar) return;
  bar.hidden = !chosen;
  bar.querySelector("[data-count]").textContent = String(chosen);
  const all = form.querySelector("[data-all]");
  all.checked = chosen > 0 && chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("#selection");
  if (form) {
    if (event.target.matches("[data-all]")) {
      for (const box of form.querySelectorAll("input[name=pk]")) box.checked = event.target.checked;
    }
    count(form);
    return;
  }
  const menu = event.target.closest("#filters details.menu");
  if (menu) {
    const set = [...menu.querySelectorAll("input")].some((input) => (input.type === "checkbox" ? input.checked : input.value));
    menu.querySelector("summary").classList.toggle("chip-on", set);
  }
});

document.addEventListener("submit", (event) => {
  // The address moved on while filters changed: keep what is seen now.
  const now = new URLSearchParams(location.search);
  const view = event.target.closest("form[data-view]");
  if (view) view.elements.query.value = now.toString();
  const columns = event.target.closest("form[data-columns]");
  if (!columns) return;
  for (const hidden of columns.querySelectorAll("input[type=hidden]")) hidden.remove();
  for (const [name, value] of now) {
    if (name === "columns" || name === "page") continue;
    columns.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
});

// A row of a form that its own button takes away.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-remove-row]");
  if (!button) return;
  const row = button.closest("tr");
  const next = row.nextElementSibling;
  if (next?.matches(".row-wrong:not(:has(input))")) next.remove();
  row.remove();
});
