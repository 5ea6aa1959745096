// An enhancement only: a document's text unfolds among the results; its page shows the same.
"use strict";

{
  const LONG_MS = 15_000;
  const results = document.querySelector("[data-preview]");

  // The browser parses the page: a policy forbids scripts to make elements of text.
  const fetched = (address) =>
    new Promise((resolve) => {
      const asked = new XMLHttpRequest();
      asked.responseType = "document";
      asked.open("GET", address);
      asked.timeout = LONG_MS;
      asked.addEventListener("loadend", () => resolve(asked.status === 200 ? asked.response : null));
      asked.send();
    });

  const filled = async (region, address) => {
    const line = document.createElement("p");
    line.setAttribute("role", "status");
    region.replaceChildren(line);
    line.textContent = results.dataset.loading;
    region.dataset.asked = "";
    const page = await fetched(address);
    const parts = page ? [...page.querySelectorAll(".reading .body > *, .reading .said")] : [];
    for (const one of parts.flatMap((part) => [part, ...part.querySelectorAll("[id]")])) one.removeAttribute("id");
    for (const one of parts.flatMap((part) => [...part.querySelectorAll("h2")])) one.ariaLevel = "4";
    region.lang = page?.querySelector(".reading")?.lang ?? "";
    if (parts.length) return region.replaceChildren(...parts);
    line.textContent = results.dataset.failed;
    delete region.dataset.asked; // opened again, it is asked for again
  };

  for (const link of results?.querySelectorAll("article.document h3 a") ?? []) {
    const [details, summary, title, region] = ["details", "summary", "span", "div"].map((one) => document.createElement(one));
    details.className = "preview";
    title.className = "unseen";
    title.textContent = `\u00a0: ${link.textContent.trim()}`;
    summary.append(results.dataset.preview, title);
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", summary.textContent);
    region.tabIndex = 0;
    details.append(summary, region);
    details.addEventListener("toggle", () => details.open && region.dataset.asked === undefined && filled(region, link.href));
    link.closest("article").append(details);
  }
}
