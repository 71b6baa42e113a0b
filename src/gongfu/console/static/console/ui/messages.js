// Messages of the server appear in a corner and leave by themselves, except warnings and errors.

const STAY_MS = 6000;

function leave(message) {
  message.remove();
}

function arm(message) {
  message.querySelector("button")?.addEventListener("click", () => leave(message));
  if (message.matches(".toast-error, .toast-warning")) return;
  let timer = setTimeout(leave, STAY_MS, message);
  message.addEventListener("pointerenter", () => clearTimeout(timer));
  message.addEventListener("pointerleave", () => {
    timer = setTimeout(leave, STAY_MS / 2, message);
  });
}

for (const message of document.querySelectorAll(".toast-message")) arm(message);

/** Show `content` as the server would; `kind` is info, success, warning or error. */
export function say(content, kind = "info") {
  const box = document.querySelector(".toasts");
  const template = document.getElementById("toast-template");
  if (!box || !template) return;
  const message = template.content.firstElementChild.cloneNode(true);
  message.classList.add(`toast-${kind}`);
  message.querySelector("span").textContent = content;
  box.append(message);
  arm(message);
}
