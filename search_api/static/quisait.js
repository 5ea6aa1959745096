// An enhancement only: every page works without it.
"use strict";

/** «/» goes to the search field, unless somebody is typing. */
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const field = document.getElementById("q");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
});

/** An answer that lets itself be waited for says so, and later that it takes long. */
{
  const SOON_MS = 400;
  const LONG_MS = 6_000;
  const line = document.createElement("p");
  const clocks = [];
  line.setAttribute("role", "status");

  const say = (text) => {
    line.className = text ? "waiting" : "unseen";
    line.textContent = text;
  };

  document.querySelector("form[role=search]")?.append(line);
  say("");
  document.addEventListener("submit", (event) => {
    if (!event.target.contains(line)) return;
    clocks.push(setTimeout(say, SOON_MS, document.body.dataset.waiting));
    clocks.push(setTimeout(say, LONG_MS, document.body.dataset.long));
  });
  // The back button brings the page as it was left.
  addEventListener("pageshow", () => {
    clocks.splice(0).forEach(clearTimeout);
    say("");
  });
}

/** «Favori» acts in place; if that fails, the form is sent as without a script. */
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (!form.matches("form.favourite") || !button) return;
  event.preventDefault();
  const sent = new URLSearchParams(new FormData(form, button));
  const pressed = button.getAttribute("aria-pressed") !== "true";
  const answer = await fetch(form.action, { method: "POST", body: sent, redirect: "manual" }).catch(() => null);
  if (answer?.type !== "opaqueredirect") {
    const act = document.createElement("input");
    act.type = "hidden";
    act.name = button.name;
    act.value = button.value;
    form.append(act);
    form.submit();
    return;
  }
  button.setAttribute("aria-pressed", String(pressed));
  button.value = pressed ? button.dataset.undo : button.dataset.act;
});

/** Whoever signs out leaves no search in the browser (`recent.js` keeps them). */
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.signed-on")) return;
  for (const key of Object.keys(localStorage)) if (key.startsWith("quisait.recent.")) localStorage.removeItem(key);
});

/** What takes long says so, and is not asked for twice. */
document.addEventListener("submit", (event) => {
  const said = event.submitter?.dataset.longWork;
  if (!said) return;
  if (event.target.dataset.working) {
    event.preventDefault();
    return;
  }
  event.target.dataset.working = "true";
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  event.submitter.closest("p").after(line);
  line.className = "waiting";
  line.textContent = said;
  addEventListener("pageshow", () => {
    delete event.target.dataset.working;
    line.remove();
  });
});

/** A notice is told, where the address leads to a place below it. */
{
  const said = document.getElementById("fait-dit");
  if (said && location.hash !== "#fait") {
    const text = said.textContent;
    said.textContent = "";
    setTimeout(() => (said.textContent = text), 150);
  }
}
