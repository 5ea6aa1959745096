// An enhancement only: the link can be copied, and the page printed, without it.
"use strict";

/** «Copier le lien» copies the document's address, which everybody opens under their own rights. */
{
  const copy = document.querySelector("[data-copy]");
  const said = document.getElementById("copied");
  copy?.addEventListener("click", async (event) => {
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(copy.href);
      said.textContent = copy.dataset.copy;
    } catch {
      said.textContent = copy.dataset.failed;
    }
  });
}

{
  const print = document.querySelector("[data-print]");
  if (print) print.hidden = false;
  print?.addEventListener("click", () => window.print());
}
