// An enhancement only: without it the link leads to the page itself, whose address can be copied.
"use strict";

/** «Copier le lien» copies a page's address, which everybody opens under their own rights. */
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
