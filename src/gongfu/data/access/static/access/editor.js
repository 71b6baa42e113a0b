// <sql-editor src="…">: a textarea that completes tables, columns, functions, devices and tags.
// Without this script it is a textarea. Tab or Enter takes a word, Escape closes, Ctrl Space opens.
const MOST = 40;
const KIND = { table: "⊞", column: "▸", function: "ƒ", keyword: "", device: "◆", tag: "●" };

/** Every word that could be meant, the likelier kinds first; those of the tables named in the text before others. */
export function candidates(words, before, whole) {
  const quoted = /'([^'\n]*)$/.exec(before);
  if (quoted) {
    const begun = quoted[1].toLowerCase();
    const found = [...words.devices.map((name) => ["device", name]), ...words.tags.map((name) => ["tag", name])];
    return { begun: quoted[1], found: match(found, begun) };
  }
  const begun = /[\p{L}_][\p{L}\p{N}_]*$/u.exec(before)?.[0] ?? "";
  if (!begun) return { begun, found: [] };
  const named = Object.keys(words.tables).filter((table) => new RegExp(`\\b${table}\\b`).test(whole));
  const columns = named.flatMap((table) => words.tables[table].map(([name, kind]) => ["column", name, kind]));
  const afterFrom = /\b(from|join|describe|table)\s+[\p{L}_]*$/iu.test(before);
  const tables = Object.keys(words.tables).map((name) => ["table", name]);
  const rest = [
    ...words.keywords.map((name) => ["keyword", name]),
    ...words.functions.map((name) => ["function", name]),
  ];
  return { begun, found: match(afterFrom ? tables : [...columns, ...tables, ...rest], begun.toLowerCase()) };
}

function match(all, begun) {
  const seen = new Set();
  return all.filter(([kind, name]) => {
    const key = `${kind} ${name}`;
    if (seen.has(key) || !name.toLowerCase().startsWith(begun) || name.toLowerCase() === begun) return false;
    seen.add(key);
    return true;
  }).slice(0, MOST);
}

class SqlEditor extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    if (!this.area || this.list) return;
    this.list = document.createElement("ul");
    this.list.className = "sql-words";
    this.list.id = "sql-words";
    this.list.setAttribute("role", "listbox");
    this.list.hidden = true;
    this.mirror = document.createElement("div");
    this.mirror.className = "sql-mirror mono";
    this.mirror.setAttribute("aria-hidden", "true");
    this.append(this.list, this.mirror);
    this.area.setAttribute("aria-controls", this.list.id);
    this.area.setAttribute("aria-autocomplete", "list");
    this.area.addEventListener("input", () => this.open());
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.area.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.area.addEventListener("scroll", () => this.close());
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("li");
      if (item) this.take([...this.list.children].indexOf(item));
    });
    this.load();
  }

  async load() {
    try {
      const answer = await fetch(this.getAttribute("src"), { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      this.words = await answer.json();
      this.dispatchEvent(new CustomEvent("words", { detail: this.words, bubbles: true }));
    } catch {
      // Typing goes on without completion.
    }
  }

  open(asked = false) {
    if (!this.words) return;
    const before = this.area.value.slice(0, this.area.selectionStart);
    const { begun, found } = candidates(this.words, before, this.area.value);
    if (!found.length || (!asked && begun.length < 2 && !before.endsWith("'"))) {
      this.close();
      return;
    }
    this.begun = begun;
    this.found = found;
    this.list.replaceChildren(...found.map(([kind, name, detail], index) => {
      const item = document.createElement("li");
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(index === 0));
      item.id = `sql-word-${index}`;
      const label = document.createElement("span");
      label.textContent = name;
      const small = document.createElement("small");
      small.textContent = detail ?? KIND[kind];
      item.append(label, small);
      return item;
    }));
    this.at = 0;
    this.place(before);
    this.list.hidden = false;
    this.area.setAttribute("aria-activedescendant", "sql-word-0");
  }

  /** Under the caret: the text before it, drawn invisibly in the same type, tells where that is. */
  place(before) {
    const style = getComputedStyle(this.area);
    for (const name of ["font", "lineHeight", "padding", "tabSize", "letterSpacing"]) this.mirror.style[name] = style[name];
    this.mirror.textContent = before;
    const caret = document.createElement("span");
    caret.textContent = "​";
    this.mirror.append(caret);
    const left = Math.min(caret.offsetLeft - this.area.scrollLeft, Math.max(0, this.clientWidth - 260));
    this.list.style.left = `${Math.max(0, left)}px`;
    this.list.style.top = `${caret.offsetTop + caret.offsetHeight - this.area.scrollTop + 2}px`;
  }

  close() {
    this.list.hidden = true;
    this.area.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.open(true);
      return;
    }
    if (this.list.hidden) return;
    if (event.key === "Escape") {
      this.close();
      event.stopPropagation();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.choose((this.at + (event.key === "ArrowDown" ? 1 : this.found.length - 1)) % this.found.length);
    } else if ((event.key === "Enter" && !event.ctrlKey) || event.key === "Tab") {
      this.take(this.at);
    } else {
      return;
    }
    event.preventDefault();
  }

  choose(at) {
    this.at = at;
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
    this.list.children[at].scrollIntoView({ block: "nearest" });
    this.area.setAttribute("aria-activedescendant", `sql-word-${at}`);
  }

  take(at) {
    const [kind, name] = this.found[at];
    const end = this.area.selectionStart;
    const word = kind === "function" ? `${name}(` : name;
    this.area.setRangeText(word, end - this.begun.length, end, "end");
    this.close();
    this.area.focus();
  }
}

customElements.define("sql-editor", SqlEditor);
