// Recent searches, kept in the browser alone, for each reader apart; without it nothing is kept.
"use strict";

{
  const MOST = 8;
  const PREFIX = "quisait.recent.";
  const results = document.querySelector("[data-searched]");
  const shown = document.getElementById("recentes");

  const kept = (key) => {
    try {
      const found = JSON.parse(localStorage.getItem(PREFIX + key) ?? "[]");
      return Array.isArray(found) ? found.filter((one) => typeof one === "string").slice(0, MOST) : [];
    } catch {
      return []; // the browser keeps nothing, or something else wrote there
    }
  };

  const keep = (key, searches) => {
    try {
      localStorage.setItem(PREFIX + key, JSON.stringify(searches.slice(0, MOST)));
    } catch {
      // nothing is kept
    }
  };

  if (results) {
    const { reader, searched } = results.dataset;
    keep(reader, [searched, ...kept(reader).filter((one) => one !== searched)]);
  }
  if (shown) {
    const key = shown.dataset.reader;
    const searches = kept(key);
    const link = (text) => {
      const item = document.createElement("li");
      const anchor = document.createElement("a");
      anchor.href = `/?q=${encodeURIComponent(text)}`;
      anchor.textContent = text;
      item.append(anchor);
      return item;
    };
    shown.querySelector("ul").replaceChildren(...searches.map(link));
    shown.hidden = !searches.length;
    shown.querySelector("button").addEventListener("click", () => {
      localStorage.removeItem(PREFIX + key);
      shown.querySelector("ul").replaceChildren();
      shown.querySelector("h2").textContent = shown.dataset.gone;
      shown.querySelector("h2").focus();
      shown.querySelectorAll("p").forEach((one) => one.remove());
    });
  }
}
