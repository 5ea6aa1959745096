// An enhancement only: the page is printed without it.
"use strict";

{
  const print = document.querySelector("[data-print]");
  if (print) print.hidden = false;
  print?.addEventListener("click", () => window.print());
}
