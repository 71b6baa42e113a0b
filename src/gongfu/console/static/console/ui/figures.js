// A page of figures that keep moving: <main data-figures="/figures.json"> is asked every few seconds.
// The answer names what is on the page already: {"text": {key: text}, "state": {key: [state, label]},
// "spark": {key: [numbers]}, "share": {key: [value, max]}}. Only what differs is touched, so nothing flickers.

const EVERY_MS = 4000;
const page = document.querySelector("[data-figures]");

function put(node, content) {
  if (node.textContent !== content) node.textContent = content;
}

function apply(answer) {
  for (const node of page.querySelectorAll("[data-text]")) {
    const content = answer.text?.[node.dataset.text];
    if (content !== undefined) put(node, content);
  }
  for (const node of page.querySelectorAll("[data-state]")) {
    const state = answer.state?.[node.dataset.state];
    if (!state) continue;
    const name = `state state-${state[0]}`;
    if (node.className !== name) node.className = name;
    put(node, state[1]);
  }
  for (const node of page.querySelectorAll("[data-spark]")) {
    const points = answer.spark?.[node.dataset.spark];
    if (points) node.setAttribute("points", points.join(","));
  }
  for (const node of page.querySelectorAll("progress[data-share]")) {
    const share = answer.share?.[node.dataset.share];
    if (share) [node.value, node.max] = share;
  }
}

async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch(page.dataset.figures, { headers: { Accept: "application/json" } });
      page.toggleAttribute("data-stale", !answer.ok);
      if (answer.ok) apply(await answer.json());
    } catch {
      page.toggleAttribute("data-stale", true);
    }
  }
  setTimeout(refresh, EVERY_MS);
}

if (page) setTimeout(refresh, EVERY_MS);
