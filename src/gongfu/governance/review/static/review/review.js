// Marks of an expert: sliders beside the numbers, and a draft that keeps itself.
// Saving is asked for a moment after the last change, one request at a time, again until it succeeds.

const form = document.querySelector("form[data-autosave]");
const QUIET_MS = 700;
const AGAIN_MS = 5000;

function pair(row) {
  const [range, number] = row.querySelectorAll("input");
  range.hidden = false;
  range.addEventListener("input", () => {
    number.value = range.value;
    number.dispatchEvent(new Event("input", { bubbles: true }));
  });
  number.addEventListener("input", () => {
    const value = Number(number.value.replace("，", ".").replace(",", "."));
    const wrong = number.value !== "" && !(value >= 0 && value <= Number(range.max));
    number.setAttribute("aria-invalid", String(wrong));
    if (!wrong && number.value !== "") range.value = String(value);
  });
}

function keep(form) {
  const told = form.querySelector(".review-saved");
  let timer = 0;
  let changed = false;
  let busy = false;

  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(save, ms);
  };

  async function save() {
    if (busy || !changed) return;
    busy = true;
    changed = false;
    told.textContent = form.dataset.saving;
    try {
      const answer = await fetch(form.dataset.autosave, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
      });
      const kept = await answer.json();
      if (answer.ok) {
        form.elements.version.value = kept.version;
        told.textContent = `${form.dataset.saved} ${kept.at}`;
        told.classList.remove("late");
      } else {
        told.textContent = kept.error;
        told.classList.add("late");
      }
    } catch {
      changed = true;
      told.textContent = form.dataset.failed;
      told.classList.add("late");
      later(AGAIN_MS);
    } finally {
      busy = false;
      if (changed && !told.classList.contains("late")) later(QUIET_MS);
    }
  }

  form.addEventListener("input", () => {
    changed = true;
    told.classList.remove("late");
    later(QUIET_MS);
  });
  form.addEventListener("submit", () => {
    changed = false;
    clearTimeout(timer);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) save();
  });
  window.addEventListener("beforeunload", (event) => {
    if (changed || busy) event.preventDefault();
  });
}

for (const row of document.querySelectorAll(".review-mark-row")) pair(row);
if (form) keep(form);
