// Changes of the map on their way to the node.

/** POST `body` as JSON for organisation `org`; throws an Error with what the node says. */
export async function post(address, org, body) {
  const { "X-CSRFToken": token } = JSON.parse(document.body.getAttribute("hx-headers"));
  const answer = await fetch(`${address}?org=${org}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
  });
  if (answer.ok) return answer.json();
  let said = answer.statusText;
  if (answer.headers.get("Content-Type")?.includes("json")) {
    const told = await answer.json();
    said = told.message ?? told.detail ?? told.title ?? said;
  }
  throw new Error(said);
}

/** A sentence at the edge of the page, as the console shows its own. */
export function say(sentence) {
  const made = document.getElementById("toast-template").content.cloneNode(true);
  made.querySelector("span").textContent = sentence;
  document.querySelector(".toasts").append(made);
}
