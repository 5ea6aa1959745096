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
