// Sentences of dashboards in the page's language.
const source = document.getElementById("dash-texts");
const sentences = source ? JSON.parse(source.textContent) : {};

/** The translation of an English text; `{name}` is filled from `values`. */
export function say(english, values = {}) {
  return (sentences[english] ?? english).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** An element with a class and a text. */
export function node(tag, name = "", content = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (content) made.textContent = content;
  return made;
}

/** An icon of the console. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(space, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  made.append(use);
  return made;
}

/** A button with an icon whose name is read aloud. */
export function iconButton(name, label, press) {
  const made = node("button", "plain-button");
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  made.append(icon(name));
  made.addEventListener("click", press);
  return made;
}

/** Ask this node; what it refuses becomes an error with `code` and `message`. */
export async function ask(address, { method = "GET", body, form } = {}) {
  const token = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
  const options = { method, headers: { Accept: "application/json", "X-CSRFToken": token } };
  if (form) options.body = form;
  else if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(address, options);
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw Object.assign(new Error([told.message, told.remedy].filter(Boolean).join(" ") || say("The node does not answer.")), {
      code: told.code ?? "", status: answer.status,
    });
  }
  return told;
}
