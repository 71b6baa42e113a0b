// <copy-text>88.118.1/x</copy-text>: the text with a button that copies it.
import { text } from "../texts.js";

class CopyText extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("button")) return;
    const content = this.getAttribute("value") ?? this.textContent.trim();
    const sprite = document.documentElement.dataset.icons;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain-button";
    button.title = text("Copy");
    button.setAttribute("aria-label", text("Copy {what}", { what: content }));
    const draw = (name) => {
      button.innerHTML = `<svg class="icon" aria-hidden="true"><use href="${sprite}#${name}"></use></svg>`;
    };
    draw("copy");
    button.addEventListener("click", async () => {
      await copy(content);
      draw("check");
      button.title = text("Copied");
      setTimeout(() => {
        draw("copy");
        button.title = text("Copy");
      }, 1500);
    });
    this.append(" ", button);
  }
}

// The clipboard of the browser exists on https and localhost only; a workshop's tablet may use plain http.
async function copy(content) {
  if (navigator.clipboard) return navigator.clipboard.writeText(content);
  const area = document.createElement("textarea");
  area.value = content;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

customElements.define("copy-text", CopyText);
